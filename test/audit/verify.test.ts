// Honest chains: every source gives the same verdict, and the verdict says what was done.
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { ArchiveError, exportArchive } from '../../node/audit/archive.ts';
import { ArchiveSource } from '../../node/audit/archive-source.ts';
import { verify as verifyOnce } from '../../node/audit/audit.ts';
import { verdictLine } from '../../node/audit/finding.ts';
import { StoreSource } from '../../node/audit/source.ts';
import { verifyFormat } from '../../node/audit/verify.ts';
import { TestLedger } from '../execution/_ledger.ts';
import { buildChain, certificateOf, chainIdOfLedger, entriesOf, ListSource } from './_chain.ts';
import { folderFor } from './_folder.ts';
import { verify } from './_verify.ts';

test('300 blocks verify alike from a store, an archive and a list, and every figure is counted', async (t) => {
  const ledger = buildChain(300);
  const folder = join(await folderFor(t), 'archive');
  const summary = await exportArchive(new StoreSource(ledger.store), folder);
  const genesis = chainIdOfLedger(ledger);
  const fromStore = await verify(new StoreSource(ledger.store), { genesis });
  t.is(fromStore.finding, undefined);
  t.true(fromStore.ok && fromStore.replayed && fromStore.genesisChecked);
  const head = ledger.store.head();
  t.like(fromStore.head, { height: 300, digest: head.digest, logSize: head.logSize, stateRoot: head.stateRoot });
  const { counts } = fromStore;
  t.is(counts.blocks, 300);
  t.is(counts.certificates, 300);
  t.is(counts.entries, head.logSize);
  t.is(summary.entries, head.logSize);
  t.is(counts.entries, 1 + counts.blocks + counts.transactions + counts.lines);
  t.is(counts.signatures, counts.transactions + 3 * counts.certificates);
  t.true(counts.refused > 0 && counts.accepted > 0);
  t.is(fromStore.sums[0]?.balances, '0.00');
  t.is(fromStore.sums[0]?.issued, '40000.00');
  const { archive, ...fromArchive } = await verify(new ArchiveSource(folder), { genesis });
  t.deepEqual(archive, { filesDamaged: [], ledgerAffected: false });
  t.deepEqual(fromArchive, fromStore);
  t.is(fromStore.checkpoints, 301);
  const fromList = await verify(new ListSource(entriesOf(ledger), certificateOf(ledger)), { genesis });
  t.deepEqual(fromList, { ...fromStore, checkpoints: 0 });
  t.regex(verdictLine(fromStore), /^OK: 300 blocks, /);
});

test('without an expected genesis the verdict asks to compare the chainId', async (t) => {
  const ledger = buildChain(2);
  const verdict = await verify(new StoreSource(ledger.store));
  t.true(verdict.ok);
  t.false(verdict.genesisChecked);
  t.true(verdictLine(verdict).startsWith(`consistent, genesis not checked; compare ${chainIdOfLedger(ledger)}`));
  const checked = await verify(new StoreSource(ledger.store), { genesis: ledger.genesis });
  t.true(checked.ok && checked.genesisChecked);
});

test('a chain of nothing but genesis is whole, and its archive too', async (t) => {
  const ledger = new TestLedger();
  const folder = await folderFor(t);
  await exportArchive(new StoreSource(ledger.store), folder);
  t.deepEqual((await readdir(folder)).sort(), ['MANIFEST', 'genesis.json', 'keys.txt', 'policy.txt', 'tile']);
  const verdict = await verify(new ArchiveSource(folder), { genesis: ledger.genesis });
  t.true(verdict.ok);
  t.is(verdict.counts.blocks, 0);
});

test('a file that is there and cannot be read is no finding: it says nothing of the archive', async (t) => {
  const folder = await folderFor(t);
  await exportArchive(new StoreSource(buildChain(2).store), folder);
  const source = new ArchiveSource(folder);
  await source.head(); // lists what is there
  for (const name of ['genesis.json', 'keys.txt']) await rm(join(folder, name));
  await t.throwsAsync(source.genesisText(), { code: 'ENOENT' });
  await t.throwsAsync(source.checkpoints.logKey(), { code: 'ENOENT' });
  const later = new ArchiveSource(folder);
  t.is(await later.genesisText(), undefined);
  t.is(await later.checkpoints.logKey(), undefined);
});

test('formats alone say that nothing was executed again', async (t) => {
  const ledger = buildChain(3);
  const verdict = await verifyFormat(new StoreSource(ledger.store), { genesis: ledger.genesis });
  t.true(verdict.ok);
  t.false(verdict.replayed);
  t.regex(verdictLine(verdict), /not executed again$/);
});

test('an archive is written whole, into nothing that is there', async (t) => {
  const ledger = buildChain(3);
  const folder = await folderFor(t);
  const source = new StoreSource(ledger.store);
  const target = join(folder, 'a', 'b');
  const seen: number[] = [];
  await exportArchive(source, target, { onProgress: ({ done, total }) => seen.push(done / total) });
  t.is(seen.at(-1), 1);
  await t.throwsAsync(exportArchive(source, target), { instanceOf: ArchiveError });
  const lies = new ListSource([new Uint8Array(3), ...entriesOf(ledger).slice(1)], undefined);
  await t.throwsAsync(exportArchive(lies, join(folder, 'c')), { message: /entry 0/ });
  t.deepEqual(await readdir(folder), ['a']);
  t.is((await stat(join(target, 'MANIFEST'))).isFile(), true);
});

test('progress grows to the end', async (t) => {
  const ledger = buildChain(40);
  const folder = join(await folderFor(t), 'archive');
  await exportArchive(new StoreSource(ledger.store), folder);
  const seen = { files: [0], blocks: [0], export: [0] };
  const onProgress = ({ stage, done, total }: { stage: keyof typeof seen; done: number; total: number }) => {
    t.true(done <= total && done >= (seen[stage].at(-1) ?? 0));
    seen[stage].push(done);
  };
  await verifyOnce(new ArchiveSource(folder), { onProgress });
  t.is(seen.blocks.at(-1), ledger.store.head().logSize);
});
