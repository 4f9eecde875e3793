// A checkpoint that came alone: held against archives of either side of a fork, or of none. It is never taken for what
// it is not, nobody is accused of one signature, and what would tell is always named.
import test, { type ExecutionContext } from 'ava';
import { logNameOf } from '../../node/audit/anchor.ts';
import { ArchiveSource } from '../../node/audit/archive-source.ts';
import { blame, CollectedLog } from '../../node/audit/blame.ts';
import { FindingError } from '../../node/audit/chain.ts';
import { readCheckpoint } from '../../node/audit/checkpoint-check.ts';
import { collectArchive } from '../../node/audit/collect.ts';
import { SetHistories, type SetList } from '../../node/audit/set-histories.ts';
import { StoreSource } from '../../node/audit/source.ts';
import { judgeStrays, strayForkText, unjudgedText } from '../../node/audit/strays.ts';
import { originOf } from '../../node/ledger/checkpoint.ts';
import { checkpointNote, cosignatureMessage } from '../../node/ledger/cosignature.ts';
import { evidenceProblem } from '../../node/ledger/evidence.ts';
import { type Digest, digestOf } from '../../node/ledger/hash.ts';
import { formatNote, parseNote } from '../../node/ledger/note.ts';
import { deriveSeed, sign } from '../../node/ledger/signature.ts';
import type { Validator } from '../../node/ledger/validators.ts';
import { seedBehind, seedOf, type TestLedger } from '../execution/_ledger.ts';
import { buildChain, buildChangedChain, setLinksOf } from './_chain.ts';
import { TestArchive } from './_folder.ts';

// They part at the second block: one side changes its validators three times, the other one never.
const steady = buildChain(30);
const changed = buildChangedChain();
const { genesis, chainId } = changed;
const log = logNameOf(genesis);
const end = changed.store.head();
const newest = changed.checkpointNote(end.height) ?? new Uint8Array(0);
const { root } = readCheckpoint(newest, { height: 0 }).checkpoint;
const latest = changed.validatorsAt(end.height);

/** A checkpoint with the line of that validator alone. */
function lineOf(bytes: Uint8Array, id: string): Uint8Array {
  const note = parseNote(bytes);
  return formatNote({ ...note, signatures: note.signatures.filter(({ name }) => name.endsWith(`/${id}`)) });
}

function noteBy(set: readonly Validator[], who: readonly string[], size: number, root: Digest): Uint8Array {
  const cosignatures = set.flatMap((each, validator) => {
    if (!who.includes(each.id)) return [];
    const message = cosignatureMessage({ origin: originOf(log), size, root }, 1_000);
    return [{ validator, time: 1_000, signature: sign(message, deriveSeed(seedBehind(each), 'audit')) }];
  });
  return checkpointNote(log, { height: 1, size, root, cosignatures }, set);
}
const falseRoot = digestOf(seedOf('another log'));

interface Given {
  readonly sides?: readonly TestLedger[];
  readonly sets?: TestLedger;
  readonly strays: readonly Uint8Array[];
}

/** As the command does. */
async function judged(t: ExecutionContext, { sides = [], sets: of, strays }: Given) {
  const archives = await Promise.all(
    sides.map(async (side) => {
      const name = side === steady ? 'steady' : 'changed';
      const { folder } = await TestArchive.of(t, new StoreSource(side.store));
      return { name, ...(await collectArchive(name, new ArchiveSource(folder))) };
    }),
  );
  const links = of === undefined ? [] : setLinksOf(of);
  const changes = new CollectedLog('changes');
  for (const { certificate } of links) changes.certify(certificate);
  const lists: SetList[] = [{ links }, ...archives.map((each) => each.changes)];
  const sets = new SetHistories(genesis, lists);
  const given = strays.map((bytes) => ({ name: 'stray', bytes }));
  const beside = await judgeStrays(genesis, sets, given, archives);
  const notes = archives.flatMap((each) => each.notes);
  const report = blame(genesis, sets, [changes, ...archives.map((each) => each.log)], [...notes, ...given]);
  for (const { epoch, evidence } of report.guilty)
    t.true(sets.ofEpoch(epoch).some(({ validators }) => evidenceProblem(evidence, chainId, validators) === undefined));
  return { ...beside, report, guilty: report.guilty.map(({ validator, epoch }) => `${epoch}: ${validator}`) };
}

const joined = ['node-1', 'node-4']; // node-1 under its second keys
const madeTheFork = ['0: node-0', '0: node-1', '0: node-2'];

test('beside the other side alone: nobody is accused, and what would tell is named', async (t) => {
  const { forks, unjudged, guilty } = await judged(t, {
    sides: [steady],
    strays: [noteBy(latest, joined, end.logSize, root)],
  });
  t.deepEqual([forks, guilty], [[], []]);
  const [one] = unjudged;
  const said = one === undefined ? '' : unjudgedText(one);
  t.regex(said, /in the name \S+\/validator\/node-1 under the key [0-9a-f]{8}, which no known validator has/);
  t.regex(said, /in the name \S+\/validator\/node-4 under the key [0-9a-f]{8}, which no known validator has/);
  t.true(said.includes(`Fetch an archive of the log that has the root ${one?.root} at ${end.logSize} entries`), said);
  t.regex(said, /`daybook receipt sets`\) as --sets\./);
});

test('the changes of its side beside the archive of the other one name who made the fork', async (t) => {
  const stray = noteBy(latest, joined, end.logSize, root);
  const { forks, unjudged, guilty } = await judged(t, { sides: [steady], sets: changed, strays: [stray] });
  t.deepEqual(unjudged, []);
  t.like(forks[0], { log: 'steady', size: end.logSize, both: [] });
  t.deepEqual(
    forks[0]?.cosigners.map(({ validator }) => validator),
    joined,
  );
  t.deepEqual(guilty, madeTheFork);
  const both = await judged(t, { sides: [steady, changed], strays: [stray] });
  t.deepEqual([both.forks, both.unjudged], [[], []], 'it is of one of them');
  for (const name of madeTheFork) t.true(both.guilty.includes(name), name);
});

test('who cosigned both sides under one key is listed, and accused of one size alone', async (t) => {
  const last = steady.store.head();
  const { forks, guilty } = await judged(t, {
    sides: [steady],
    strays: [noteBy(latest, ['node-2', 'node-4'], last.logSize - 1, falseRoot)],
  });
  t.like(forks[0], { proved: last.logSize, both: [{ validator: 'node-2' }], cosigners: [{ validator: 'node-2' }] });
  const said = forks[0] === undefined ? '' : strayForkText(forks[0]);
  t.regex(said, /cosigned by node-2 of EAST \(and signed in the name \S+node-4 .*\); steady proves /);
  t.regex(said, /that node-2 of EAST cosigned too\./);
  t.deepEqual(guilty, [], 'no block of that archive ends with that size');
  const size = last.logSize;
  const twin = noteBy(genesis.validators, ['node-1'], size, falseRoot);
  const accused = await judged(t, { sides: [steady], strays: [twin] });
  t.deepEqual(accused.guilty, ['0: node-1']);
});

test('the side that changed nothing has its own validators up to the end of its log, and no further', async (t) => {
  const { logSize } = steady.store.head();
  const first = noteBy(genesis.validators, ['node-0'], logSize, falseRoot);
  const known = await judged(t, { sides: [steady, changed], strays: [first] });
  t.deepEqual(known.unjudged, []);
  t.true(known.guilty.includes('0: node-0'));
  const later = noteBy(genesis.validators, ['node-0'], logSize + 1, falseRoot);
  const { unjudged, forks } = await judged(t, { sides: [steady, changed], strays: [later] });
  t.deepEqual(forks, []);
  t.regex(
    unjudged.map(unjudgedText).join(),
    /by node-0 of NORTH, a validator of epochs 0, 1, 2 alone as far as is known/,
  );
});

test('former validators accuse nobody and are no fork, also beside the whole log of their own side', async (t) => {
  const former = noteBy(genesis.validators, ['node-0', 'node-1'], end.logSize, falseRoot);
  const { forks, unjudged, report } = await judged(t, { sides: [changed], strays: [former] });
  t.deepEqual([forks, report.guilty], [[], []]);
  t.regex(unjudged.map(unjudgedText).join(), /changed proves another root .* nobody is accused/);
  const late = noteBy(genesis.validators, ['node-0'], end.logSize, root);
  const said = (await judged(t, { sides: [changed], strays: [late] })).unjudged.map(unjudgedText).join();
  t.regex(said, /It is of the log of changed, whose validators of that size have not cosigned it/);
});

test('a stray beyond every archive is not judged; one that an archive holds says nothing more', async (t) => {
  const beyond = noteBy(latest, ['node-2'], end.logSize + 5, falseRoot);
  const { forks, unjudged } = await judged(t, { sides: [changed], strays: [newest, beyond] });
  t.deepEqual(forks, []);
  t.is(unjudged.length, 1);
  t.regex(unjudged.map(unjudgedText).join(), /changed ends after \d+ entries\. Fetch an archive of the log/);
  const alone = await judged(t, { strays: [changed.checkpointNote(2) ?? new Uint8Array(0)] });
  t.regex(alone.unjudged.map(unjudgedText).join(), /there is no archive beside it/);
});

test('a stray of another log, of no form or in no validator’s name is refused; a false line is nobody’s', async (t) => {
  const ruleOf = async (bytes: Uint8Array) =>
    (await t.throwsAsync(judged(t, { strays: [bytes] }), { instanceOf: FindingError })).finding.rule;
  t.is(await ruleOf(Uint8Array.of(1, 2)), 'checkpoint-form');
  const good = changed.checkpointNote(3) ?? new Uint8Array(0);
  const text = Buffer.from(good).toString();
  t.is(await ruleOf(Buffer.from(text.replace('daybook.example/test/', 'daybook.example/other/'))), 'checkpoint-origin');
  const note = parseNote(lineOf(good, 'node-0'));
  const lines = note.signatures.map((line) => ({ ...line, signature: line.signature.map((byte) => byte ^ 1) }));
  t.is(await ruleOf(formatNote({ ...note, signatures: lines })), 'checkpoint-quorum', 'its key did not sign that');
  const odd = note.signatures.map((line) => ({ ...line, name: `daybook.example/test/validator/${'\u202e'}x` }));
  t.is(await ruleOf(formatNote({ ...note, signatures: odd })), 'checkpoint-quorum', 'a name that none may have');
  const witness = note.signatures.map((line) => ({ ...line, name: 'witness.example/w1' }));
  t.is(await ruleOf(formatNote({ ...note, signatures: witness })), 'checkpoint-quorum');
});
