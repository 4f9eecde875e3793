// Statements of every account over every kind of range, against the account book; and what is said where something is
// missing, changed or out of order.
import test from 'ava';
import { touchesIn } from '../../node/audit/account-log.ts';
import { judgeAnchor, type Located } from '../../node/audit/anchor.ts';
import { ArchiveProofs } from '../../node/audit/archive-proofs.ts';
import { ArchiveSource } from '../../node/audit/archive-source.ts';
import { judgeState } from '../../node/audit/balance-proof.ts';
import { SizeError } from '../../node/audit/balance-prover.ts';
import { FindingError } from '../../node/audit/chain.ts';
import { locate, type ProofSource } from '../../node/audit/proof-source.ts';
import { SourceError, StoreSource } from '../../node/audit/source.ts';
import { isReached, judgeStatement, proveStatement } from '../../node/audit/statement.ts';
import { decodeHeader } from '../../node/ledger/entry.ts';
import { accountIds, buildChain } from './_chain.ts';
import { TestArchive } from './_folder.ts';

const ledger = buildChain(12);
const { genesis } = ledger;
const logSize = ledger.store.head().logSize;
const accounts = [...accountIds, 'ISSUED-CZK'];

async function archived(t: Parameters<typeof TestArchive.of>[0]): Promise<ArchiveProofs> {
  const archive = await TestArchive.of(t, new StoreSource(ledger.store));
  return ArchiveProofs.open(new ArchiveSource(archive.folder));
}

function touches(account: string, from: number, to: number) {
  return Array.from({ length: to - from }, (_, i) => from + i).flatMap((index) =>
    touchesIn(ledger.store.entry(index) ?? new Uint8Array(0), account).map((touch) => ({ ...touch, index })),
  );
}

test('a statement holds every posting of its range, between its opening and its closing balance', async (t) => {
  const source = await archived(t);
  const ranges = [0, 1, 5, 9, 12, logSize].flatMap((from) => [from, 11, logSize].map((to) => [from, to] as const));
  for (const account of accounts)
    for (const [from, to] of ranges.filter(([a, b]) => a <= b)) {
      const statement = await proveStatement(source, { account, from: { size: from }, to: { size: to }, genesis });
      t.deepEqual(statement.lines, touches(account, from, to), `${account} ${from} ${to}`);
      const [before, after] = [touches(account, 0, from).at(-1), touches(account, 0, to).at(-1)];
      t.is(statement.opening?.balance, before?.balance);
      t.is(statement.closing?.seq, after?.seq);
    }
  const nobody = await proveStatement(source, { account: 'NOBODY', from: { size: 0 }, to: undefined, genesis });
  t.deepEqual([nobody.lines, nobody.closing], [[], undefined]);
  await t.throwsAsync(proveStatement(source, { account: 'A', from: { size: 9 }, to: { size: 3 }, genesis }), {
    instanceOf: SizeError,
  });
});

test('a day begins with the first block of its time, as two headers prove', async (t) => {
  const source = await archived(t);
  const ends = [1];
  const times: number[] = [];
  for (let height = 1; height <= ledger.store.head().height; height++) {
    const index = ledger.store.block(height)?.headerIndex ?? 0;
    ends.push(index + 1);
    times.push(decodeHeader(ledger.store.entry(index) ?? new Uint8Array(0)).timestamp);
  }
  const account = 'ACCOUNT-1';
  for (const [i, timeMs] of [...times, (times.at(-1) ?? 0) + 1].entries()) {
    const { from } = await proveStatement(source, { account, from: { timeMs }, to: undefined, genesis });
    t.is(from, ends[i] ?? 0, `block ${i + 1}`);
  }
  const lying: ProofSource = proxied(source, { block: () => source.block(3) });
  await t.throwsAsync(proveStatement(lying, { account, from: { timeMs: times[7] ?? 0 }, to: undefined, genesis }), {
    message: /header-height/,
  });
});

test('a log that ends before the range does says up to when it is complete', async (t) => {
  const early = buildChain(6);
  const archive = await TestArchive.of(t, new StoreSource(early.store));
  const [shown, whole] = [await ArchiveProofs.open(new ArchiveSource(archive.folder)), await archived(t)];
  const { timestamp } = early.store.head();
  const to = { timeMs: ledger.store.head().timestamp };
  const question = { account: 'ACCOUNT-0', from: { size: 0 }, to, genesis };
  const [fewer, all] = [await proveStatement(shown, question), await proveStatement(whole, question)];
  t.true(fewer.lines.length < all.lines.length);
  t.deepEqual([fewer.timestamp, all.timestamp], [timestamp, to.timeMs]);
  t.deepEqual([isReached(to, fewer.timestamp), isReached(to, all.timestamp)], [false, true]);
  // The last block's own time is reached, the next millisecond is not: another block may still come before it.
  t.deepEqual(
    [isReached({ timeMs: timestamp }, timestamp), isReached({ timeMs: timestamp + 1 }, timestamp)],
    [true, false],
  );
  t.true(isReached(undefined, timestamp) && isReached({ size: 3 }, timestamp));
});

function proxied(source: ProofSource, changes: Partial<ProofSource>): ProofSource {
  return {
    state: (account) => source.state(account),
    entry: (index) => source.entry(index),
    path: (index, size) => source.path(index, size),
    block: (height) => source.block(height),
    ...changes,
  };
}

test('an entry that is missing or another one leaves no statement', async (t) => {
  const source = await archived(t);
  const account = 'ACCOUNT-1';
  const question = { account, from: { size: 0 }, to: undefined, genesis };
  const [, second] = touches(account, 0, logSize).filter(({ posting }) => posting !== undefined);
  const at = second?.index ?? 0;
  const pruned = proxied(source, {
    entry: (index) => (index === at ? Promise.reject(new SourceError('it is forgotten')) : source.entry(index)),
  });
  const error = await t.throwsAsync(proveStatement(pruned, question), { instanceOf: SourceError });
  t.true(error?.message.startsWith(`the gap: postings of ${account} up to ${second?.seq}, in entry ${at}`));
  const other = proxied(source, { entry: (index) => source.entry(index === at ? at - 1 : index) });
  await t.throwsAsync(proveStatement(other, question), { message: /does not touch|proof-path/ });
});

test('postings that are not contiguous, or end too early, are named', async (t) => {
  const source = await archived(t);
  const account = 'ACCOUNT-1';
  const { anchor, state, size } = await source.state(account);
  const judged = judgeAnchor(anchor, genesis);
  const record = judgeState(state, account, judged);
  const indexes = [...new Set(touches(account, 0, logSize).map(({ index }) => index))];
  const entries: Located[] = [];
  for (const index of indexes) entries.push(await locate(source, index, size));
  t.true(entries.length >= 3);
  const judge = (given: readonly Located[], from = 0, to = logSize) =>
    judgeStatement({ account, from, to, record, entries: given }, judged);
  t.is(judge(entries).lines.length, touches(account, 0, logSize).length);
  const wrong: readonly (readonly [readonly Located[], RegExp])[] = [
    [entries.filter((_, i) => i !== 1), /posting \d+ in entry \d+ does not follow/],
    [[...entries].reverse(), /does not follow/],
    [entries.slice(1), /nothing shows what was before posting/],
    [entries.slice(0, -1), /nothing shows that posting \d+ is the last one/],
    [[], /nothing shows/],
    [entries.map((each, i) => (i === 1 ? { ...each, path: each.path.slice(1) } : each)), /proof-path/],
  ];
  for (const [given, message] of wrong) t.throws(() => judge(given), { instanceOf: FindingError, message });
});
