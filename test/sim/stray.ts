// What a liar says out of place, and no other habit finds: a proposal at the base of its own view or below, a NewView
// in nobody's name, the primary among those who prepare its proposal, and another block where one is certified by now.
import type { Message, NewView, ViewChange } from '../../node/consensus/messages.ts';
import type { Chance } from './chance.ts';
import type { Forger } from './forger.ts';

/** How late another block comes: about when those who got the first one have committed it. */
export function strayDelayMs(chance: Chance): number {
  return chance.pick([5, 20, 100, 300]);
}

/** What goes out beside a message of its own. */
export function straysBeside(message: Message, forger: Forger): Message[] {
  if (message.type === 'view-change') return primaryPrepares(message, forger);
  if (message.type !== 'new-view') return [];
  return [{ ...message, validator: forger.standing.validators }, ...belowItsBase(message, forger)];
}

/** As many as there must be, one of them in the primary's name. */
function primaryPrepares(message: ViewChange, forger: Forger): Message[] {
  const { prepared } = message;
  if (prepared === undefined) return [];
  const { validator } = prepared.prePrepare;
  const [, ...others] = prepared.prepares;
  const own = { validator, signature: forger.signed('prepare', prepared) };
  const prepares = [...others, own].sort((a, b) => a.validator - b.validator);
  return [forger.viewChange(message, { prepared: { ...prepared, prepares } })];
}

/** [V6, P1] Who is behind that base comes into the view all the same, and has that height still open. */
function belowItsBase({ epoch, view, viewChanges }: NewView, forger: Forger): Message[] {
  const base = Math.max(...viewChanges.map(({ committed }) => committed.height));
  const block = forger.last?.block;
  if (block === undefined) return [];
  const heights = [base, base - 1].filter((height) => height > 0);
  return heights.map((height) => forger.proposal({ epoch, view, height, digest: forger.anyDigest() }, block));
}
