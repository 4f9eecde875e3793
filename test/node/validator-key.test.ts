// A validator's seed cannot be had again, and the ledger may name its keys before the machine next loses power.
import fs, { readlinkSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { dirname, join } from 'node:path';
import test from 'ava';
import { readValidatorKey, writeValidatorKey } from '../../node/validator-key.ts';
import { testFolder } from '../store/_folder.ts';

test('a key file and its name are on the disk when it is written', (t) => {
  if (process.platform !== 'linux') return void t.pass('which file was synced is told by /proc');
  const file = join(testFolder(t), 'validator.key');
  const synced: string[] = [];
  const { fsyncSync } = fs;
  fs.fsyncSync = (descriptor) => {
    synced.push(readlinkSync(`/proc/self/fd/${descriptor}`));
    fsyncSync(descriptor);
  };
  syncBuiltinESMExports();
  t.teardown(() => {
    fs.fsyncSync = fsyncSync;
    syncBuiltinESMExports();
  });
  const key = { validator: 'bank-a', seed: new Uint8Array(32).fill(7) };
  writeValidatorKey(file, key);
  t.deepEqual(synced, [file, dirname(file)]);
  t.deepEqual(readValidatorKey(file), key);
  t.throws(() => writeValidatorKey(file, key), { code: 'EEXIST' });
  t.deepEqual(readValidatorKey(file), key);
});
