// Where a demo works: a folder of its own, also when several begin at once, and nothing of anybody else is removed.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { claimDemoFolder } from '../../cli/demo-folder.ts';
import { writeDevnet } from '../../cli/devnet-files.ts';
import { startDevnet } from '../../cli/devnet-processes.ts';
import { CliError } from '../../cli/exit-codes.ts';
import { takeLock } from '../../cli/file-lock.ts';
import { homePaths } from '../../cli/home.ts';
import { markOf } from '../../cli/process-alive.ts';
import { fileIn, folderOf } from './_home.ts';

test('demos that begin at once have a folder each', async (t) => {
  const base = join(folderOf(t), 'base');
  const claimed = await Promise.all([claimDemoFolder(base), claimDemoFolder(base), claimDemoFolder(base)]);
  t.deepEqual(claimed.map(({ folder }) => folder).sort(), [
    join(base, 'demo'),
    join(base, 'demo-2'),
    join(base, 'demo-3'),
  ]);
});

test('what a demo that has ended left is removed, and a lock whose owner has ended does not count', async (t) => {
  const base = folderOf(t);
  const old = homePaths(join(base, 'demo'));
  mkdirSync(old.folder);
  writeDevnet(old, { launcher: undefined, validators: [] });
  fileIn(base, 'demo.lock', '{"pid":1,"start":"never"}');
  t.is((await claimDemoFolder(base)).folder, old.folder);
  t.false(existsSync(old.folder));
});

test('a demo keeps out of a folder whose validators run, and out of one that is no demo’s', async (t) => {
  const base = folderOf(t);
  const busy = homePaths(join(base, 'demo'));
  mkdirSync(join(busy.validators, 'v1'), { recursive: true });
  writeDevnet(busy, {
    launcher: undefined,
    validators: [{ id: 'v1', apiPort: 1, peerPort: 2, process: markOf(process.pid) }],
  });
  mkdirSync(join(base, 'demo-2'));
  writeFileSync(join(base, 'demo-2', 'mine'), '');
  await t.throwsAsync(claimDemoFolder(base), { instanceOf: CliError, message: /demo-2 is not a demo's folder/ });
  t.true(existsSync(busy.devnet));
});

test('a second start of one devnet is told which process is at it', async (t) => {
  const paths = homePaths(folderOf(t));
  takeLock(join(paths.folder, 'devnet.lock'), 'a test');
  const second = startDevnet(paths, { validators: 4, issuance: [], keeper: 'channel' });
  await t.throwsAsync(second, { instanceOf: CliError, message: new RegExp(`^process ${process.pid} is at work`) });
  t.false(existsSync(paths.genesis));
});

test('a devnet is not started in the home of another chain, and nothing is written there', async (t) => {
  const paths = homePaths(folderOf(t));
  writeFileSync(paths.genesis, '{}');
  const started = startDevnet(paths, { validators: 4, issuance: [], keeper: 'channel' });
  await t.throwsAsync(started, { instanceOf: CliError, message: /is the home of a chain that is no devnet/ });
  t.deepEqual(readdirSync(paths.folder), ['genesis.json']);
});
