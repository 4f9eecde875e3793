// Receipts as C2SP tlog-proofs: those of another log by other tools are read and judged, ours verify with genesis
// alone, and every change of either is refused.
import { readFileSync } from 'node:fs';
import test from 'ava';
import { proofAt } from '../../node/api/proof.ts';
import { FindingError } from '../../node/audit/chain.ts';
import { importCosignatures } from '../../node/audit/cosignature-import.ts';
import { parsePolicy, validatorPolicy } from '../../node/audit/policy.ts';
import { verifyProofReceipt, verifyTlogProof } from '../../node/audit/receipt-check.ts';
import { originOf } from '../../node/ledger/checkpoint.ts';
import { DecodeError } from '../../node/ledger/codec.ts';
import { leafHash, sha256 } from '../../node/ledger/hash.ts';
import { formatNote } from '../../node/ledger/note.ts';
import { decodeAs, encodeAs } from '../../node/ledger/schema.ts';
import { SetChain, setLinksSchema } from '../../node/ledger/set-chain.ts';
import { encodeReceiptExtra, formatProof, parseProof, type TlogProof } from '../../node/ledger/tlog-proof.ts';
import { parseVerifierKey, verifierKey } from '../../node/ledger/verifier-key.ts';
import { dataPath, readData, testWithData } from '../_data.ts';
import { TestNode } from '../api/_node.ts';
import { TestLedger, testGenesis } from '../execution/_ledger.ts';
import { buildChain, buildChangedChain, setLinksOf } from './_chain.ts';
import { flipped } from './_folder.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);
const sample = ['vectors', 'tlog', 'sample-log'];
const sampleFile = (...path: string[]) => new Uint8Array(readFileSync(dataPath(...sample, 'aux', ...path) ?? ''));

class ChainNode extends TestNode {
  override readonly ledger = buildChain(7);
}
const node = new ChainNode();
class ChangedNode extends TestNode {
  override readonly ledger = buildChangedChain(1);
}
const { genesis } = node.ledger;
const receiptOf = (index: number) => utf8(proofAt(node, index) ?? '');
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

testWithData(...sample)('the proofs of the sample log verify under its policy, each for its own entry', (t) => {
  const policy = parsePolicy(sampleFile('policy.txt'));
  for (const index of [0, 1, 255, 256, 511, 599]) {
    const proof = sampleFile('proofs', `${index}.tlog-proof`);
    const leaf = leafHash(sampleFile('proofs', `${index}.entry`));
    t.is(verifyTlogProof(proof, leaf, policy), undefined, `entry ${index}`);
    t.deepEqual(formatProof(parseProof(proof)), proof);
    t.is(typeof verifyTlogProof(proof, leafHash(utf8('another')), policy), 'string');
  }
});

testWithData(...sample)('every changed form of a sample proof is refused', (t) => {
  const policy = parsePolicy(sampleFile('policy.txt'));
  const leaf = leafHash(sampleFile('proofs', '256.entry'));
  const proof = text(sampleFile('proofs', '256.tlog-proof'));
  const good = parseProof(utf8(proof));
  const [one = new Uint8Array(0), two = new Uint8Array(0), ...rest] = good.path;
  const changed = (change: Partial<TlogProof>) => text(formatProof({ ...good, ...change }));
  const lines = proof.split('\n');
  const lineOf = (name: string) => lines.find((line) => line.includes(name)) ?? '';
  const cosignature = lineOf('branch-2');
  const cases: readonly (readonly [string, string])[] = [
    ['another index', changed({ index: 257 })],
    ['an index beyond the log', changed({ index: 600 })],
    ['an index with a zero before it', proof.replace('index 256', 'index 0256')],
    ['a negative index', proof.replace('index 256', 'index -256')],
    ['no index', proof.replace('index 256\n', '')],
    ['another size', proof.replace('\n600\n', '\n601\n')],
    ['another root', proof.replace('T/sqp/', 'T/sqq/')],
    ['another origin', proof.replaceAll('ledger.bank.example/audit', 'ledger.bank.example/other')],
    ['a path that is one short', changed({ path: good.path.slice(0, -1) })],
    ['a path that is one longer', changed({ path: [...good.path, one] })],
    ['swapped nodes', changed({ path: [two, one, ...rest] })],
    ['an empty path', changed({ path: [] })],
    ['a path of 54 hashes', changed({ path: Array.from({ length: 54 }, () => one) })],
    ['a hash of 31 bytes', changed({ path: [one.slice(1), two, ...rest] })],
    ['base64 in another encoding', proof.replace(/=\n/, '\n')],
    ['a hash with other last bits', proof.replace(/([A-Za-z0-9+/]{42})[A-Za-z0-9+/]=\n/, '$1B=\n')],
    ['bytes after it', `${proof}x`],
    ['a line after it', `${proof}\n`],
    ['another title', proof.replace('@v1', '@v2')],
    ['carriage returns', proof.replaceAll('\n', '\r\n')],
    ['no checkpoint', proof.slice(0, proof.indexOf('\n\n') + 1)],
    ['a short quorum', proof.replace(`${cosignature}\n`, '')],
    ['a signer twice', proof.replace(`${cosignature}\n`, `${cosignature}\n${cosignature}\n`)],
    ['a short quorum with a signer twice', proof.replace(cosignature, lineOf('branch-1'))],
    [
      'a short quorum with a signer under another’s key id',
      proof.replace(cosignature, `${lineOf('branch-1')}`.replace(/ [A-Za-z0-9+/]{6}/, ' c61bsg')),
    ],
    ['a signer in another’s place', proof.replace('branch-2 c61bsg', 'branch-3 c61bsg')],
    ['a cosignature of another time', proof.replace('c61bsgAAAABrAjCB', 'c61bsgAAAABrAjCC')],
    ['no log signature', lines.filter((line) => !line.startsWith('\u2014 ledger.bank.example/audit ')).join('\n')],
    ['no witness', lines.filter((line) => !line.includes('auditor-1')).join('\n')],
  ];
  t.is(verifyTlogProof(utf8(proof), leaf, policy), undefined);
  for (const [what, wrong] of cases) {
    t.not(wrong, proof, what);
    t.is(typeof verifyTlogProof(utf8(wrong), leaf, policy), 'string', what);
  }
});

test('every entry has a receipt that verifies with the genesis document alone', (t) => {
  for (let index = 0; index < node.store.head().logSize; index++) {
    const proven = verifyProofReceipt(receiptOf(index), genesis);
    t.is(proven.index, index);
    t.deepEqual(Buffer.from(proven.bytes), Buffer.from(node.store.entry(index) ?? []));
  }
});

test('a line’s receipt holds its own entry and no other', (t) => {
  const entries = Array.from({ length: node.store.head().logSize }, (_, i) => node.store.entry(i) ?? new Uint8Array(0));
  const line = entries.findIndex((_, index) => verifyProofReceipt(receiptOf(index), genesis).entry.kind === 2);
  const receipt = parseProof(receiptOf(line));
  t.deepEqual(receipt.extra, encodeReceiptExtra(entries[line] ?? new Uint8Array(0)));
});

test('a receipt of another chain, under-signed, or under a policy that it does not meet, has its own finding', (t) => {
  const receipt = receiptOf(3);
  const parsed = parseProof(receipt);
  const rule = (work: () => void) => t.throws(work, { instanceOf: FindingError }).finding.rule;
  const other = new TestLedger({ ...testGenesis(), name: 'daybook.example/other' });
  t.is(
    rule(() => verifyProofReceipt(receipt, other.genesis)),
    'checkpoint-origin',
  );
  const short = text(receipt)
    .split('\n')
    .filter((line) => !line.includes('node-1 '))
    .join('\n');
  t.is(
    rule(() => verifyProofReceipt(utf8(short), genesis)),
    'checkpoint-quorum',
  );
  t.is(
    rule(() => verifyProofReceipt(formatProof({ ...parsed, index: 4 }), genesis)),
    'proof-path',
  );
  t.is(
    rule(() => verifyProofReceipt(formatProof({ ...parsed, extra: undefined }), genesis)),
    'proof-form',
  );
  const junk = encodeReceiptExtra(new Uint8Array(9));
  t.is(
    rule(() => verifyProofReceipt(formatProof({ ...parsed, extra: junk }), genesis)),
    'proof-entry',
  );
  const another = encodeReceiptExtra(node.store.entry(4) ?? new Uint8Array(0));
  t.is(
    rule(() => verifyProofReceipt(formatProof({ ...parsed, extra: another }), genesis)),
    'proof-path',
  );
  const own = validatorPolicy(node.ledger.logName, genesis.validators, undefined);
  t.notThrows(() => verifyProofReceipt(receipt, genesis, { policy: parsePolicy(utf8(own)) }));
  const all = parsePolicy(utf8(own.replace('validators 3', 'validators all')));
  t.is(
    rule(() => verifyProofReceipt(receipt, genesis, { policy: all })),
    'policy',
  );
});

test('every single byte of a receipt counts', (t) => {
  const receipt = receiptOf(3);
  const logKey = parseVerifierKey(node.logKey);
  const own = parsePolicy(utf8(validatorPolicy(node.ledger.logName, genesis.validators, logKey)));
  const ownLine = Buffer.from(receipt).indexOf(`\n\u2014 ${logKey.name} `);
  const next = Buffer.from(receipt).indexOf('\n\u2014 ', ownLine + 1);
  t.true(ownLine > 0 && next > ownLine);
  for (let at = 0; at < receipt.length; at++) {
    const wrong = flipped(receipt, at, 1 << (at % 8));
    // The node's own line counts toward no quorum: with genesis alone its key is not known, and no byte of it matters.
    const isOwn = at > ownLine && at < next;
    for (const policy of isOwn ? [own] : [undefined, own])
      t.throws(() => verifyProofReceipt(wrong, genesis, { policy }), { instanceOf: FindingError }, `byte ${at}`);
  }
  t.notThrows(() => verifyProofReceipt(receipt, genesis, { policy: own }));
});

test('every single byte of the changes of the validators counts, and of a receipt that needs them', (t) => {
  const changed = new ChangedNode();
  const { chainId, genesis: founding } = changed.ledger;
  const links = encodeAs(setLinksSchema, setLinksOf(changed.ledger));
  const setsFrom = (bytes: Uint8Array): SetChain => {
    const sets = new SetChain(chainId, founding.validators);
    for (const link of decodeAs(setLinksSchema, bytes)) {
      const problem = sets.add(link);
      if (problem !== undefined) throw new DecodeError(problem);
    }
    return sets;
  };
  const receipt = utf8(proofAt(changed, changed.store.head().logSize - 2) ?? '');
  const sets = setsFrom(links);
  t.notThrows(() => verifyProofReceipt(receipt, founding, { sets }));
  t.throws(() => verifyProofReceipt(receipt, founding), { instanceOf: FindingError }, 'the founders alone do not do');
  for (let at = 0; at < links.length; at++)
    t.throws(() => setsFrom(flipped(links, at, 1 << (at % 8))), { instanceOf: DecodeError }, `byte ${at}`);
  const ownLine = Buffer.from(receipt).indexOf(`\n\u2014 ${originOf(changed.ledger.logName)} `);
  const next = Buffer.from(receipt).indexOf('\n\u2014 ', ownLine + 1);
  for (let at = 0; at < receipt.length; at++)
    if (at <= ownLine || at >= next) {
      const wrong = flipped(receipt, at, 1 << (at % 8));
      t.throws(() => verifyProofReceipt(wrong, founding, { sets }), { instanceOf: FindingError }, `byte ${at}`);
    }
});

test('a receipt under a quorum of another epoch is refused, whatever changes are known', (t) => {
  const changed = new ChangedNode();
  const { chainId, genesis: founding, store } = changed.ledger;
  const links = setLinksOf(changed.ledger);
  const sets = new SetChain(chainId, founding.validators);
  for (const link of links) sets.add(link);
  const ruleOf = (receipt: string, known: SetChain | undefined) =>
    t.throws(() => verifyProofReceipt(utf8(receipt), founding, { sets: known }), { instanceOf: FindingError }).finding;
  const late = proofAt(changed, store.head().logSize - 2) ?? '';
  t.is(ruleOf(late, undefined).rule, 'checkpoint-quorum');
  const early = new SetChain(chainId, founding.validators);
  for (const link of links.slice(0, 1)) early.add(link);
  t.regex(ruleOf(late, early).detail, /judged by the validators of epoch 1$/);
  const padded = (proofAt(changed, 2) ?? '').split('\n');
  const twice = padded.findIndex((line) => line.includes('/validator/node-1 '));
  const short = padded.with(twice, padded.find((line) => line.includes('/validator/node-0 ')) ?? '').join('\n');
  t.is(ruleOf(short, sets).rule, 'checkpoint-form', 'a short quorum with one signer twice');
});

test('blocks that came without checkpoints, however many, have receipts under the newest one [K5]', (t) => {
  class LateNode extends TestNode {
    override readonly ledger = buildChain(70);
  }
  const late = new LateNode();
  const { store } = late.ledger;
  const newest = store.lastCheckpoint();
  if (newest === undefined) return t.fail();
  store.restore({ ...store.snapshot(), checkpoints: new Map([[newest.height, newest]]) });
  for (const index of [0, 1, newest.size - 1]) {
    const receipt = utf8(proofAt(late, index) ?? '');
    t.is(verifyProofReceipt(receipt, late.ledger.genesis).index, index);
  }
});

test('a receipt of a log of 100 million entries under seven validators takes less than 4 kB', (t) => {
  const line = (i: number) => ({
    ...verifierKey(`daybook.example/bank/validator/branch-${i}`, 'cosignature', sha256(utf8(`${i}`))),
    signature: new Uint8Array(72).fill(i),
  });
  const origin = `daybook.example/bank/${'e'.repeat(64)}`;
  const own = { ...verifierKey(origin, 'note', sha256(utf8('log'))), signature: new Uint8Array(64) };
  const note = formatNote({
    text: `${origin}\n100000000\n${'A'.repeat(43)}=\n`,
    signatures: [own, ...[1, 2, 3, 4, 5].map(line)],
  });
  const extra = encodeReceiptExtra(new Uint8Array(350));
  const path = Array.from({ length: 27 }, (_, i) => new Uint8Array(32).fill(i));
  const proof = formatProof({ extra, index: 99_999_999, path, note });
  t.true(proof.length < 4_096, `${proof.length} bytes`);
  t.log(`${proof.length} bytes`);
  t.throws(() => parseProof(utf8('c2sp.org/tlog-proof@v1\n')), { instanceOf: DecodeError });
});

testWithData(...sample)(
  'a witness’s line is added to a checkpoint and to a proof, if the policy knows it and it verifies',
  (t) => {
    const policy = parsePolicy(sampleFile('policy.txt'));
    const leaf = leafHash(sampleFile('proofs', '256.entry'));
    for (const whole of [readData(...sample, 'checkpoint'), text(sampleFile('proofs', '256.tlog-proof'))]) {
      const line = whole.split('\n').find((each) => each.includes('auditor-1')) ?? '';
      const without = utf8(whole.replace(`${line}\n`, ''));
      const { bytes, added } = importCosignatures(without, utf8(`${line}\n`), policy);
      t.is(text(bytes), whole);
      t.deepEqual(added, ['witness.auditor-1.example/w1']);
      t.deepEqual(importCosignatures(bytes, utf8(`${line}\n`), policy).added, []);
      for (const wrong of [
        '',
        line,
        `${line.replace('N4EJEQ', 'N4EJEA')}\n`,
        `${line.replace('AABrAjCC', 'AABrAjCD')}\n`,
      ])
        t.throws(() => importCosignatures(without, utf8(wrong), policy), { instanceOf: DecodeError });
    }
    t.is(verifyTlogProof(sampleFile('proofs', '256.tlog-proof'), leaf, policy), undefined);
  },
);

testWithData(...sample)('the checkpoint of the sample log serves no receipt of ours', (t) => {
  const proof = parseProof(receiptOf(3));
  const foreign = utf8(readData(...sample, 'checkpoint'));
  const { finding } = t.throws(() => verifyProofReceipt(formatProof({ ...proof, note: foreign }), genesis), {
    instanceOf: FindingError,
  });
  t.is(finding.rule, 'checkpoint-origin');
});
