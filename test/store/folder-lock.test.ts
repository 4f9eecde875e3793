import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { lockFolder } from '../../node/store/folder-lock.ts';
import { StoreError } from '../../node/store/store.ts';
import { testFolder } from './_folder.ts';

const childFile = fileURLToPath(new URL('_lock-child.js', import.meta.url));
const inUse = { instanceOf: StoreError, message: /in use by another process/ };

for (const platform of ['linux', 'darwin'] as const) {
  test(`a folder has one holder (as on ${platform})`, async (t) => {
    const [folder, other] = [testFolder(t), testFolder(t)];
    const lock = await lockFolder(folder, platform);
    await t.throwsAsync(lockFolder(folder, platform), inUse);
    await (await lockFolder(other, platform)).release();
    await lock.release();
    await lock.release();
    await (await lockFolder(folder, platform)).release();
  });

  test(`a holder that is killed holds nothing any more (as on ${platform})`, async (t) => {
    const folder = testFolder(t);
    const child = spawn(process.execPath, [childFile, folder, platform], { stdio: ['ignore', 'pipe', 'inherit'] });
    t.teardown(() => child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    await t.throwsAsync(lockFolder(folder, platform), inUse);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await (await lockFolder(folder, platform)).release();
  });
}
