import test from 'ava';
import { accountSchema } from '../../contracts/accounts.ts';
import { approveArguments, consortium, proposeArguments } from '../../contracts/consortium.ts';
import {
  batchArguments,
  type OpenArguments,
  openArguments,
  openBatchArguments,
  payments,
  type TransferArguments,
  transferArguments,
} from '../../contracts/payments.ts';
import { type ExecutedBlock, isBlockProblem } from '../../node/execution/executor.ts';
import { treeOf } from '../../node/execution/genesis-commit.ts';
import { type BlockRule, blockRules } from '../../node/execution/header-rules.ts';
import type { CommitCertificate } from '../../node/ledger/certificate.ts';
import { decodeEntry, encodeEntry, encodeHeader } from '../../node/ledger/entry.ts';
import { digestOf, leafHash } from '../../node/ledger/hash.ts';
import type { Header } from '../../node/ledger/header.ts';
import { blockEntryBytesMax, blockTransactionsMax, entryBytesMax } from '../../node/ledger/limits.ts';
import { rootOf } from '../../node/ledger/merkle.ts';
import { decodeAs } from '../../node/ledger/schema.ts';
import type { Transaction } from '../../node/ledger/transaction.ts';
import { StoreError } from '../../node/store/store.ts';
import { prng } from '../_prng.ts';
import {
  clearing,
  factsOf,
  officers,
  outcomesOf,
  seedOf,
  signer,
  TestLedger,
  tellers,
  testGenesis,
} from './_ledger.ts';
import { notes } from './_notes-contract.ts';

const openDefaults: OpenArguments = {
  account: 'A',
  branch: 'NORTH',
  currency: 'CZK',
  overdraftLimit: 0n,
  openingBalance: 0n,
};
const transferDefaults: TransferArguments = { from: 'A', to: 'B', amount: 1n, currency: 'CZK', purpose: '', date: '' };

function opened(ledger: TestLedger): TestLedger {
  const open = (args: Partial<OpenArguments>) =>
    ledger.transaction(clearing, 'payments', 'open', openArguments({ ...openDefaults, ...args }));
  ledger.settle(open({ openingBalance: 10_000n }), open({ account: 'B', overdraftLimit: undefined }));
  return ledger;
}

const pay = (ledger: TestLedger, args: Partial<TransferArguments> = {}, reference?: string): Transaction =>
  ledger.transaction(clearing, 'payments', 'transfer', transferArguments({ ...transferDefaults, ...args }), reference);

function proposed(ledger: TestLedger, ...transactions: Transaction[]): ExecutedBlock {
  const { block } = ledger.propose(...transactions);
  if (block === undefined) throw new Error('nothing was proposed');
  return block;
}

const balance = (ledger: TestLedger, id: string): bigint | undefined => {
  const bytes = ledger.store.get(`payments/accounts/${id}`);
  return bytes === undefined ? undefined : decodeAs(accountSchema, bytes).balance;
};

/** The rule that executing a block breaks, or 'valid'. */
function ruleOf(
  ledger: TestLedger,
  header: Uint8Array,
  transactions: readonly Transaction[],
  trustedLastCommit?: CommitCertificate,
): BlockRule | 'valid' {
  const block = { header, transactions: transactions.map(({ bytes }) => bytes) };
  const result = ledger.executor.execute(block, { trustedLastCommit });
  return isBlockProblem(result) ? result.rule : 'valid';
}

test('what one proposes another executes and replays to the same bytes, from the first block on', (t) => {
  const [one, other, third] = [new TestLedger(), new TestLedger(), new TestLedger()];
  for (let height = 1; height <= 4; height++) {
    const transactions =
      height === 1
        ? ['A', 'B'].map((account) =>
            one.transaction(
              clearing,
              'payments',
              'open',
              openArguments({ ...openDefaults, account, openingBalance: 500n }),
            ),
          )
        : [pay(one, { amount: 3n }), pay(one, { amount: 999_999n }), pay(one, { from: 'B', to: 'A', amount: 2n })];
    const block = proposed(one, ...transactions);
    const executed = other.executor.execute({
      header: block.headerBytes,
      transactions: block.transactions.map(({ bytes }) => bytes),
    });
    t.deepEqual(factsOf(executed), factsOf(block));
    t.deepEqual(factsOf(third.executor.replay(block.commit.entries)), factsOf(block));
    for (const ledger of [one, other, third]) ledger.commit(block);
    t.is(digestOf(treeOf(one.store).root), one.executor.head.stateRoot);
    t.is(digestOf(one.executor.tree.root), one.executor.head.stateRoot);
    const leaves = one.store.entries(0, one.executor.head.logSize - 1).map(leafHash);
    t.deepEqual(rootOf(leaves), block.header.logRoot);
    t.is(block.header.logSize, leaves.length);
  }
  t.is(balance(one, 'A'), 497n);
});

test('executing changes nothing until committed: candidates on one head, in any order, as often as asked', (t) => {
  const ledger = opened(new TestLedger());
  const [first, second] = [pay(ledger, { amount: 1n }), pay(ledger, { amount: 2n })];
  const [a, b, c] = [proposed(ledger, first), proposed(ledger, second), proposed(ledger, second, first)];
  t.is(new Set([a.digest, b.digest, c.digest]).size, 3);
  t.is(ruleOf(ledger, a.headerBytes, [first]), 'valid');
  t.deepEqual(proposed(ledger, second), b);
  ledger.commit(b);
  t.is(ruleOf(ledger, a.headerBytes, [first]), 'height');
  t.is(balance(ledger, 'B'), 2n);
});

test('every header field that is wrong breaks its own rule', (t) => {
  const ledger = opened(new TestLedger());
  const transactions = [pay(ledger), pay(ledger, { from: 'B', to: 'A' })];
  const { header } = proposed(ledger, ...transactions);
  const { lastCommit } = header;
  if (lastCommit === undefined) return t.fail();
  const hash = seedOf('another hash');
  const badSignature = lastCommit.signers.map((each) => ({ ...each, signature: new Uint8Array(64) }));
  const repeated = lastCommit.signers.map(
    () => lastCommit.signers[0] ?? { validator: 0, signature: new Uint8Array(64) },
  );
  const wrong: [BlockRule, Partial<Header>][] = [
    ['chain', { chainId: hash }],
    ['epoch', { epoch: 1 }],
    ['height', { height: header.height + 1 }],
    ['height', { height: header.height - 1 }],
    ['parent', { parent: hash }],
    ['timestamp', { timestamp: ledger.time }],
    ['proposer', { proposer: 4 }],
    ['validator-set', { validatorSetHash: hash }],
    ['last-commit', { lastCommit: undefined }],
    ['last-commit', { lastCommit: { ...lastCommit, height: lastCommit.height + 1 } }],
    ['last-commit', { lastCommit: { ...lastCommit, epoch: 1 } }],
    ['last-commit', { lastCommit: { ...lastCommit, digest: digestOf(hash) } }],
    ['last-commit', { lastCommit: { ...lastCommit, view: 1 } }],
    ['last-commit', { lastCommit: { ...lastCommit, signers: lastCommit.signers.slice(1) } }],
    ['last-commit', { lastCommit: { ...lastCommit, signers: badSignature } }],
    ['last-commit', { lastCommit: { ...lastCommit, signers: repeated } }],
    ['log-size', { logSize: header.logSize + 1 }],
    ['log-root', { logRoot: hash }],
    ['state-root', { stateRoot: hash }],
    ['next-validator-set', { nextValidatorSetHash: hash }],
  ];
  for (const [rule, fields] of wrong)
    t.is(ruleOf(ledger, encodeHeader({ ...header, ...fields }), transactions), rule, Object.keys(fields).join());
  t.is(ruleOf(ledger, encodeHeader(header), transactions), 'valid');
  t.is(
    ruleOf(ledger, encodeHeader({ ...header, proposer: 3 }), transactions),
    'valid',
    'any validator may have built it',
  );
  t.is(ruleOf(ledger, new Uint8Array([1, 2, 3]), transactions), 'header');
  t.is(ruleOf(ledger, proposed(ledger, ...transactions).commit.entries[0] ?? hash, transactions), 'header');
  t.deepEqual(
    blockRules.filter((rule) => !['header', 'limits', 'evidence', 'transaction', 'entries'].includes(rule)),
    [...new Set(wrong.map(([rule]) => rule))],
    'each rule of a header is broken once',
  );
});

test('a first block has no certificate, and every other certificate but the trusted bytes is verified', (t) => {
  const ledger = new TestLedger();
  const open = ledger.transaction(clearing, 'payments', 'open', openArguments(openDefaults));
  const first = proposed(ledger, open);
  const certificate = ledger.certify(first);
  t.is(ruleOf(ledger, encodeHeader({ ...first.header, lastCommit: certificate }), [open]), 'last-commit');
  ledger.commit(first);
  const forged = { ...certificate, signers: certificate.signers.map((each) => ({ ...each, signature: seed64() })) };
  const transaction = pay(ledger);
  const { header } = proposed(ledger, transaction);
  const bytes = encodeHeader({ ...header, lastCommit: forged });
  t.is(ruleOf(ledger, bytes, [transaction]), 'last-commit');
  t.is(ruleOf(ledger, bytes, [transaction], certificate), 'last-commit');
  t.is(ruleOf(ledger, bytes, [transaction], forged), 'valid', 'whoever trusts it has verified it');
  const later = encodeHeader({ ...header, lastCommit: ledger.certify(first, 7) });
  t.is(ruleOf(ledger, later, [transaction], certificate), 'valid', 'any valid certificate of the parent will do');
});

const seed64 = () => new Uint8Array([...seedOf('a'), ...seedOf('b')]);

test('a block holds admissible transactions, one use of a reference, at least one and at most its limit', (t) => {
  const ledger = opened(new TestLedger());
  const good = pay(ledger);
  const { header, headerBytes } = proposed(ledger, good);
  t.is(ruleOf(ledger, headerBytes, []), 'limits');
  t.is(
    ruleOf(
      ledger,
      headerBytes,
      Array.from({ length: blockTransactionsMax + 1 }, () => good),
    ),
    'limits',
  );
  t.is(ruleOf(ledger, headerBytes, [good, good]), 'transaction');
  const altered = { ...good, bytes: good.bytes.map((byte, i) => (i === good.bytes.length - 1 ? byte ^ 1 : byte)) };
  t.is(ruleOf(ledger, headerBytes, [altered]), 'transaction', 'a signature that does not verify');
  t.is(ruleOf(ledger, headerBytes, [{ ...good, bytes: good.bytes.subarray(1) }]), 'transaction', 'no transaction');
  const late = { ...header, timestamp: good.body.validUntil };
  t.is(ruleOf(ledger, encodeHeader(late), [good]), 'transaction', 'expired at the block timestamp');
  ledger.settle(good);
  t.is(ruleOf(ledger, proposed(ledger, pay(ledger)).headerBytes, [good]), 'transaction', 'a replay');
});

test('propose leaves out what is not admissible and says why; with nothing left there is no block', (t) => {
  const ledger = opened(new TestLedger());
  const done = pay(ledger, {}, 'DONE');
  ledger.settle(done);
  const unknown = { ...pay(ledger), publicKey: seedOf('nobody') };
  const another = pay(ledger, { amount: 7n }, 'DONE');
  const good = pay(ledger, {}, 'GOOD');
  const twice = pay(ledger, { amount: 2n }, 'GOOD');
  const { block, left } = ledger.propose(done, unknown, another, good, twice);
  t.deepEqual(
    left.map(({ id, problem }) => [id, problem.code]),
    [
      [done.id, 'reference-used'],
      [unknown.id, 'signer'],
      [another.id, 'reference-used'],
    ],
    'a second use within the block itself is no verdict yet',
  );
  t.deepEqual(
    left.map(({ problem }) => ('replay' in problem ? problem.replay : undefined)),
    [true, undefined, false],
  );
  t.deepEqual(block?.transactions, [good]);
  t.deepEqual(ledger.propose(done), { block: undefined, left: left.slice(0, 1) });
});

test('propose takes at most memberTransactionsMax of one member, and a block with more is invalid', (t) => {
  const strict = opened(new TestLedger(testGenesis({ memberTransactionsMax: 3 })));
  const ofClearing = Array.from({ length: 5 }, () => pay(strict));
  const ofSouth = strict.transaction(tellers.SOUTH, 'payments', 'transfer', transferArguments(transferDefaults));
  const { block, left } = strict.propose(...ofClearing, ofSouth);
  t.deepEqual(block?.transactions, [...ofClearing.slice(0, 3), ofSouth]);
  t.deepEqual(left, [], 'what only has to wait is not reported');
  t.is(ruleOf(strict, block?.headerBytes ?? new Uint8Array(), [...ofClearing.slice(0, 4), ofSouth]), 'limits');
});

test('propose stops at the limit of transactions and at the limit of lines', (t) => {
  const ledger = opened(new TestLedger());
  const singles = Array.from({ length: blockTransactionsMax + 10 }, () => pay(ledger));
  t.is(proposed(ledger, ...singles).transactions.length, blockTransactionsMax);
  const batches = Array.from({ length: 50 }, (_, i) => {
    const lines = Array.from({ length: 200 }, (_, line) => ({ reference: `${i}/${line}`, args: transferDefaults }));
    return ledger.transaction(clearing, 'payments', 'batch', batchArguments(lines));
  });
  const full = proposed(ledger, ...batches);
  t.is(full.transactions.length, 20, '4,096 lines hold 20 files of 200');
  t.is(ruleOf(ledger, full.headerBytes, batches.slice(0, 21)), 'limits');
  t.is(ruleOf(ledger, full.headerBytes, batches.slice(0, 20)), 'valid');
});

test('a batch shares the key space of references with transfers, in its block and in later ones', (t) => {
  const ledger = opened(new TestLedger());
  const line = (reference: string, amount = 1n) => ({ reference, args: { ...transferDefaults, amount } });
  const batch = (reference: string, ...references: string[]) => {
    const args = batchArguments(references.map((each) => line(each)));
    return ledger.transaction(clearing, 'payments', 'batch', args, reference);
  };
  const codes = (...transactions: Transaction[]) => ledger.settle(...transactions).map(({ outcome }) => outcome);
  t.deepEqual(codes(pay(ledger, {}, 'S1'), batch('F1', 'L1', 'S1', 'L1', 'F1')), [
    ...['OK', 'OK', 'OK', 'DU04', 'DU04', 'DU04'],
  ]);
  t.deepEqual(codes(batch('F2', 'L1', 'L2', 'F1')), ['OK', 'DU04', 'OK', 'DU04']);
  const { left } = ledger.propose(pay(ledger, {}, 'L2'));
  t.like(left[0]?.problem, { code: 'reference-used', replay: false, row: { line: 2, reference: 'L2' } });
  t.is(balance(ledger, 'B'), 3n);
  const bySouth = ledger.transaction(tellers.SOUTH, 'payments', 'transfer', transferArguments(transferDefaults), 'L1');
  t.deepEqual(codes(bySouth), ['DS0H'], "another member's references are its own");
});

test('a reference is free again after the window, by block timestamps', (t) => {
  const parameters = { validityMaxMs: 5_000_000, referenceWindowMs: 5_000_000 };
  const ledger = opened(new TestLedger(testGenesis(parameters)));
  ledger.settle(pay(ledger, {}, 'MONTHLY'));
  const used = ledger.time;
  ledger.time = used + 5_000_000 - 1;
  t.is(ledger.propose(pay(ledger, {}, 'MONTHLY')).left[0]?.problem.code, 'reference-used');
  const line = { reference: 'MONTHLY', args: transferDefaults };
  const batch = () => ledger.transaction(clearing, 'payments', 'batch', batchArguments([line]));
  t.deepEqual(
    outcomesOf(proposed(ledger, batch())).map(({ outcome }) => outcome),
    ['OK', 'DU04'],
  );
  ledger.time = used + 5_000_000;
  t.deepEqual(
    outcomesOf(proposed(ledger, batch())).map(({ outcome }) => outcome),
    ['OK', 'OK'],
  );
  t.is(ledger.call(clearing, 'payments', 'transfer', transferArguments(transferDefaults), 'MONTHLY'), 'OK');
});

test('replay refuses entries that execution does not give: changed, missing, added, in another order', (t) => {
  const ledger = opened(new TestLedger());
  const lines = ['L1', 'L2'].map((reference) => ({ reference, args: transferDefaults }));
  const file = ledger.transaction(clearing, 'payments', 'batch', batchArguments(lines));
  const { entries } = proposed(ledger, pay(ledger), file, pay(ledger)).commit;
  const rule = (given: readonly Uint8Array[]) => {
    const result = ledger.executor.replay(given);
    return isBlockProblem(result) ? result.rule : 'valid';
  };
  t.is(rule(entries), 'valid');
  t.is(rule([]), 'limits');
  const [first, second, third, ...rest] = entries;
  if (first === undefined || second === undefined || third === undefined) return t.fail();
  t.is(rule([first, third, second, ...rest]), 'entries');
  t.is(rule([first, second, ...rest]), 'entries', 'a line is missing');
  t.is(rule([first, second, third, third, ...rest]), 'entries', 'a line is added');
  t.is(rule([entries.at(-1) ?? first, ...entries]), 'entries', 'a header in the middle');
  t.is(rule([second, ...rest]), 'log-size', 'a transaction is missing');
  t.is(rule(entries.slice(0, -1)), 'header');
  const entry = decodeEntry(first);
  if (entry.kind !== 1) return t.fail();
  t.is(rule([encodeEntry({ ...entry, outcome: 'AM04', events: [] }), ...entries.slice(1)]), 'entries');
  for (let at = 0; at < first.length; at += 17) {
    const flipped = first.map((byte, i) => (i === at ? byte ^ 4 : byte));
    t.not(rule([flipped, ...entries.slice(1)]), 'valid', `byte ${at}`);
  }
});

test('a contract without money runs on the same executor', (t) => {
  const contracts = [consortium, notes, payments];
  const [ledger, other] = [new TestLedger(testGenesis(), contracts), new TestLedger(testGenesis(), contracts)];
  const put = (version: number) => ledger.transaction(tellers.EAST, 'notes', 'put', ['a', version, 'text']);
  const block = proposed(ledger, put(0), put(0), put(1));
  t.deepEqual(
    outcomesOf(block).map(({ outcome }) => outcome),
    ['OK', 'STALE', 'OK'],
  );
  t.deepEqual(factsOf(other.executor.replay(block.commit.entries)), factsOf(block));
  const thrower = ledger.transaction(tellers.EAST, 'notes', 'misbehave', ['throw', 0]);
  const { left } = ledger.propose(thrower);
  t.is(left[0]?.problem.code, 'unexecutable', 'the proposer drops it');
  t.is(ruleOf(ledger, block.headerBytes, [thrower]), 'transaction', 'a backup does not vote');
});

test('propose stops where the entries of a block would outgrow one answer of the sync protocol', (t) => {
  const contracts = [consortium, notes, payments];
  const ledger = new TestLedger(testGenesis(), contracts);
  const big = Array.from({ length: 110 }, () => ledger.transaction(tellers.EAST, 'notes', 'big', [60]));
  const block = proposed(ledger, ...big);
  const bytes = block.commit.entries.reduce((sum, entry) => sum + entry.length, 0);
  t.true(block.transactions.length < big.length && bytes <= blockEntryBytesMax + entryBytesMax);
  t.is(ruleOf(ledger, block.headerBytes, big.slice(0, block.transactions.length + 1)), 'limits');
});

test('a damaged store is no verdict on a block: it ends the process', (t) => {
  const ledger = opened(new TestLedger());
  const block = proposed(ledger, pay(ledger));
  ledger.store.reference = () => {
    throw new StoreError('damaged');
  };
  t.throws(() => ruleOf(ledger, block.headerBytes, [pay(ledger)]), { instanceOf: StoreError });
});

test('users of a new member sign from the moment the proposal is enacted, within one block too', (t) => {
  const ledger = new TestLedger();
  const boss = signer('MOON', 'boss', 'teller');
  const users = [{ user: 'boss', publicKey: boss.publicKey, roles: boss.roles }];
  const changes = [{ kind: 'add-member', id: 'MOON', name: 'Moon branch', users }] as const;
  const lines = ['O1', 'O2'].map((reference) => {
    return { reference, args: { ...openDefaults, account: `MOON-${reference}`, branch: 'MOON' } };
  });
  const open = () => ledger.transaction(boss, 'payments', 'open-batch', openBatchArguments(lines));
  const propose = ledger.transaction(officers.NORTH, 'consortium', 'propose', proposeArguments(changes), 'NEW-BRANCH');
  const approve = (by: typeof boss) =>
    ledger.transaction(by, 'consortium', 'approve', approveArguments({ member: 'NORTH', reference: 'NEW-BRANCH' }));
  const { left } = ledger.propose(propose, approve(officers.EAST), open());
  t.is(left[0]?.problem.code, 'signer', 'two of four have approved');
  const codes = ledger
    .settle(propose, approve(officers.EAST), approve(officers.WEST), open())
    .map(({ outcome }) => outcome);
  t.deepEqual(codes, ['OK', 'OK', 'OK', 'OK', 'OK', 'OK']);
  t.is(ledger.call(boss, 'payments', 'transfer', transferArguments({ ...transferDefaults, from: 'MOON-O1' })), 'AC03');
});

test('random days settle alike on every node, whatever order the candidates have, and conserve money', (t) => {
  const random = prng(2026);
  const [one, other] = [opened(new TestLedger()), new TestLedger()];
  for (const entries of [one.store.entries(1, one.executor.head.logSize)]) {
    const block = other.executor.replay(entries);
    if (isBlockProblem(block)) return t.fail(block.detail);
    other.commit(block);
  }
  for (let day = 0; day < 12; day++) {
    const transactions = Array.from({ length: 1 + random.int(20) }, () => {
      const amount = BigInt(random.int(6_000));
      return random.int(2) === 0 ? pay(one, { amount }) : pay(one, { from: 'B', to: 'A', amount });
    });
    const block = proposed(one, ...transactions);
    t.deepEqual(factsOf(other.executor.replay(block.commit.entries)), factsOf(block));
    for (const ledger of [one, other]) ledger.commit(block);
  }
  const sum = ['A', 'B', 'ISSUED-CZK'].map((id) => balance(one, id) ?? 0n).reduce((a, b) => a + b);
  t.is(sum, 0n);
  t.deepEqual(other.executor.head, one.executor.head);
});
