// What became of a payment, by transaction id or by reference, with a receipt that is checked here.
import { postingSchema } from '../../contracts/accounts.ts';
import { formatAmount } from '../../node/ledger/amount.ts';
import { parseDigest } from '../../node/ledger/hash.ts';
import { decodeTransaction } from '../../node/ledger/transaction.ts';
import { batchLines } from '../batch-lines.ts';
import type { VerifiedOutcome } from '../client.ts';
import { CliError } from '../exit-codes.ts';
import { firstUse } from '../first-use.ts';
import { outcomeLine, outcomeView } from '../format.ts';
import { keyInfo } from '../keystore.ts';
import { meetPolicy } from '../policy-checkpoint.ts';
import { type CommonOptions, Session } from '../session.ts';

interface Options extends CommonOptions {
  readonly member?: string;
}

export async function run(options: Options, name: string): Promise<void> {
  const session = new Session(options);
  const id = parseDigest(name);
  const member = options.member ?? (id === undefined ? ownMember(session) : '');
  const outcome =
    id === undefined ? (await firstUse(session.client, member, name))?.outcome : await session.client.outcome(id, 0);
  if (outcome === undefined) {
    const what = id === undefined ? `reference ${name} of ${member}` : `transaction ${name}`;
    throw new CliError(
      'failed',
      `nothing final is known of ${what}`,
      `It may still wait, or was never sent${id === undefined ? ', or it is of another --member' : ''}.`,
      'not-found',
    );
  }
  const named = nameOf(outcome, member, name);
  const view = outcomeView(named.member, named.reference, outcome, false, await meetPolicy(session));
  const posting = postingOf(outcome);
  const proven = await batchLines(session.client, outcome);
  session.output.data({ ...view, ...posting, lines: proven }, () => {
    const paid =
      posting === undefined ? [] : [`${posting.amount} ${posting.currency} from ${posting.from} to ${posting.to}`];
    const lines = proven.map((line) => `  line ${line.line}  ${line.reference}  ${line.outcome}`);
    return [...paid, outcomeLine(view), ...lines].join('\n');
  });
}

function ownMember(session: Session): string {
  return keyInfo(session.paths.keys, session.signerName()).member;
}

function nameOf({ verified: { entry } }: VerifiedOutcome, member: string, reference: string) {
  return entry.kind === 1 ? decodeTransaction(entry.transaction).body : { member, reference };
}

/** Who paid whom, from the event that the receipt proves. */
function postingOf({ verified: { entry } }: VerifiedOutcome) {
  const events = entry.kind === 1 || entry.kind === 2 ? entry.events : [];
  const event = events.find(({ type }) => type === 'transferred' || type === 'issued');
  if (event === undefined) return undefined;
  const { debtor, creditor, amount, currency, purpose, date } = postingSchema.read(event.payload);
  return {
    from: debtor.account,
    to: creditor.account,
    amount: formatAmount(amount, currency),
    currency,
    purpose,
    date,
  };
}
