// [D1] [D4] Disks after power losses: a fixed few of those that `npm run crash-images` builds by the thousand.
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { testFolder } from '../store/_folder.ts';
import { buildShim } from './_shim.ts';
import { Court, expectationAtEnd, record } from './crash/_court.ts';

const seed = 3;

function courtOf(t: ExecutionContext): { court: Court; shim: string } | undefined {
  const shim = buildShim('disk');
  if ('absent' in shim) {
    t.log(`skipped: ${shim.absent}`);
    t.pass();
    return undefined;
  }
  const court = new Court(1);
  t.teardown(() => court.close());
  return { court, shim: shim.file };
}

test.serial(
  '[D1] after a power loss at any moment all that was acknowledged is there, and every vote sent',
  async (t) => {
    const parts = courtOf(t);
    if (parts === undefined) return;
    const recording = record(parts.shim, join(testFolder(t), 'run'), seed, 20);
    t.is(recording.status, 0, recording.errors);
    t.is(await parts.court.folder(recording.folder, expectationAtEnd(recording.calls)), undefined);
    t.deepEqual(await parts.court.images(recording, 24, seed), []);
  },
);

test.serial('a disk that forgets syncs is found out, so the images show something', async (t) => {
  const parts = courtOf(t);
  if (parts === undefined) return;
  const recording = record(parts.shim, join(testFolder(t), 'run'), seed, 5);
  const calls = recording.calls
    .filter((call) => call.type !== 'sync')
    .map((call) => (call.type === 'write' ? { ...call, durable: false } : call));
  t.true((await parts.court.images({ ...recording, calls }, 6, seed)).length > 0);
});

test.serial('a validator whose disk refuses a write ends, and its next start has all that it sent', async (t) => {
  const parts = courtOf(t);
  if (parts === undefined) return;
  for (const rule of ['sync error EIO 20', 'write error ENOSPC 50', 'meta error EIO 12']) {
    const recording = record(parts.shim, join(testFolder(t), 'run'), seed, 20, rule);
    // A refused page may be SIGABRT instead: LMDB overruns a buffer with its message (see crash/main.ts).
    const isAbort = rule.startsWith('write') && recording.signal === 'SIGABRT';
    t.true(recording.status === 1 || isAbort, `${rule}: ${recording.signal} ${recording.errors}`);
    t.regex(recording.errors, /StoreFailure: a write to the store in .* failed/);
    t.is(await parts.court.folder(recording.folder, expectationAtEnd(recording.calls)), undefined, rule);
  }
});
