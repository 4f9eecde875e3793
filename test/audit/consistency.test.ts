// Checkpoints of one log and of two, with and without tiles that prove it; and the state made again from events alone.
import test from 'ava';
import { logNameOf } from '../../node/audit/anchor.ts';
import { ArchiveProofs } from '../../node/audit/archive-proofs.ts';
import { ArchiveSource } from '../../node/audit/archive-source.ts';
import { rebuild } from '../../node/audit/audit.ts';
import { FindingError } from '../../node/audit/chain.ts';
import { compareNotes, forkText, type JudgedNote, judgeNote, type LogTiles } from '../../node/audit/consistency.ts';
import type { Rule } from '../../node/audit/finding.ts';
import { SetHistories } from '../../node/audit/set-histories.ts';
import { StoreSource } from '../../node/audit/source.ts';
import { formatNote, parseNote } from '../../node/ledger/note.ts';
import { TestLedger, testGenesis } from '../execution/_ledger.ts';
import { buildChain, chainIdOfLedger, Forger, ListSource } from './_chain.ts';
import { TestArchive } from './_folder.ts';

// Both from one genesis, under the same validators: they part at the second block.
const ledger = buildChain(9);
const branch = buildChain(9, 2);
const { genesis } = ledger;
const log = logNameOf(genesis);
const sets = new SetHistories(genesis);

const noteBytes = (of: TestLedger, height: number) => of.checkpointNote(height) ?? new Uint8Array(0);
function noteOf(of: TestLedger, height: number): JudgedNote {
  const name = `${of === branch ? 'branch' : 'log'}-${height}`;
  return judgeNote({ name, bytes: noteBytes(of, height) }, log, sets);
}

async function tilesOf(t: Parameters<typeof TestArchive.of>[0], of: TestLedger): Promise<LogTiles> {
  const archive = await TestArchive.of(t, new StoreSource(of.store));
  const { size, tiles } = await ArchiveProofs.open(new ArchiveSource(archive.folder));
  return { size, tiles };
}

test('checkpoints of one log are proved to continue one another, in any order', async (t) => {
  const notes = [9, 1, 4, 2, 9, 7].map((height) => noteOf(ledger, height));
  const good = await compareNotes(notes, [await tilesOf(t, branch), await tilesOf(t, ledger)]);
  t.deepEqual([good.forks, good.unproved], [[], []]);
  const nobody = await compareNotes(notes, []);
  t.is(nobody.forks.length, 0);
  t.true(nobody.unproved.length >= 4, 'nothing is proved without tiles');
});

test('two roots for one size name everybody who cosigned both', async (t) => {
  const sizes = [ledger, branch].map((each) => noteOf(each, 2).checkpoint.size);
  t.is(sizes[0], sizes[1]);
  const { forks } = await compareNotes([noteOf(ledger, 2), noteOf(branch, 2)], []);
  t.is(forks.length, 1);
  t.deepEqual(
    forks[0]?.both.map(({ validator, member }) => [validator, member]),
    [
      ['node-0', 'NORTH'],
      ['node-1', 'SOUTH'],
      ['node-2', 'EAST'],
    ],
  );
  t.regex(forks.map(forkText).join(), /log-2 says .* branch-2 that it has .* cosigned by node-0 of NORTH/);
});

test('a later checkpoint of another branch is a fork, which its own tiles prove', async (t) => {
  const pair = [noteOf(ledger, 4), noteOf(branch, 9)];
  const { forks, unproved } = await compareNotes(pair, [await tilesOf(t, branch)]);
  t.is(unproved.length, 0);
  t.is(forks[0]?.size, noteOf(ledger, 4).checkpoint.size);
  t.is(forks[0]?.both.length, 3);
  const others = await compareNotes(pair, [await tilesOf(t, ledger)]);
  t.is(others.forks.length, 0, 'the tiles of neither later log prove nothing');
  t.is(others.unproved.length, 1);
});

const good = parseNote(noteBytes(ledger, 4));
const bad: readonly (readonly [what: string, bytes: Uint8Array, rule: Rule])[] = [
  ['that is no note', Uint8Array.of(1, 2), 'checkpoint-form'],
  ['that is under-signed', formatNote({ ...good, signatures: good.signatures.slice(1) }), 'checkpoint-quorum'],
  ['with a bad signature', formatNote({ ...good, text: good.text.replace(/\n\d+\n/, '\n5\n') }), 'checkpoint-quorum'],
  ['of another log', noteBytes(otherLog(), 1), 'checkpoint-origin'],
];
for (const [what, bytes, rule] of bad)
  test(`a checkpoint ${what} is not compared`, (t) => {
    const error = t.throws(() => judgeNote({ name: 'x', bytes }, log, sets), { instanceOf: FindingError });
    t.is(error?.finding.rule, rule);
  });

function otherLog(): TestLedger {
  return buildChain(1, 1, new TestLedger({ ...testGenesis(), name: 'daybook.example/other' }));
}

test('the events alone make every state root that the headers name, and a wrong one is found', async (t) => {
  const genesisHash = chainIdOfLedger(ledger);
  const whole = await rebuild(new StoreSource(ledger.store), { genesis: genesisHash });
  t.true(whole.ok, whole.finding?.detail);
  t.is(whole.head.stateRoot, ledger.store.head().stateRoot);
  const forger = new Forger(buildChain(3));
  forger.seal([], { header: { stateRoot: new Uint8Array(32) } });
  const empty = await rebuild(forger.source, { genesis: genesisHash });
  t.is(empty.finding?.rule, 'block-size', 'an empty block is none');
  const entries = [...Array(ledger.store.head().logSize).keys()].map((i) => ledger.store.entry(i) ?? new Uint8Array(0));
  const first = ledger.store.block(4)?.firstIndex ?? 0;
  const wrong = new Forger(buildChain(3)).seal(entries.slice(first, ledger.store.block(4)?.headerIndex), {
    header: { stateRoot: new Uint8Array(32), timestamp: ledger.time },
  });
  const verdict = await rebuild(new ListSource(wrong.entries, (await wrong.source.head()).certificate));
  t.is(verdict.finding?.rule, 'state-root', verdict.finding?.detail);
  t.is(verdict.finding?.height, 4);
});
