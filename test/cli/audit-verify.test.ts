// `daybook audit verify` as a process: its options, what it says and with which code it ends, and Ctrl-C in the middle.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { exitCodes } from '../../cli/exit-codes.ts';
import { startApi } from '../../node/api/server.ts';
import type { Verdict } from '../../node/audit/finding.ts';
import { StoreSource } from '../../node/audit/source.ts';
import { parseConfig } from '../../node/config.ts';
import { TestNode } from '../api/_node.ts';
import { buildChain, chainIdOfLedger } from '../audit/_chain.ts';
import { flipped, TestArchive } from '../audit/_folder.ts';
import { folderOf } from './_home.ts';

const main = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
const chain = buildChain(60);
const genesis = chainIdOfLedger(chain);

function start(t: ExecutionContext, home: string, ...args: string[]) {
  const child: ChildProcess = spawn(process.execPath, [main, 'audit', 'verify', ...args, '--home', home], {
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
    });
  const ended = new Promise<typeof said & { code: number | null }>((resolve) => {
    child.once('close', (code) => resolve({ ...said, code }));
  });
  return { child, ended };
}

test('threads and --fast: one verdict, which says what was not done, and nothing else is written', async (t) => {
  const home = folderOf(t);
  const { folder } = await TestArchive.of(t, new StoreSource(chain.store));
  const run = (...more: string[]) => start(t, home, folder, '--genesis', genesis, ...more).ended;
  const whole = await run();
  t.like(whole, { code: 0, stderr: '' });
  t.regex(whole.stdout, /^OK: 60 blocks, [^\n]+\n$/);
  t.notRegex(whole.stdout, /executed/);
  t.deepEqual(await run('--threads', '1'), whole);
  t.deepEqual(await run('--threads', '3'), whole);
  const fast = await run('--fast');
  t.like(fast, { code: 0, stderr: '' });
  t.regex(fast.stdout, /^OK: [^\n]+, outcomes were not executed again\n$/);
  t.like(JSON.parse((await run('--fast', '--json')).stdout), { ok: true, replayed: false });
  for (const wrong of ['0', '-1', '1.5', 'many']) t.is((await run('--threads', wrong)).code, exitCodes.usage);
});

test('a finding has its place, its rule and both values, in JSON on stdout, with code 7', async (t) => {
  const archive = await TestArchive.of(t, new StoreSource(chain.store));
  const path = (await archive.paths()).find((each) => each.startsWith('tile/entries/')) ?? '';
  const bytes = await archive.read(path);
  await archive.write(path, flipped(bytes, bytes.length - 10));
  const { code, stdout } = await start(t, folderOf(t), archive.folder, '--json').ended;
  t.is(code, exitCodes.verification);
  const { finding } = JSON.parse(stdout) as Verdict;
  t.deepEqual(Object.keys(finding ?? {}).sort(), ['detail', 'expected', 'found', 'height', 'index', 'rule']);
});

test('--resume takes no file that is not its own, and leaves it as it is', async (t) => {
  const home = folderOf(t);
  const { folder } = await TestArchive.of(t, new StoreSource(chain.store));
  const mine = join(home, 'mine.txt');
  writeFileSync(mine, 'my own notes, longer than a title is');
  const { code, stderr } = await start(t, home, folder, '--resume', mine).ended;
  t.is(code, exitCodes.usage);
  t.regex(stderr, /mine\.txt is no file of an audit to go on with\nName another file/);
  t.is(readFileSync(mine, 'utf8'), 'my own notes, longer than a title is');
  writeFileSync(mine, '');
  const empty = await start(t, home, folder, '--resume', mine).ended;
  t.like(empty, { code: 0, stderr: `${mine} is empty; the audit begins at genesis\n` });
  t.false(existsSync(mine));
});

class ChainNode extends TestNode {
  override readonly ledger = chain;
}

/** A node that serves a few entries at a time; `before` is called before each such answer, with its number. */
async function slowNode(t: ExecutionContext, before: (page: number) => void): Promise<string> {
  const { api } = parseConfig('validator = "node-0"\n[listen]\nport = 0\n[api]\nport = 0\n', '/');
  const node = await startApi(new ChainNode(), { ...api, openReads: true });
  t.teardown(() => node.stop());
  let page = 0;
  const server = createServer((request, response) => {
    fetch(`http://127.0.0.1:${node.port}${request.url ?? '/'}`)
      .then(async (answer) => {
        let body: Uint8Array | string = new Uint8Array(await answer.arrayBuffer());
        if (request.url?.startsWith('/v1/entries')) {
          const given = JSON.parse(Buffer.from(body).toString('utf8')) as { entries: string[] };
          body = JSON.stringify({ ...given, entries: given.entries.slice(0, 8) });
          before(page++);
        }
        response.writeHead(answer.status).end(body);
      })
      .catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('Ctrl-C ends it without a verdict, and with --resume the same command goes on', async (t) => {
  const home = folderOf(t);
  const kept = join(home, 'kept');
  let victim: ChildProcess | undefined;
  const url = await slowNode(t, (page) => {
    if (page === 5) victim?.kill('SIGINT');
  });
  const stopped = start(t, home, '--node', url, '--resume', kept);
  victim = stopped.child;
  const { code, stdout, stderr } = await stopped.ended;
  t.is(code, exitCodes.cancelled);
  t.is(stdout, '');
  t.regex(stderr, /^error: stopped after block \d+: no verdict\nThe same command goes on from what was kept\.\n$/);
  t.true(existsSync(kept));
  const { ended } = start(t, home, '--node', url, '--resume', kept, '--json');
  const { stdout: said } = await ended;
  const verdict = JSON.parse(said) as Verdict;
  t.true(verdict.ok && (verdict.resumedAfter ?? 0) > 0);
  t.is(verdict.head.height, 60);
  t.false(existsSync(kept));
});

test('Ctrl-C without --resume says how the next audit could go on', async (t) => {
  let victim: ChildProcess | undefined;
  const url = await slowNode(t, (page) => {
    if (page === 3) victim?.kill('SIGINT');
  });
  const { child, ended } = start(t, folderOf(t), '--node', url, '--threads', '1', '--json');
  victim = child;
  const { code, stdout, stderr } = await ended;
  t.is(code, exitCodes.cancelled);
  t.is(stdout, '');
  const { error } = JSON.parse(stderr) as { error: { exitCode: number; next: string } };
  t.is(error.exitCode, exitCodes.cancelled);
  t.regex(error.next, /--resume FILE/);
});
