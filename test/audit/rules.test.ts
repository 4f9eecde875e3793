// Every rule of the log, broken alone in a chain that a true quorum certified: the finding names the rule and the
// height. A certificate proves who agreed, never that what they agreed on is right.
import test, { type ExecutionContext } from 'ava';
import { type Rule, rules, verdictLine } from '../../node/audit/finding.ts';
import { decodeEntry, type Entry, encodeEntry, type LedgerEvent } from '../../node/ledger/entry.ts';
import type { Evidence } from '../../node/ledger/evidence.ts';
import { digestOf } from '../../node/ledger/hash.ts';
import { bodyOf, signTransaction, type Transaction } from '../../node/ledger/transaction.ts';
import { doubleCommit } from '../execution/_evidence.ts';
import { clearing, genesisTime, type Signer, seedOf, signer, type TestLedger, tellers } from '../execution/_ledger.ts';
import { accountIds, buildChain, certify, Forger, type Forgery, transferOf } from './_chain.ts';
import { verify } from './_verify.ts';

const blocks = 5;
const bad = blocks + 1;
const covered = new Set<Rule>();

interface Expected {
  readonly rule: Rule;
  readonly height?: number;
  readonly detail?: RegExp;
}

async function expectFinding(t: ExecutionContext, forger: Forger, expected: Expected): Promise<void> {
  const verdict = await verify(forger.source, { genesis: digestOf(forger.chainId) });
  t.false(verdict.ok);
  t.like(verdict.finding, { rule: expected.rule, height: expected.height ?? bad }, verdict.finding?.detail);
  if (expected.detail !== undefined) t.regex(verdict.finding?.detail ?? '', expected.detail);
  t.truthy(verdict.finding?.found);
  t.truthy(verdict.finding?.expected);
  covered.add(expected.rule);
}

const ledger = buildChain(blocks);

function transfer(
  by: Signer = clearing,
  reference = 'FORGED-1',
  change: { validUntil?: number; chain?: Uint8Array } = {},
) {
  const fields = {
    chainId: change.chain ?? ledger.chainId,
    ...{ member: by.member, reference, contract: 'payments', method: 'transfer', args: transferOf(1n) },
    validUntil: change.validUntil ?? ledger.time + 3_600_000,
  };
  return signTransaction(bodyOf(fields), by.seed, by.publicKey);
}

/** What the executor makes of transactions: the body of an honest block, and its header's state root. */
function honest(on: TestLedger, ...transactions: Transaction[]) {
  const { block } = on.propose(...transactions);
  if (block === undefined) throw new Error('nothing to propose');
  return { body: block.commit.entries.slice(0, -1), stateRoot: block.header.stateRoot };
}

function forge(change: Forgery = {}, body?: readonly Uint8Array[]): Forger {
  const { body: good, stateRoot } = honest(ledger, transfer());
  return new Forger(ledger).seal(body ?? good, { ...change, header: { stateRoot, ...change.header } });
}

/** The entry as it would stand with other contents. */
function changed(bytes: Uint8Array | undefined, change: (entry: Entry) => Entry): Uint8Array {
  return encodeEntry(change(decodeEntry(bytes ?? new Uint8Array(0))));
}

function transactionEntry({ bytes }: { bytes: Uint8Array }, outcome = 'AM04', events: LedgerEvent[] = []): Uint8Array {
  return encodeEntry({ kind: 1, transaction: bytes, outcome, events });
}

function batchOf(lines: readonly string[]): readonly Uint8Array[] {
  const call = (reference: string) => [reference, transferOf(1n)];
  const fields = {
    ...{ chainId: ledger.chainId, member: 'NORTH', reference: 'B', contract: 'payments', method: 'batch' },
    args: [lines.map(call)],
    validUntil: ledger.time + 1_000,
  };
  return honest(ledger, signTransaction(bodyOf(fields), clearing.seed, clearing.publicKey)).body;
}

test('the forger’s own honest block passes, so that each forgery differs by one thing', async (t) => {
  const verdict = await verify(forge().source, { genesis: ledger.genesis });
  t.is(verdict.finding, undefined);
  t.is(verdict.counts.blocks, bad);
});

const headerForgeries: readonly (readonly [Rule, Forgery])[] = [
  ['header-chain', { header: { chainId: seedOf('another chain') } }],
  ['header-height', { header: { height: bad + 1 } }],
  ['header-height', { header: { height: bad - 1 } }],
  ['header-parent', { header: { parent: seedOf('another parent') } }],
  ['header-time', { header: { timestamp: ledger.time } }],
  ['header-size', { header: { logSize: 3 } }],
  ['header-root', { header: { logRoot: seedOf('another root') } }],
  ['header-epoch', { header: { epoch: 1 } }],
  ['header-epoch', { header: { validatorSetHash: seedOf('another set') } }],
  ['header-epoch', { header: { nextValidatorSetHash: seedOf('another set') } }],
  ['header-epoch', { header: { proposer: 4 } }],
  ['state-root', { header: { stateRoot: seedOf('another state') } }],
  ['entry-form', { headerBytes: (good) => good.subarray(0, -1) }],
  ['entry-form', { headerBytes: (good) => Uint8Array.of(...good, 0) }],
];
headerForgeries.forEach(([rule, forgery], i) => {
  test(`a quorum’s header that breaks ${rule} is found (${i})`, (t) => expectFinding(t, forge(forgery), { rule }));
});

test('the certificate of a parent is exactly a quorum of good signatures over exactly that parent', async (t) => {
  const position = { epoch: 0, view: 0, height: blocks, digest: ledger.store.head().digest };
  const other = ledger.store.block(blocks - 1);
  const old = ledger.store.certificate(blocks - 1);
  const cases: readonly (readonly [NonNullable<Forgery['certificate']>, RegExp])[] = [
    [() => undefined, /none of its parent/],
    [() => certify(ledger.chainId, position, 2), /exactly 3/],
    [() => certify(ledger.chainId, position, 4), /exactly 3/],
    [() => old, /of height 4/],
    [() => certify(ledger.chainId, { ...position, digest: other?.digest ?? position.digest }), /is due/],
    [() => certify(ledger.chainId, { ...position, epoch: 1 }), /epoch 1/],
    [(good) => ({ ...good, view: 1 }), /does not verify/],
    [(good) => ({ ...good, signers: good.signers.toReversed() }), /ascending/],
    [(good) => ({ ...good, signers: [0, 0, 1].flatMap((i) => good.signers[i] ?? []) }), /ascending/],
    [(good) => ({ ...good, signers: good.signers.map((s, i) => ({ ...s, validator: i + 1 })) }), /does not verify/],
    [(good) => ({ ...good, signers: good.signers.map((s, i) => ({ ...s, validator: i + 2 })) }), /no validator 4/],
    [() => certify(seedOf('another chain'), position), /does not verify/],
  ];
  for (const [certificate, detail] of cases)
    await expectFinding(t, forge({ certificate }), { rule: 'certificate', detail });
});

test('the last block needs its certificate beside the log', async (t) => {
  const forger = forge();
  const good = forger.certificate;
  forger.certificate = undefined;
  await expectFinding(t, forger, { rule: 'certificate', height: bad });
  forger.certificate = ledger.lastCommit;
  await expectFinding(t, forger, { rule: 'certificate', height: bad, detail: /of height 5/ });
  forger.certificate = good;
  t.true((await verify(forger.source, { genesis: ledger.genesis })).ok);
});

function evidenceBlock(...candidates: Transaction[]) {
  const { block } = ledger.executor.propose({
    ...{ proposer: 0, timestamp: ledger.time + 1, lastCommit: ledger.lastCommit },
    evidence: [doubleCommit(ledger.chainId, 3)],
    candidates,
  });
  if (block === undefined) throw new Error('nothing to propose');
  return { body: block.commit.entries.slice(0, -1), stateRoot: block.header.stateRoot };
}

test('[A2] evidence on the ledger is judged again, and the verdict names the accused', async (t) => {
  const { body, stateRoot } = evidenceBlock(transfer());
  const verdict = await verify(forge({ header: { stateRoot } }, body).source, { genesis: ledger.genesis });
  t.is(verdict.finding, undefined);
  t.like(verdict.accused, [{ validator: 'node-3', epoch: 0, height: bad }]);
  t.regex(verdictLine(verdict), /^OK: .*node-3 contradicted itself in epoch 0 \(entry \d+\)/);
});

test('[A3] evidence that proves nothing, names another or stands elsewhere is found', async (t) => {
  const { body } = evidenceBlock(transfer());
  const [entry = new Uint8Array(0), paid = entry] = body;
  const { first, second } = doubleCommit(ledger.chainId, 3);
  const forged: readonly (readonly [Evidence, RegExp])[] = [
    [doubleCommit(seedOf('another chain'), 3), /does not verify/],
    [{ ...doubleCommit(ledger.chainId, 3), first: second, second: first }, /order/],
    [{ ...doubleCommit(ledger.chainId, 3), second: first }, /may sign both/],
    [doubleCommit(ledger.chainId, 3, { epoch: 1 }), /of epoch 1/],
    [doubleCommit(ledger.chainId, 4), /no validator 4/],
    [doubleCommit(ledger.chainId, 2), /does not name node-2/],
  ];
  for (const [evidence, detail] of forged) {
    const wrong = changed(entry, (each) => (each.kind === 4 ? { ...each, evidence } : each));
    await expectFinding(t, forge({}, [wrong, paid]), { rule: 'evidence', detail });
  }
  await expectFinding(t, forge({}, [paid, entry]), { rule: 'entry-order', detail: /not the first/ });
  await expectFinding(t, forge({}, [entry, entry]), { rule: 'entry-order', detail: /not the first/ });
  const twice = forge({ header: { stateRoot: evidenceBlock().stateRoot } }, [entry]).seal([entry]);
  await expectFinding(t, twice, { rule: 'evidence', height: bad + 1, detail: /twice/ });
});

test('entries stand in their places', async (t) => {
  const batch = batchOf(['X-1', 'X-2']);
  const [whole = new Uint8Array(0), first = new Uint8Array(0), second = new Uint8Array(0)] = batch;
  const { body } = honest(ledger, transfer());
  const [other = new Uint8Array(0)] = body;
  const orders: readonly (readonly Uint8Array[])[] = [
    [first],
    [whole, second],
    [whole, second, first],
    [whole, first, first],
    [whole, first, other, second],
    [changed(whole, (entry) => (entry.kind === 1 ? { ...entry, outcome: 'DS0G' } : entry)), first, second],
    [whole, changed(first, (entry) => (entry.kind === 2 ? { ...entry, batch: 1 } : entry))],
    [whole, ledger.store.entry(0) ?? first],
  ];
  for (const order of orders) await expectFinding(t, forge({}, order), { rule: 'entry-order' });
  const open = forge();
  open.entries.push(whole);
  await expectFinding(t, open, { rule: 'entry-order', height: bad + 1, detail: /within a block/ });
});

test('an entry is the one encoding of a known kind', async (t) => {
  const [good = new Uint8Array(0)] = honest(ledger, transfer()).body;
  for (const bytes of [Uint8Array.of(...good, 0), good.subarray(1), new Uint8Array(0), Uint8Array.of(0x82, 0x04, 0x00)])
    await expectFinding(t, forge({}, [bytes]), { rule: 'entry-form' });
});

test('a block holds at least one transaction and at most what the limits allow', async (t) => {
  await expectFinding(t, forge({}, []), { rule: 'block-size' });
  const many = Array.from({ length: 1_025 }, (_, i) => transactionEntry(transfer(clearing, `M-${i}`)));
  await expectFinding(t, forge({}, many), { rule: 'block-size' });
});

test('a transaction is well-formed, of this chain, in time and signed', async (t) => {
  const good = transfer();
  const flipped = good.bytes.slice();
  flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
  const cases: readonly (readonly [Rule, Uint8Array])[] = [
    ['transaction-form', transactionEntry({ bytes: good.bytes.subarray(0, -1) })],
    ['transaction-form', transactionEntry({ bytes: Uint8Array.of(...good.bytes, 0) })],
    ['transaction-chain', transactionEntry(transfer(clearing, 'F', { chain: seedOf('another chain') }))],
    ['transaction-time', transactionEntry(transfer(clearing, 'F', { validUntil: ledger.time + 1 }))],
    ['transaction-time', transactionEntry(transfer(clearing, 'F', { validUntil: ledger.time + 2 + 86_400_000 }))],
    ['transaction-signature', transactionEntry({ bytes: flipped })],
  ];
  for (const [rule, entry] of cases) await expectFinding(t, forge({}, [entry]), { rule });
});

test('a member uses a reference once within the window, lines included', async (t) => {
  const twice = [transactionEntry(transfer(clearing, 'TWICE')), transactionEntry(transfer(clearing, 'TWICE'))];
  await expectFinding(t, forge({}, twice), { rule: 'reference' });
  await expectFinding(t, forge({}, [transactionEntry(transfer(clearing, 'R1'))]), { rule: 'reference' });
  const [batch = new Uint8Array(0), line = new Uint8Array(0)] = batchOf(['L-1']);
  const refused = changed(line, (entry) => (entry.kind === 2 ? { ...entry, outcome: 'DU04', events: [] } : entry));
  await expectFinding(t, forge({}, [batch, refused]), { rule: 'reference', detail: /never used/ });
  const repeated = changed(line, (entry) => (entry.kind === 2 ? { ...entry, reference: 'L-3-0' } : entry));
  await expectFinding(t, forge({}, [batch, repeated]), { rule: 'reference', detail: /used the reference L-3-0/ });
});

test('another outcome than execution gives is found, and the entry named', async (t) => {
  const { body } = honest(ledger, transfer(clearing, 'E-1'), transfer(clearing, 'E-2'));
  const index = ledger.store.head().logSize + 1;
  const refused = changed(body[1], (entry) => (entry.kind === 1 ? { ...entry, outcome: 'AM04', events: [] } : entry));
  const forger = forge({}, [body[0] ?? refused, refused]);
  await expectFinding(t, forger, { rule: 'execution' });
  const verdict = await verify(forger.source);
  t.is(verdict.finding?.index, index);
});

test('a transaction whose key is no active user of the member it names has no place in a block', async (t) => {
  const stranger = signer('NORTH', 'stranger', 'teller');
  await expectFinding(t, forge({}, [transactionEntry(transfer(stranger))]), { rule: 'execution', detail: /signer/ });
  const thief = { ...tellers.SOUTH, member: 'NORTH' };
  await expectFinding(t, forge({}, [transactionEntry(transfer(thief))]), { rule: 'execution', detail: /signer/ });
});

/** A transfer's posting: [debtor, creditor, amount, ...], a side being [account, seq, previous, balance]. */
type Side = [string, number, number, number | bigint];
type PostingPayload = [Side, Side, number | bigint, string, string, string];

test('postings continue their accounts and sum to zero, whatever execution says', async (t) => {
  const { body } = honest(ledger, transfer());
  const cases: readonly (readonly [Rule, (payload: PostingPayload) => void])[] = [
    [
      'conservation',
      (payload) => {
        payload[1][3] = BigInt(payload[1][3]) + 1n;
      },
    ],
    [
      'conservation',
      (payload) => {
        payload[0][3] = BigInt(payload[0][3]) + 1n;
      },
    ],
    [
      'posting',
      (payload) => {
        payload[2] = 2;
      },
    ],
    [
      'posting',
      (payload) => {
        payload[0][1]++;
      },
    ],
    [
      'posting',
      (payload) => {
        payload[1][2]--;
      },
    ],
    [
      'posting',
      (payload) => {
        payload[1][0] = 'NOBODY';
      },
    ],
    [
      'posting',
      (payload) => {
        payload[1][0] = 'ISSUED-CZK';
      },
    ],
    [
      'posting',
      (payload) => {
        payload[1][0] = payload[0][0];
      },
    ],
    [
      'posting',
      (payload) => {
        payload[3] = 'EUR';
      },
    ],
    [
      'posting',
      (payload) => {
        payload.pop();
      },
    ],
  ];
  for (const [rule, change] of cases) {
    const forged = changed(body[0], (entry) => {
      if (entry.kind !== 1 || entry.events[0] === undefined) throw new Error('no event to forge');
      const [event] = entry.events;
      const payload = structuredClone(event.payload) as unknown as PostingPayload;
      change(payload);
      return { ...entry, events: [{ ...event, payload }] };
    });
    await expectFinding(t, forge({}, [forged]), { rule });
  }
});

test('a genesis that no ledger may begin from, or another one than expected, ends the audit at height 0', async (t) => {
  const forger = forge();
  const other = await verify(forger.source, { genesis: digestOf(seedOf('another chain')) });
  t.like(other.finding, { rule: 'genesis', height: 0 });
  forger.entries[0] = encodeEntry({ kind: 0, document: [1, 'x'] });
  t.like((await verify(forger.source)).finding, { rule: 'genesis', height: 0 });
  forger.entries.length = 0;
  t.like((await verify(forger.source)).finding, { rule: 'source', height: 0 });
  covered.add('genesis').add('source');
});

test.after('every rule of the log was broken', (t) => {
  const ofFiles: readonly Rule[] = ['manifest', 'file-missing', 'file-surplus', 'file-sum', 'tile'];
  // Those of checkpoints, keys and policies are broken in checkpoints.test.ts.
  const beside = /^(checkpoint-|policy|proof-)|-file$/;
  const names = (Object.keys(rules) as Rule[]).filter((rule) => !beside.test(rule));
  t.deepEqual(
    names.filter((rule) => !covered.has(rule) && !ofFiles.includes(rule)),
    [],
  );
  t.true(genesisTime < ledger.time && accountIds.length > 1);
});
