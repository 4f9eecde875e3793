// A fork that more than f validators made: two archives and stray checkpoints name each of them, with proofs that stand
// by themselves; and what looks alike accuses nobody.
import test from 'ava';
import { blame, CollectedLog, guiltText } from '../../node/audit/blame.ts';
import { SetHistories } from '../../node/audit/set-histories.ts';
import { type CommitCertificate, certificateSchema } from '../../node/ledger/certificate.ts';
import { decodeEntry, decodeHeader, encodeHeader } from '../../node/ledger/entry.ts';
import { evidenceProblem } from '../../node/ledger/evidence.ts';
import { encodeEvidenceReport, evidenceReportSchema } from '../../node/ledger/evidence-report.ts';
import { formatNote, parseNote } from '../../node/ledger/note.ts';
import { decodeAs, encodeAs } from '../../node/ledger/schema.ts';
import { type TestLedger, validator } from '../execution/_ledger.ts';
import { buildChain, certificateOf, certify, entriesOf } from './_chain.ts';
import { flipped } from './_folder.ts';

const ledger = buildChain(4);
const branch = buildChain(4, 2);
const { genesis, chainId } = ledger;
const sets = new SetHistories(genesis);

function collected(of: TestLedger, name: string, certificate = certificateOf(of)): CollectedLog {
  const log = new CollectedLog(name);
  for (const entry of entriesOf(of)) log.push(entry);
  log.finish(certificate);
  return log;
}
const noteOf = (of: TestLedger, height: number) => of.checkpointNote(height) ?? new Uint8Array(0);

test('two archives of a fork name every validator that signed both, each with evidence that verifies alone', (t) => {
  const report = blame(genesis, sets, [collected(ledger, 'a'), collected(branch, 'b')], []);
  t.deepEqual(
    report.guilty.map(({ validator, member }) => `${validator} of ${member}`),
    ['node-0 of NORTH', 'node-1 of SOUTH', 'node-2 of EAST'],
  );
  t.deepEqual(report.epochs, [{ epoch: 0, guilty: 3, faulty: 1 }], 'three are guilty where one may be');
  for (const { evidence } of report.guilty) t.is(evidenceProblem(evidence, chainId, genesis.validators), undefined);
  t.regex(report.guilty.map(guiltText).join(), /node-0 of NORTH signed at height 2 \(epoch 0\) commit of .* in view 0/);
  const accused = report.guilty.map(({ validator, member, evidence }) => ({ validator, member, evidence }));
  const encoded = encodeEvidenceReport({ chainId, accused: report.guilty });
  t.deepEqual(decodeAs(evidenceReportSchema, encoded), { chainId, accused }, 'what is signed names each of them');
});

test('entries and certificates that are put behind a fork, or before it, hide nobody who signed both sides', (t) => {
  const headers = entriesOf(branch).filter((bytes) => decodeEntry(bytes).kind === 3);
  const others = headers.map((bytes) => {
    const header = decodeHeader(bytes);
    return encodeHeader({ ...header, timestamp: header.timestamp + 1, lastCommit: undefined });
  });
  const unsigned = headers.map((bytes) => {
    const header = decodeHeader(bytes);
    const signers = header.lastCommit?.signers.map((each) => ({ ...each, signature: new Uint8Array(64) })) ?? [];
    return encodeHeader({ ...header, lastCommit: header.lastCommit && { ...header.lastCommit, signers } });
  });
  for (const more of [others, unsigned])
    for (const entries of [
      [...entriesOf(branch), ...more],
      [...more, ...entriesOf(branch)],
    ]) {
      const log = new CollectedLog('b');
      for (const entry of entries) log.push(entry);
      log.finish(certificateOf(branch));
      t.is(blame(genesis, sets, [collected(ledger, 'a'), log], []).guilty.length, 3);
    }
});

test('a signature that is damaged on one side hides its signer alone, and is said', (t) => {
  const headers = entriesOf(branch);
  for (const damagedSigners of [1, 3]) {
    const damage = (certificate: CommitCertificate): CommitCertificate => {
      const signers = certificate.signers.map((each, i) => {
        return i < damagedSigners ? { ...each, signature: flipped(each.signature, 5) } : each;
      });
      return { ...certificate, signers };
    };
    const log = new CollectedLog('b');
    for (const bytes of headers) {
      const entry = decodeEntry(bytes);
      if (entry.kind !== 3) log.push(bytes);
      else
        log.push(
          encodeHeader({ ...entry.header, lastCommit: entry.header.lastCommit && damage(entry.header.lastCommit) }),
        );
    }
    if (branch.lastCommit !== undefined) log.finish(encodeAs(certificateSchema, damage(branch.lastCommit)));
    const { guilty, missing, unread } = blame(genesis, sets, [collected(ledger, 'a'), log], []);
    t.deepEqual(
      guilty.map(({ validator }) => validator),
      ['node-0', 'node-1', 'node-2'].slice(damagedSigners),
    );
    t.is(unread, 3);
    t.regex(missing[0]?.what ?? '', /^its certificates or those of a do not verify .* \(3, from height 2 on\)$/);
  }
});

test('stray checkpoints accuse whoever cosigned two roots for one size, a quorum or not', (t) => {
  const [one, other] = [noteOf(ledger, 2), noteOf(branch, 2)];
  const note = parseNote(other);
  const single = formatNote({ ...note, signatures: note.signatures.slice(1, 2) });
  const report = blame(
    genesis,
    sets,
    [],
    [
      { name: 'a', bytes: one },
      { name: 'b', bytes: single },
    ],
  );
  t.deepEqual(
    report.guilty.map(({ validator, evidence }) => [validator, evidence.type]),
    [['node-1', 1]],
  );
  t.is(evidenceProblem(report.guilty[0]?.evidence as never, chainId, genesis.validators), undefined);
});

test('one log twice, another size, another chain, bad signatures and nonsense accuse nobody', (t) => {
  const note = parseNote(noteOf(branch, 2));
  const forged = formatNote({ ...note, text: note.text.replace(/\n(\d+)\n/, (_, size) => `\n${Number(size) + 1}\n`) });
  const notes = [noteOf(ledger, 2), noteOf(ledger, 3), forged, Uint8Array.of(1, 2, 3)];
  const report = blame(
    genesis,
    sets,
    [collected(ledger, 'a'), collected(ledger, 'b')],
    notes.map((bytes) => ({ name: 'x', bytes })),
  );
  t.deepEqual([report.guilty, report.suspicions], [[], []]);
  const unsigned = new CollectedLog('c');
  for (const entry of entriesOf(branch)) {
    unsigned.push(entry.slice(1));
    unsigned.push(entry);
  }
  const validators = genesis.validators.map(({ id, member }) => ({ ...validator(`stranger ${id}`, member), id }));
  const bad = new SetHistories({ ...genesis, validators });
  t.deepEqual(blame(genesis, bad, [collected(ledger, 'a'), unsigned], []).guilty, []);
});

test('commits in two views are no proof against their signers: they are named, and not accused', (t) => {
  const [mine, theirs] = [buildChain(2), buildChain(2, 2)];
  const header = theirs.store.entry(theirs.store.head().logSize - 1) ?? new Uint8Array(0);
  const digest = theirs.store.head().digest;
  t.is(decodeHeader(header).height, 2);
  const later = encodeAs(certificateSchema, certify(chainId, { epoch: 0, view: 3, height: 2, digest }));
  const report = blame(genesis, sets, [collected(mine, 'a'), collected(theirs, 'b', later)], []);
  t.is(report.guilty.length, 0);
  t.like(report.suspicions[0], { height: 2, views: [0, 3] });
  t.is(report.suspicions[0]?.validators.length, 3);
});
