// Each certificate, vote and cosignature is judged by the set of its own height or size, and by no other: what
// validators of an epoch that is over sign counts for nothing, and what they signed in it accuses them of that epoch
// alone. After a fork each side is judged by its own sets.
import test from 'ava';
import { logNameOf } from '../../node/audit/anchor.ts';
import { blame, CollectedLog, guiltText } from '../../node/audit/blame.ts';
import { FindingError } from '../../node/audit/chain.ts';
import { compareNotes, forkText, judgeNote } from '../../node/audit/consistency.ts';
import { judgeReport } from '../../node/audit/report-check.ts';
import { SetHistories, type SetList } from '../../node/audit/set-histories.ts';
import { certificateSchema } from '../../node/ledger/certificate.ts';
import { originOf } from '../../node/ledger/checkpoint.ts';
import { checkpointNote, cosignatureMessage } from '../../node/ledger/cosignature.ts';
import { decodeHeader } from '../../node/ledger/entry.ts';
import { evidenceProblem } from '../../node/ledger/evidence.ts';
import { encodeEvidenceReport, evidenceReportSchema } from '../../node/ledger/evidence-report.ts';
import { type Digest, digestOf } from '../../node/ledger/hash.ts';
import { decodeAs, encodeAs } from '../../node/ledger/schema.ts';
import { deriveSeed, sign } from '../../node/ledger/signature.ts';
import type { Validator } from '../../node/ledger/validators.ts';
import { voteMessage } from '../../node/ledger/vote.ts';
import { clearing, seedBehind, seedOf, TestLedger } from '../execution/_ledger.ts';
import { buildChain, buildChangedChain, certificateOf, entriesOf, setLinksOf, transferOf } from './_chain.ts';

const ledger = buildChangedChain();
const { genesis, chainId } = ledger;
const log = logNameOf(genesis);
const links = setLinksOf(ledger);
const sets = new SetHistories(genesis, [{ links }]);
const { logSize, height } = ledger.store.head();
const latest = ledger.validatorsAt(height);
const falseRoot = digestOf(seedOf('another log'));

/** A checkpoint of any root under whoever is named, each with the keys that it had in that set. */
function noteBy(set: readonly Validator[], who: readonly string[], size: number, root: Digest = falseRoot): Uint8Array {
  const cosignatures = set.flatMap((each, validator) => {
    if (!who.includes(each.id)) return [];
    const message = cosignatureMessage({ origin: originOf(log), size, root }, 1_000);
    return [{ validator, time: 1_000, signature: sign(message, deriveSeed(seedBehind(each), 'audit')) }];
  });
  return checkpointNote(log, { height, size, root, cosignatures }, set);
}

const founders = ['node-0', 'node-1', 'node-2', 'node-3'];
const given = (...notes: readonly (Uint8Array | undefined)[]) =>
  notes.map((bytes = new Uint8Array(0), i) => ({ name: `${i}`, bytes }));

test('the chain of this test went through three epochs', (t) => {
  t.is(links.length, 3);
  t.deepEqual(
    latest.map(({ id }) => id),
    ['node-1', 'node-2', 'node-3', 'node-4'],
  );
});

test('a checkpoint under a quorum of an epoch that is over is refused, by name of the epoch that counts', (t) => {
  const former = noteBy(genesis.validators, founders, logSize);
  const { finding } = t.throws(() => judgeNote({ name: 'x', bytes: former }, log, sets), { instanceOf: FindingError });
  t.is(finding.rule, 'checkpoint-quorum');
  t.regex(finding.detail, /2 cosignatures of the validators of epoch 3, where a quorum is 3/);
  const later = noteBy(latest, ['node-1', 'node-2', 'node-4'], 2);
  const early = t.throws(() => judgeNote({ name: 'x', bytes: later }, log, sets), { instanceOf: FindingError });
  t.regex(early.finding.detail, /1 cosignatures of the validators of epoch 0/);
  for (let at = 1; at <= height; at++) {
    const judged = judgeNote({ name: 'x', bytes: ledger.checkpointNote(at) ?? new Uint8Array(0) }, log, sets);
    t.is(judged.epoch, links.filter((_, i) => (sets.chains[0]?.epoch(i + 1)?.from ?? 0) <= at).length, `height ${at}`);
  }
});

test('a cosigner of two roots is accused in the epoch of their size alone, at its place in that set', (t) => {
  const two = noteBy(latest, ['node-2'], logSize);
  const { guilty, epochs } = blame(genesis, sets, [], given(ledger.checkpointNote(height), two));
  t.deepEqual(
    guilty.map(({ validator, epoch, evidence }) => [validator, epoch, evidence.validator]),
    [['node-2', 3, 1]],
  );
  t.deepEqual(epochs, [{ epoch: 3, guilty: 1, faulty: 1 }]);
  t.is(guilty[0] && evidenceProblem(guilty[0].evidence, chainId, latest), undefined);
});

test('former keys accuse nobody of what was signed under them for a size or a height of a later epoch', (t) => {
  const other = digestOf(seedOf('a third log'));
  const [one, two] = [falseRoot, other].map((root) => noteBy(genesis.validators, ['node-0', 'node-1'], logSize, root));
  t.deepEqual(blame(genesis, sets, [], given(one, two)).guilty, []);
  const collected = [100n, 200n].map((amount) => {
    const side = buildChangedChain();
    side.settle(side.transaction(clearing, 'payments', 'transfer', transferOf(amount)));
    const { digest, height: last } = side.store.head();
    // As three founders would certify it with the keys that they had in epoch 0.
    const position = { epoch: 0, view: 0, height: last, digest };
    const message = voteMessage('commit', chainId, position);
    const signers = founders.slice(0, 3).map((id, validator) => {
      return { validator, signature: sign(message, deriveSeed(seedOf(id), 'vote')) };
    });
    const found = new CollectedLog(`${amount}`);
    for (const entry of entriesOf(side)) found.push(entry);
    found.finish(encodeAs(certificateSchema, { ...position, signers }));
    return found;
  });
  t.deepEqual(blame(genesis, sets, collected, []).guilty, []);
});

test('after a fork each side is judged by its own sets, and all who signed both are named, over f too', (t) => {
  const [left, right] = ['node-4', 'node-5'].map((joiner) => {
    const side = new TestLedger();
    side.govern(side.learner('node-4'), side.learner('node-5'));
    side.govern({ kind: 'add-validator', id: joiner });
    const open = { account: 'A', branch: 'NORTH', currency: 'CZK' };
    for (const account of ['A', 'B'])
      side.settle(
        side.transaction(clearing, 'payments', 'open', [account, open.branch, open.currency, [], 0], `open-${account}`),
      );
    side.settle(side.transaction(clearing, 'payments', 'transfer', transferOf(1n, 'A', 'B')));
    return side;
  }) as [TestLedger, TestLedger];
  const both = new SetHistories(genesis, [{ links: setLinksOf(left) }, { links: setLinksOf(right) }]);
  t.is(both.chains.length, 2);
  for (const side of [left, right])
    for (let at = 1; at <= side.store.head().height; at++)
      t.notThrows(() => judgeNote({ name: 'x', bytes: side.checkpointNote(at) ?? new Uint8Array(0) }, log, both));
  const logs = [left, right].map((side, i) => {
    const collected = new CollectedLog(`${i}`);
    for (const entry of entriesOf(side)) collected.push(entry);
    collected.finish(certificateOf(side));
    return collected;
  });
  const notes = [left, right].map((side) => side.checkpointNote(side.store.head().height));
  const { guilty, epochs, missing } = blame(genesis, both, logs, given(...notes));
  t.deepEqual(missing, []);
  t.deepEqual(epochs, [
    { epoch: 0, guilty: 3, faulty: 1 },
    { epoch: 1, guilty: 4, faulty: 1 },
  ]);
  for (const { epoch, evidence } of guilty)
    t.true(both.ofEpoch(epoch).some(({ validators }) => evidenceProblem(evidence, chainId, validators) === undefined));
  const text = guilty.map(guiltText).join('\n');
  for (const name of ['node-0 of NORTH', 'node-1 of SOUTH', 'node-2 of EAST', 'node-3 of WEST'])
    t.true(text.includes(name), name);
  const encoded = encodeEvidenceReport({ chainId, accused: guilty });
  const signed = decodeAs(evidenceReportSchema, encoded).accused;
  t.deepEqual(
    signed.map(({ validator, evidence: { epoch } }) => `${epoch}: ${validator}`),
    ['0: node-0', '0: node-1', '0: node-2', '1: node-0', '1: node-1', '1: node-2', '1: node-3'],
  );
});

test('who cosigned both sides of a fork is told by its key: another key under one id is another signer', async (t) => {
  const sides = ['its own new keys', 'keys of whoever made the fork'].map((keys) => {
    const side = new TestLedger();
    side.govern(side.learner('node-1', keys, 'SOUTH'), { kind: 'rotate-validator-keys', id: 'node-1' });
    return side;
  });
  const known = new SetHistories(
    genesis,
    sides.map((side) => ({ links: setLinksOf(side) })),
  );
  const size = 100;
  const signers = [
    ['node-0', 'node-1', 'node-2'],
    ['node-1', 'node-2', 'node-3'],
  ];
  const notes = sides.map((side, i) => {
    const set = side.validatorsAt(side.store.head().height + 1);
    const bytes = noteBy(set, signers[i] ?? [], size, digestOf(seedOf(`side ${i}`)));
    return judgeNote({ name: `${i}`, bytes }, log, known);
  });
  const { forks } = await compareNotes(notes, []);
  t.regex(forks.map(forkText).join(), /both are cosigned by node-2 of EAST$/);
});

/** What a log says of its validators up to a height, with the block of that height as its last. */
function listOf(of: TestLedger, last = of.store.head().height): SetList {
  const header = of.store.entry(of.store.block(last)?.headerIndex ?? 0) ?? new Uint8Array(0);
  const certificate = of.store.certificate(last);
  const before = setLinksOf(of).filter((link) => decodeHeader(link.header).height < last);
  return { links: before, last: certificate && { header, certificate } };
}

test('a side of a fork that changed no validators is judged by its own set, up to the end of its log', async (t) => {
  const steady = buildChain(30);
  const known = new SetHistories(genesis, [listOf(steady), { links }]);
  t.is(known.chains.length, 2);
  const newest = [steady, ledger].map((side, i) => {
    const bytes = side.checkpointNote(side.store.head().height) ?? new Uint8Array(0);
    return judgeNote({ name: `${i}`, bytes }, log, known);
  });
  t.deepEqual(
    newest.map(({ epoch }) => epoch),
    [0, 3],
  );
  const end = steady.store.head().logSize;
  const further = noteBy(genesis.validators, founders, end + 1);
  t.throws(() => judgeNote({ name: 'x', bytes: further }, log, known), { message: /validators of epoch 3/ });
  t.is(known.ofHeight(0, steady.store.head().height).length, 1);
  t.is(known.ofHeight(0, steady.store.head().height + 1).length, 0);
});

test('an earlier end of one log is no side of a fork, nor is a block that its validators did not certify', (t) => {
  for (let at = 1; at <= height; at++)
    t.is(new SetHistories(genesis, [listOf(ledger, at), { links }]).chains.length, 1, `height ${at}`);
  const steady = buildChain(30);
  const { last } = listOf(steady);
  if (last === undefined) return t.fail('a certificate');
  const wrongs = [
    { ...last, certificate: { ...last.certificate, signers: last.certificate.signers.slice(1) } },
    { ...last, header: steady.store.entry(steady.store.block(29)?.headerIndex ?? 0) ?? last.header },
    { ...last, header: Uint8Array.of(1) },
  ];
  for (const wrong of wrongs) t.is(new SetHistories(genesis, [{ links: [], last: wrong }, { links }]).chains.length, 1);
  const change = decodeHeader(links[0]?.header ?? new Uint8Array(0));
  // Of the same height as the change, lower with as many entries, and lower with fewer: the last can be its beginning.
  t.is(new SetHistories(genesis, [listOf(steady, change.height), { links }]).chains.length, 2);
  t.is(new SetHistories(genesis, [listOf(steady, 2), { links }]).chains.length, 1);
  const ends = [29, 30, 28].map((at) => listOf(steady, at));
  const once = new SetHistories(genesis, [...ends, { links }]);
  t.is(once.chains.length, 2, 'three ends of one side are one history, up to the furthest');
  t.is(once.ofHeight(0, 30).length, 1);
});

test('a report is judged by whoever gets it: names, chain, epochs and each pair', (t) => {
  const { guilty } = blame(
    genesis,
    sets,
    [],
    given(ledger.checkpointNote(height), noteBy(latest, ['node-2'], logSize)),
  );
  const [one] = guilty;
  if (one === undefined) return t.fail('nobody is guilty');
  const good = encodeEvidenceReport({ chainId, accused: guilty });
  t.deepEqual(judgeReport(good, genesis, sets), [{ ...one }]);
  const why = (bytes: Uint8Array, known = sets) =>
    t.throws(() => judgeReport(bytes, genesis, known), { instanceOf: FindingError }).message;
  t.regex(why(good, new SetHistories(genesis)), /evidence: who the validators of epoch 3 are is not known/);
  t.regex(why(encodeEvidenceReport({ chainId: seedOf('x'), accused: guilty })), /header-chain/);
  const renamed = [{ ...one, validator: 'node-3' }];
  t.regex(why(encodeEvidenceReport({ chainId, accused: renamed })), /evidence: node-3 of EAST is not/);
  const elsewhere = [{ ...one, member: 'WEST' }];
  t.regex(why(encodeEvidenceReport({ chainId, accused: elsewhere })), /evidence: node-2 of WEST is not/);
  t.regex(
    why(encodeEvidenceReport({ chainId, accused: [one, one, one] })),
    /proof-form: the report accuses node-2 in epoch 3 more than once/,
  );
  for (let at = 0; at < good.length; at++) {
    const wrong = good.with(at, (good[at] ?? 0) ^ (1 << (at % 8)));
    t.throws(() => judgeReport(wrong, genesis, sets), { instanceOf: FindingError }, `byte ${at}`);
  }
});

test('a list that another continues, or repeats, is no history of its own; a link that is false ends its list', (t) => {
  const lists = [links.slice(0, 1), links, links.slice(0, 2), links].map((each) => ({ links: each }));
  t.is(new SetHistories(genesis, lists).chains.length, 1);
  const [first, second, third] = links;
  if (first === undefined || second === undefined || third === undefined) return t.fail('three links');
  const broken = new SetHistories(genesis, [{ links: [first, third, second] }]);
  t.is(broken.chains[0]?.latest.epoch, 1);
});

test('entries, a certificate and a note that are of no accepted form are counted as unread', (t) => {
  const damaged = new CollectedLog('a');
  for (const entry of entriesOf(ledger)) damaged.push(entry.slice(1));
  damaged.finish(undefined);
  t.is(blame(genesis, sets, [damaged], given(Uint8Array.of(7))).unread, logSize + 2);
});
