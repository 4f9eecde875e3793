// The preloaded shims do what their heads say, and the store writes as its comments say.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { createLmdbStore, openLmdbStore } from '../../node/store/lmdb-opening.ts';
import { FakeChain } from '../store/_fixtures.ts';
import { testFolder } from '../store/_folder.ts';
import { readDiskTrace } from './_disk-trace.ts';
import { buildShim } from './_shim.ts';

const childFile = fileURLToPath(new URL('../store/_crash-child.js', import.meta.url));
const seed = 90;
const blocks = 20;

function shim(t: ExecutionContext, name: 'disk' | 'clock'): string | undefined {
  const built = buildShim(name);
  if ('file' in built) return built.file;
  t.log(`skipped: ${built.absent}`);
  t.pass();
  return undefined;
}

async function newStore(t: ExecutionContext): Promise<{ base: string; folder: string; chain: FakeChain }> {
  const base = testFolder(t);
  const folder = join(base, 'store');
  mkdirSync(folder);
  const chain = new FakeChain(seed);
  await (await createLmdbStore(folder, chain.identity, chain.genesis)).close();
  return { base, folder, chain };
}

function runChild(folder: string, env: Record<string, string>) {
  const args = [childFile, folder, String(seed), String(blocks)];
  return spawnSync(process.execPath, args, { env: { ...process.env, ...env }, encoding: 'utf8' });
}

test('a commit of the store is pages, one sync, then one meta page that is durable by itself', async (t) => {
  const preload = shim(t, 'disk');
  if (preload === undefined) return;
  const { base, folder } = await newStore(t);
  const file = join(base, 'trace');
  const { status, stderr } = runChild(folder, { LD_PRELOAD: preload, DAYBOOK_DISK_TRACE: file });
  t.is(status, 0, stderr);
  const shape = readDiskTrace(file)
    .map((call) => (call.type === 'write' ? (call.durable ? 'M' : 'w') : call.type === 'sync' ? 's' : '?'))
    .join('');
  // The session row, then a vote and a block each.
  t.regex(shape, new RegExp(`^(w+sM){${1 + 2 * blocks}}$`));
});

for (const [rule, code] of [
  ['sync error EIO 30', /EIO|Input\/output error/],
  ['write error ENOSPC 40', /ENOSPC|No space left/],
  ['meta error EIO 30', /EIO|Input\/output error/],
] as const) {
  test(`a store ends at the first failure and loses nothing: ${rule}`, async (t) => {
    const preload = shim(t, 'disk');
    if (preload === undefined) return;
    const { base, folder, chain } = await newStore(t);
    const control = join(base, 'control');
    writeFileSync(control, `${rule}\n`);
    const env = { LD_PRELOAD: preload, DAYBOOK_DISK_CONTROL: control };
    const { status, signal, stdout, stderr } = runChild(folder, env);
    // A refused page may end in SIGABRT: LMDB overruns a buffer with its message (see crash/main.ts).
    t.true(status === 1 || (rule.startsWith('write') && signal === 'SIGABRT'), stderr);
    t.regex(stderr, /StoreFailure: a write to the store in .* failed/);
    t.regex(stderr, code);
    const printed = stdout.trimEnd().split('\n').at(-1) ?? '';
    const store = await openLmdbStore(folder, chain.identity);
    t.true(store.head().height >= Math.floor(Number(printed)) && Number(printed) > 3, printed);
    await store.close();
  });
}

test('a clock steps and stands still while the process runs, and its timers do not', (t) => {
  const preload = shim(t, 'clock');
  if (preload === undefined) return;
  const file = join(testFolder(t), 'clock');
  const script = `
    const { renameSync, writeFileSync } = require('node:fs');
    const file = process.argv[1];
    const set = (text) => { writeFileSync(file + '.new', text); renameSync(file + '.new', file); };
    const at = Date.now(), monotonic = process.hrtime.bigint();
    set('-86400000'); const back = Date.now();
    set('3600000'); const ahead = Date.now();
    set('frozen 1700000000000'); const frozen = [Date.now(), Date.now()];
    const passed = Number(process.hrtime.bigint() - monotonic) / 1e6;
    console.log(JSON.stringify({ back: back - at, ahead: ahead - at, frozen, passed }));`;
  const env = { ...process.env, LD_PRELOAD: preload, DAYBOOK_CLOCK_FILE: file };
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', script, file], { env, encoding: 'utf8' });
  const seen = JSON.parse(stdout || stderr);
  t.true(Math.abs(seen.back + 86_400_000) < 20_000 && Math.abs(seen.ahead - 3_600_000) < 20_000, stdout);
  t.deepEqual(seen.frozen, [1_700_000_000_000, 1_700_000_000_000]);
  t.true(seen.passed >= 0 && seen.passed < 20_000);
});
