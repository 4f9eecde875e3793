// Whoever made a fork may damage its own archive after it: each thing that is missing is said, and the rest still names
// them.
import test, { type ExecutionContext } from 'ava';
import { ArchiveSource } from '../../node/audit/archive-source.ts';
import { blame } from '../../node/audit/blame.ts';
import { collectArchive } from '../../node/audit/collect.ts';
import { SetHistories } from '../../node/audit/set-histories.ts';
import { StoreSource } from '../../node/audit/source.ts';
import { decodeBundle, encodeBundle } from '../../node/ledger/tile-layout.ts';
import { buildChain, buildChangedChain, setLinksOf } from './_chain.ts';
import { flipped, TestArchive } from './_folder.ts';

// They part at the second block.
const [ledger, branch] = [buildChain(11), buildChain(11, 2)];
const { genesis } = ledger;

async function compared(t: ExecutionContext, archive: TestArchive) {
  const good = await TestArchive.of(t, new StoreSource(ledger.store));
  const sides = await Promise.all(
    [good, archive].map(({ folder }, i) => collectArchive(i === 0 ? 'a' : 'b', new ArchiveSource(folder))),
  );
  const changes = sides.map((side) => side.changes);
  const logs = sides.map(({ log }) => log);
  const given = sides.flatMap(({ notes }) => notes);
  return blame(genesis, new SetHistories(genesis, changes), logs, given);
}

const everybody = ['node-0', 'node-1', 'node-2'];
const bundle = `tile/entries/000.p/${branch.store.head().logSize}`;
const pages = 'checkpoints/000.p/11';

const damages: readonly (readonly [what: string, path: string, said: RegExp])[] = [
  ['without its newest checkpoint', 'checkpoint', /^checkpoint is missing$/],
  ['without its last certificate', 'certificate', /^certificate is missing$/],
  ['without the checkpoints of its heights', pages, /^checkpoints.000.p.11 is missing$/],
  ['without its entries', bundle, /^tile.entries.*is missing$/],
];
for (const [what, path, said] of damages)
  test(`an archive ${what} still names whoever made the fork`, async (t) => {
    const archive = await TestArchive.of(t, new StoreSource(branch.store));
    await archive.remove(path);
    const { guilty, missing, unread } = await compared(t, archive);
    t.deepEqual(
      guilty.map(({ validator }) => validator),
      everybody,
    );
    t.regex(missing[0]?.what ?? '', said);
    t.true(missing.every(({ log }) => log === 'b'));
    t.true(unread >= 1);
  });

test('an archive with a flipped byte long after the fork still names whoever made it', async (t) => {
  const archive = await TestArchive.of(t, new StoreSource(branch.store));
  const entries = decodeBundle(await archive.read(bundle), branch.store.head().logSize);
  const at = branch.store.block(10)?.headerIndex ?? 0;
  const header = entries[at] ?? new Uint8Array(0);
  await archive.write(bundle, encodeBundle(entries.with(at, flipped(header, header.length - 1))));
  const { guilty, missing } = await compared(t, archive);
  t.deepEqual(
    guilty.map(({ validator }) => validator),
    everybody,
  );
  t.regex(missing.map(({ what }) => what).join(), /^changes of the validators are read up to height \d+: block 1[01] /);
});

test('the changes of the validators before the damage are known', async (t) => {
  const changed = buildChangedChain(2);
  const archive = await TestArchive.of(t, new StoreSource(changed.store));
  const last = changed.store.head().logSize - 1;
  const path = `tile/entries/000.p/${last + 1}`;
  const entries = decodeBundle(await archive.read(path), last + 1);
  await archive.write(path, encodeBundle(entries.with(last, Uint8Array.of(1))));
  const { log, changes } = await collectArchive('b', new ArchiveSource(archive.folder));
  t.is(changes.links.length, setLinksOf(changed).length);
  t.is(log.unread, 1);
});

test('a whole archive misses nothing; one that is none says so', async (t) => {
  const archive = await TestArchive.of(t, new StoreSource(branch.store));
  const { missing, unread } = await compared(t, archive);
  t.deepEqual([missing, unread], [[], 0]);
  for (const path of await archive.paths()) await archive.remove(path);
  const none = await collectArchive('b', new ArchiveSource(archive.folder));
  t.deepEqual(none.log.missing, ['no archive: it holds no entry', 'checkpoint is missing']);
});
