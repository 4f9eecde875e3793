import test, { type ExecutionContext } from 'ava';
import { accusedRecords } from '../../contracts/consortium-state.ts';
import { openArguments } from '../../contracts/payments.ts';
import { type ExecutedBlock, isBlockProblem } from '../../node/execution/executor.ts';
import type { CosignedHead } from '../../node/ledger/cosignature.ts';
import { decodeEntry, encodeHeader } from '../../node/ledger/entry.ts';
import { cosignatureEvidenceOf, type Evidence, evidenceOf, evidenceSchema } from '../../node/ledger/evidence.ts';
import { decodeAs, encodeAs } from '../../node/ledger/schema.ts';
import { cosignedBy, digestNamed, doubleCommit, statementBy } from './_evidence.ts';
import { clearing, factsOf, seedOf, TestLedger } from './_ledger.ts';

function open(ledger: TestLedger, account = 'A') {
  const terms = { account, branch: 'NORTH', currency: 'CZK', overdraftLimit: 0n, openingBalance: 0n };
  return ledger.transaction(clearing, 'payments', 'open', openArguments(terms));
}

function proposed(ledger: TestLedger, evidence: readonly Evidence[], accounts: readonly string[] = []): ExecutedBlock {
  const { lastCommit, time } = ledger;
  const candidates = accounts.map((account) => open(ledger, account));
  const { block } = ledger.executor.propose({ proposer: 0, timestamp: time + 1, lastCommit, evidence, candidates });
  if (block === undefined) throw new Error('nothing was proposed');
  return block;
}

function bodyOf({ headerBytes: header, evidence, transactions }: ExecutedBlock) {
  return { header, evidence, transactions: transactions.map(({ bytes }) => bytes) };
}

function expectRefused(t: ExecutionContext, ledger: TestLedger, evidence: Evidence, why: RegExp): void {
  const { header, transactions } = bodyOf(proposed(ledger, [], ['Z']));
  const result = ledger.executor.execute({ header, evidence, transactions });
  t.true(isBlockProblem(result) && result.rule === 'evidence', 'the block is invalid');
  t.regex(isBlockProblem(result) ? result.detail : '', why);
  t.regex(ledger.executor.evidenceProblem(evidence)?.detail ?? '', why, 'and nobody proposes it');
}

test('[A3] evidence is the first entry of its block, and others come to the same block', (t) => {
  const [one, other, third] = [new TestLedger(), new TestLedger(), new TestLedger()];
  const evidence = doubleCommit(one.chainId, 3);
  const block = proposed(one, [evidence], ['A']);
  t.deepEqual(
    block.commit.entries.map((bytes) => decodeEntry(bytes).kind),
    [4, 1, 3],
  );
  t.deepEqual(factsOf(other.executor.execute(bodyOf(block))), factsOf(block));
  t.deepEqual(factsOf(third.executor.replay(block.commit.entries)), factsOf(block));
  one.commit(block);
  const mark = one.store.get('consortium/accused/0/node-3') ?? new Uint8Array(0);
  t.is(decodeAs(accusedRecords.schema, mark), block.commit.block.firstIndex);
  const entry = decodeEntry(block.commit.entries[0] ?? mark);
  t.deepEqual(entry.kind === 4 ? entry.events : [], [
    { contract: 'consortium', type: 'accused', payload: [0, 'node-3'] },
  ]);
});

test('[A3] evidence alone makes a block, and a proposer takes the first that may stand, one a block', (t) => {
  const ledger = new TestLedger();
  const block = proposed(ledger, [
    doubleCommit(ledger.chainId, 4),
    doubleCommit(ledger.chainId, 2),
    doubleCommit(ledger.chainId, 1),
  ]);
  t.is(block.evidence?.validator, 2);
  t.is(block.commit.entries.length, 2);
  t.false(isBlockProblem(ledger.executor.execute(bodyOf(block))));
  const { header, transactions } = bodyOf(block);
  const empty = ledger.executor.execute({ header, evidence: undefined, transactions });
  t.true(isBlockProblem(empty) && empty.rule === 'limits', 'nor is a block without its evidence valid');
});

test('[A3] a validator is accused once an epoch', (t) => {
  const ledger = new TestLedger();
  ledger.commit(proposed(ledger, [doubleCommit(ledger.chainId, 2)]));
  expectRefused(t, ledger, doubleCommit(ledger.chainId, 2), /node-2 is accused in epoch 0 already/);
  expectRefused(t, ledger, doubleCommit(ledger.chainId, 2, { names: ['c', 'd'] }), /already/);
  t.is(ledger.executor.evidenceProblem(doubleCommit(ledger.chainId, 1)), undefined, 'another may be');
});

test('[A3] evidence that proves nothing makes a block invalid', (t) => {
  const ledger = new TestLedger();
  const good = doubleCommit(ledger.chainId, 2);
  const { first, second } = good;
  expectRefused(t, ledger, { ...good, second: { ...second, signature: first.signature } }, /does not verify/);
  expectRefused(t, ledger, { ...good, validator: 1 }, /does not verify/);
  expectRefused(t, ledger, { ...good, validator: 4 }, /no validator 4/);
  expectRefused(t, ledger, { ...good, first: second, second: first }, /order/);
  expectRefused(t, ledger, doubleCommit(ledger.chainId, 2, { epoch: 1 }), /epoch 1 is neither/);
  expectRefused(t, ledger, doubleCommit(seedOf('another chain'), 2), /does not verify/);
  const [prepare, commit] = (['prepare', 'commit'] as const).map((kind) => {
    return statementBy(ledger.chainId, 2, kind, { epoch: 0, view: 0, height: 7, digest: digestNamed('a') });
  });
  if (prepare === undefined || commit === undefined) return t.fail();
  expectRefused(t, ledger, evidenceOf(0, 2, prepare, commit), /honest validator may sign both/);
});

test('[A2] two cosignatures of one size and two roots are evidence, and those of one log are not', (t) => {
  const ledger = new TestLedger();
  const { name } = ledger.genesis;
  const cosigned = (root: string, more: { size?: number; time?: number; ledger?: string } = {}, by = 2) =>
    cosignedBy(ledger.chainId, by, { root: digestNamed(root), ...more });
  const pair = (first: CosignedHead, second: CosignedHead) => cosignatureEvidenceOf(0, name, { first, second });
  const good = pair(cosigned('b'), cosigned('a', { time: 2_000 }));
  t.deepEqual(pair(cosigned('a', { time: 2_000 }), cosigned('b')), good, 'one form, whichever came first');
  t.deepEqual(decodeAs(evidenceSchema, encodeAs(evidenceSchema, good)), good);
  const { first, second } = good;
  expectRefused(t, ledger, { ...good, first: second, second: first }, /order/);
  expectRefused(t, ledger, pair(cosigned('a'), cosigned('a', { time: 2_000 })), /one root/);
  expectRefused(t, ledger, pair(cosigned('a'), cosigned('b', { size: 10 })), /does not verify/);
  expectRefused(t, ledger, pair(cosigned('a'), cosigned('b', {}, 1)), /does not verify/);
  expectRefused(t, ledger, pair(cosigned('a'), cosigned('b', { ledger: 'daybook.example/other' })), /not verify/);
  expectRefused(t, ledger, { ...good, name: 'daybook.example/other' }, /does not verify/);
  expectRefused(t, ledger, { ...good, validator: 3 }, /does not verify/);
  const block = proposed(ledger, [good]);
  t.false(isBlockProblem(ledger.executor.replay(block.commit.entries)));
  ledger.commit(block);
  expectRefused(t, ledger, doubleCommit(ledger.chainId, 2), /node-2 is accused in epoch 0 already/);
});

test('[A3] a block as it is stored has one piece of evidence, in its place', (t) => {
  const ledger = new TestLedger();
  const block = proposed(ledger, [doubleCommit(ledger.chainId, 2)], ['A']);
  const [evidence, transaction, header] = block.commit.entries;
  if (evidence === undefined || transaction === undefined || header === undefined) return t.fail();
  for (const entries of [
    [transaction, evidence, header],
    [evidence, evidence, transaction, header],
    [transaction, header],
  ])
    t.true(isBlockProblem(ledger.executor.replay(entries)));
  const { header: fields } = block;
  t.true(isBlockProblem(ledger.executor.replay([evidence, encodeHeader({ ...fields, stateRoot: seedOf('other') })])));
});
