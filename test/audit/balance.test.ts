// Balances proved at every size of a log, present and absent, from an archive and from a node; and proofs changed byte
// by byte.
import test from 'ava';
import { ApiProofs } from '../../node/audit/api-proofs.ts';
import { ArchiveProofs } from '../../node/audit/archive-proofs.ts';
import { ArchiveSource } from '../../node/audit/archive-source.ts';
import {
  type BalanceProof,
  balanceProofSchema,
  encodeBalanceProof,
  verifyBalanceProof,
} from '../../node/audit/balance-proof.ts';
import { proveBalance, recordIn, SizeError } from '../../node/audit/balance-prover.ts';
import { FindingError } from '../../node/audit/chain.ts';
import type { Rule } from '../../node/audit/finding.ts';
import { AccountBook } from '../../node/audit/money.ts';
import { locate } from '../../node/audit/proof-source.ts';
import { StoreSource } from '../../node/audit/source.ts';
import { decodeEntry } from '../../node/ledger/entry.ts';
import { formatNote, parseNote } from '../../node/ledger/note.ts';
import { decodeAs, encodeAs } from '../../node/ledger/schema.ts';
import { running } from '../api/_node.ts';
import { testGenesis } from '../execution/_ledger.ts';
import { accountIds, buildChain } from './_chain.ts';
import { flipped, TestArchive } from './_folder.ts';

const ledger = buildChain(8);
const { genesis } = ledger;
const logSize = ledger.store.head().logSize;
const accounts = [...accountIds, 'ISSUED-CZK', 'NOBODY', 'ACCOUNT-00'];

async function archived(t: Parameters<typeof TestArchive.of>[0]): Promise<ArchiveProofs> {
  const archive = await TestArchive.of(t, new StoreSource(ledger.store));
  return ArchiveProofs.open(new ArchiveSource(archive.folder));
}

/** Every account's balance at each size, by adding up the log: another way than any proof takes. */
function balancesBySize(): ReadonlyMap<string, bigint>[] {
  const book = new AccountBook(new Map([['CZK', 1_000_000_00n]]));
  const bySize: ReadonlyMap<string, bigint>[] = [new Map()];
  for (let index = 0; index < logSize; index++) {
    const entry = decodeEntry(ledger.store.entry(index) ?? new Uint8Array(0));
    const events = entry.kind === 1 || entry.kind === 2 ? entry.events : [];
    for (const event of events) book.apply(event, index);
    bySize.push(new Map([...book.accounts].map(([id, { balance }]) => [id, balance])));
  }
  return bySize;
}
const bySize = balancesBySize();

test('at every size of the log each balance, and each absence, is proved offline', async (t) => {
  const source = await archived(t);
  for (const account of accounts)
    for (let at = 1; at <= logSize; at += 3) {
      const { encoded, proven } = await proveBalance(source, { account, at, genesis });
      t.true(proven.from <= at && at <= proven.to);
      t.is(proven.balance?.amount, bySize[at]?.get(account), `${account} at ${at}`);
      t.deepEqual(verifyBalanceProof(encoded, genesis), proven);
    }
});

test('a node proves the same, the newest balance included', async (t) => {
  const { node, port } = await running(t);
  node.settle(node.transfer('A', 'B', 20_00n));
  const source = new ApiProofs(`http://127.0.0.1:${port}`);
  const of = async (account: string, at?: number) =>
    (await proveBalance(source, { account, at, genesis: node.ledger.genesis })).proven.balance?.amount;
  t.is(await of('A'), 80_00n);
  t.is(await of('B'), 20_00n);
  t.is(await of('ISSUED-CZK'), -100_00n);
  t.is(await of('C'), undefined);
  t.is(await of('A', 1), undefined);
  t.is(await of('A', 5), 100_00n);
  t.is(await of('B', 5), 0n);
  await t.throwsAsync(of('A', 99), { instanceOf: SizeError });
});

/** What a proof says, or the rule that it breaks. */
function judged(bytes: Uint8Array): Rule | ReturnType<typeof verifyBalanceProof> {
  try {
    return verifyBalanceProof(bytes, genesis);
  } catch (error) {
    if (error instanceof FindingError) return error.finding.rule;
    throw error;
  }
}

test('a flip of any byte of a proof is found, or is none of its meaning', async (t) => {
  const source = await archived(t);
  const questions = [
    { account: 'ACCOUNT-1', at: undefined },
    { account: 'ACCOUNT-1', at: 8 },
  ];
  for (const question of questions) {
    const { encoded, proven } = await proveBalance(source, { ...question, genesis });
    let same = 0;
    for (let at = 0; at < encoded.length; at++) {
      const verdict = judged(flipped(encoded, at));
      if (typeof verdict === 'string') continue;
      t.deepEqual(verdict, proven, `byte ${at}`);
      same++;
    }
    // Names and times of lines under keys that nobody knows.
    t.true(same < 8, `${same} flips of ${encoded.length} pass`);
    for (const length of [0, 1, encoded.length - 1]) t.is(judged(encoded.slice(0, length)), 'proof-form');
  }
});

test('each part of a proof that is not what it must be has its own finding', async (t) => {
  const source = await archived(t);
  const make = async (account: string, at?: number) =>
    decodeAs(balanceProofSchema, (await proveBalance(source, { account, at, genesis })).encoded);
  const now = await make('ACCOUNT-1');
  const past = await make('ACCOUNT-1', 8);
  const other = await make('ISSUED-CZK', 3);
  const { size, state } = await source.state('ACCOUNT-1');
  const newest = await locate(source, recordIn(state)?.lastIndex ?? 0, size);
  const absent = await make('NOBODY');
  const note = parseNote(now.anchor.checkpoint);
  const elsewhere = buildChain(8, 2).checkpointNote(8) ?? new Uint8Array(0);
  const under = (checkpoint: Uint8Array): Partial<BalanceProof> => ({ anchor: { ...now.anchor, checkpoint } });
  const wrong: readonly (readonly [string, BalanceProof, Rule])[] = [
    ['the state of another account', { ...now, account: 'ACCOUNT-2' }, 'proof-state'],
    ['presence called absence of another', { ...absent, account: 'ACCOUNT-1' }, 'proof-state'],
    ['no state proof', { ...now, state: Uint8Array.of(1) }, 'proof-state'],
    ['nothing', { ...now, state: undefined }, 'proof-form'],
    ['both kinds', { ...past, state: now.state }, 'proof-form'],
    ['a gap', { ...past, after: newest }, 'posting'],
    ['entries of two accounts', { ...past, after: other.after }, 'posting'],
    ['the second entry as an opening', { ...past, before: undefined }, 'posting'],
    ['the entries swapped', { ...past, before: past.after, after: past.before }, 'posting'],
    ['a cut path', { ...past, after: past.after && { ...past.after, path: past.after.path.slice(1) } }, 'proof-path'],
    ['another index', { ...past, after: past.after && { ...past.after, index: past.after.index + 1 } }, 'proof-path'],
    ['an index beyond', { ...past, after: past.after && { ...past.after, index: 10 ** 9 } }, 'proof-path'],
    ['a header of another block', { ...now, anchor: { ...now.anchor, header: headerAt(3) } }, 'proof-path'],
    ['no header', { ...now, anchor: { ...now.anchor, header: Uint8Array.of(0x80) } }, 'proof-entry'],
    ['no checkpoint', { ...now, ...under(Uint8Array.of(1)) }, 'checkpoint-form'],
    [
      'an under-signed checkpoint',
      { ...now, ...under(formatNote({ ...note, signatures: note.signatures.slice(1) })) },
      'checkpoint-quorum',
    ],
    ['a checkpoint of another chain of the same validators', { ...now, ...under(elsewhere) }, 'proof-path'],
  ];
  for (const [what, proof, rule] of wrong) {
    t.is(judged(encodeAs(balanceProofSchema, proof)), rule, what);
  }
  const stranger = { ...testGenesis(), name: 'daybook.example/other' };
  const encoded = encodeAs(balanceProofSchema, now);
  t.throws(() => verifyBalanceProof(encoded, stranger), { message: /checkpoint-origin/ });
});

test('the entry that opens an account in genesis proves its absence from no log', async (t) => {
  const source = await archived(t);
  const account = 'ISSUED-CZK';
  const { anchor, size } = await source.state(account);
  const proof = { format: 'daybook/balance-proof/v1', account, anchor, state: undefined, before: undefined } as const;
  t.is(judged(encodeBalanceProof({ ...proof, after: await locate(source, 0, size) })), 'proof-form');
});

function headerAt(height: number): Uint8Array {
  return ledger.store.entry(ledger.store.block(height)?.headerIndex ?? 0) ?? new Uint8Array(0);
}
