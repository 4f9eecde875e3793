import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';

const lockModule = new URL('../../../cli/lock.mjs', import.meta.url).href;

/** Enters the lock, writes a line to the journal, stays a moment, writes another; `hang` stays for ever. */
const script = `
  const [folder, journal, hang] = process.argv.slice(1);
  const { alone } = await import(${JSON.stringify(lockModule)});
  const { appendFileSync } = await import('node:fs');
  await alone(folder, async () => {
    appendFileSync(journal, 'in ' + process.pid + '\\n');
    process.stdout.write('in');
    await new Promise((resolve) => setTimeout(resolve, hang ? 2 ** 30 : 15));
    appendFileSync(journal, 'out ' + process.pid + '\\n');
  });
`;

function enter(folder: string, ...hang: string[]): ChildProcess {
  const args = ['--input-type=module', '-e', script, join(folder, 'lock'), join(folder, 'journal'), ...hang];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
}

function journalOf(folder: string): string[] {
  return readFileSync(join(folder, 'journal'), 'utf8').trim().split('\n');
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'daybook-lock-'));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('many waiters behind a dead owner enter one at a time', (t) =>
  inFolder(async (folder) => {
    const dead = enter(folder, 'hang');
    await once(dead.stdout ?? dead, 'data');
    const waiters = Array.from({ length: 8 }, () => enter(folder));
    dead.kill('SIGKILL');
    const codes = await Promise.all(waiters.map(async (waiter) => (await once(waiter, 'exit'))[0]));
    t.deepEqual(codes, Array(8).fill(0));
    const lines = journalOf(folder).slice(1);
    t.is(lines.length, 16);
    for (let i = 0; i < lines.length; i += 2) t.is(lines[i]?.replace('in', 'out'), lines[i + 1]);
    const left = readdirSync(join(folder, 'lock'));
    t.deepEqual(
      left.map((name) => readlinkSync(join(folder, 'lock', name))),
      ['free'],
    );
  }));

// Only Linux tells when a process began.
const onLinux = process.platform === 'linux' ? test : () => undefined;

onLinux('a pid that is used again is not taken for the owner', (t) =>
  inFolder(async (folder) => {
    mkdirSync(join(folder, 'lock'));
    symlinkSync(`${process.pid}:1`, join(folder, 'lock/7')); // this process, said to have begun at another time
    const [code] = await once(enter(folder), 'exit');
    t.is(code, 0);
    t.deepEqual(readdirSync(join(folder, 'lock')), ['9']);
  }),
);

test('a latecomer that saw an older generation gives way', (t) =>
  inFolder(async (folder) => {
    const owner = enter(folder, 'hang');
    await once(owner.stdout ?? owner, 'data');
    const waiter = enter(folder);
    symlinkSync('999999999:1', join(folder, 'lock/0')); // a dead owner's older name frees nothing
    const first = await Promise.race([
      once(waiter, 'exit').then(() => 'entered'),
      new Promise((resolve) => setTimeout(resolve, 400, 'waits')),
    ]);
    t.is(first, 'waits');
    owner.kill('SIGKILL');
    t.is((await once(waiter, 'exit'))[0], 0);
  }));
