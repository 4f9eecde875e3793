// Whether two signed statements of one validator contradict each other, written from rules A1 to A3 of
// docs/consensus.md: a validator is accused once an epoch, in that epoch or the next.
import { encode, type Value } from '../../node/ledger/codec.ts';
import type { EventRow } from './payments-model.ts';
import { bytesOf, Disagreement, hexOf, must, numberOf, type Row, rowOf } from './raw.ts';
import { isSignature } from './signatures.ts';
import type { State } from './state.ts';
import { epochOf, lastEpoch, nameIn, type ValidatorRow } from './validators-model.ts';

const kinds = ['pre-prepare', 'prepare', 'commit', 'view-change', 'new-view'];

function ask(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Disagreement(`evidence: ${what}`);
}

/** The one event that evidence may stand with, in force afterwards. Throws Disagreement for evidence of nothing. */
export function accuse(state: State, chainId: Uint8Array, evidence: Value | undefined, index: number): EventRow {
  const row = must(rowOf(evidence), 'evidence');
  const [type, epoch, number] = row;
  const last = lastEpoch(state);
  ask(epoch === last || epoch === last - 1, 'of this epoch or the one before');
  const { set } = must(epochOf(state, Number(epoch)), 'its epoch');
  const accused = must(set[Number(number)], 'its validator');
  const place = `${epoch}/${nameIn(accused)}`;
  ask(state.get('consortium', 'accused', place) === undefined, 'of one who is accused already');
  if (type === 0) judgeVotes(row, chainId, accused);
  else judgeCosignatures(row, chainId, accused);
  state.set(['consortium', 'accused', place], index);
  return ['consortium', 'accused', [epoch as Value, nameIn(accused)]];
}

interface Statement {
  readonly kind: number;
  readonly view: number;
  readonly height: number;
  readonly digest: Uint8Array;
  readonly signature: Uint8Array;
}

function statementOf(value: Value | undefined): Statement {
  const [kind, view, height, digest, signature] = must(rowOf(value, 5), 'a statement');
  return {
    kind: kinds.indexOf(String(kind)),
    view: must(numberOf(view), 'a view'),
    height: must(numberOf(height), 'a height'),
    digest: must(bytesOf(digest, 32), 'a digest'),
    signature: must(bytesOf(signature, 64), 'a signature'),
  };
}

const isVote = ({ kind }: Statement) => kind <= 2;

function judgeVotes([, epoch, , ...pair]: Row, chainId: Uint8Array, accused: ValidatorRow): void {
  const [first, second] = [statementOf(pair[0]), statementOf(pair[1])];
  ask(pair.length === 2 && inOrder(first, second), 'in its one order');
  ask(contradicts(first, second), 'that an honest validator does not sign');
  for (const { kind, view, height, digest, signature } of [first, second]) {
    const fields = encode([kinds[kind] as string, chainId, epoch as Value, view, height, digest]);
    ask(isSignature('daybook/pbft/v1', fields, accused[2] as Uint8Array, signature), 'signed');
  }
}

function inOrder(a: Statement, b: Statement): boolean {
  const rank = ({ view, height, kind, digest }: Statement) =>
    [view, height, kind].map((each) => String(each).padStart(16, '0')).join('/') + hexOf(digest);
  return rank(a) <= rank(b);
}

/** The height that a statement shows its signer to have been at, where it shows one. */
function heightShown({ kind, height }: Statement): number | undefined {
  if (isVote({ kind } as Statement)) return height;
  return kind === 3 ? height + 1 : undefined;
}

function contradicts(a: Statement, b: Statement): boolean {
  const isOther = Buffer.compare(a.digest, b.digest) !== 0;
  if (a.view < b.view) {
    const [before, after] = [heightShown(a), heightShown(b)];
    return before !== undefined && after !== undefined && before > after;
  }
  if (isVote(a) && isVote(b)) return a.height === b.height && isOther;
  if (a.kind === b.kind) return a.height !== b.height || isOther;
  const [vote, change] = isVote(a) ? [a, b] : [b, a];
  return isVote(vote) && change.kind === 3 && vote.height <= change.height;
}

/** Two roots for one size under the log's name. */
function judgeCosignatures([, , , name, size, ...pair]: Row, chainId: Uint8Array, accused: ValidatorRow): void {
  ask(pair.length === 2 && typeof size === 'number' && typeof name === 'string', 'of two roots');
  const roots = pair.map((each) => {
    const [root, time, signature] = must(rowOf(each, 3), 'a cosignature');
    const hash = must(bytesOf(root, 32), 'a root');
    const text = `${name}/${hexOf(chainId)}\n${size}\n${Buffer.from(hash).toString('base64')}\n`;
    const signed = must(bytesOf(signature, 64), 'a signature');
    ask(isSignature(`cosignature/v1\ntime ${time}\n`, Buffer.from(text), accused[3] as Uint8Array, signed), 'signed');
    return hexOf(hash);
  });
  ask((roots[0] ?? '') < (roots[1] ?? ''), 'of two roots, in order');
}
