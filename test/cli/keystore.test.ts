import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { CliError } from '../../cli/exit-codes.ts';
import { createKey, keyInfo, keyNames, openKey, unlock } from '../../cli/keystore.ts';
import { publicKeyOf } from '../../node/ledger/signature.ts';
import { folderOf } from './_home.ts';

test('one passphrase opens every key of a home with one run of scrypt', async (t) => {
  const keys = join(folderOf(t), 'keys');
  const made = await unlock(keys, 'correct horse');
  const a = createKey(keys, 'BRANCH-1', 'anna', made);
  createKey(keys, 'BRANCH-2', 'bert', await unlock(keys, 'correct horse'));
  t.deepEqual(keyNames(keys), ['anna', 'bert']);
  const unlocked = await unlock(keys, 'correct horse');
  const opened = openKey(keys, 'anna', unlocked);
  t.deepEqual(opened, a);
  t.deepEqual(publicKeyOf(opened.seed), keyInfo(keys, 'anna').publicKey);
  t.is(openKey(keys, 'bert', unlocked).member, 'BRANCH-2');
  if (process.platform !== 'win32') t.is(statSync(join(keys, 'anna.json')).mode & 0o777, 0o600);
  t.false(readFileSync(join(keys, 'anna.json'), 'utf8').includes(Buffer.from(a.seed).toString('hex')));
});

test('no first key is made under an empty passphrase; one that was made so still opens', async (t) => {
  const keys = join(folderOf(t), 'keys');
  for (const none of ['', ' ', '\n'])
    await t.throwsAsync(unlock(keys, none), { instanceOf: CliError, message: /is empty/ });
  t.deepEqual(keyNames(keys), []);
  const made = await unlock(keys, 'one');
  createKey(keys, 'BRANCH-1', 'anna', made);
  await t.throwsAsync(unlock(keys, ''), { message: /does not open the key anna/ });
});

test('a wrong passphrase, a changed file, an unknown name and a second making are refused', async (t) => {
  const keys = join(folderOf(t), 'keys');
  const unlocked = await unlock(keys, 'one');
  createKey(keys, 'BRANCH-1', 'anna', unlocked);
  await t.throwsAsync(unlock(keys, 'two'), { message: /does not open the key anna/ });
  t.throws(() => createKey(keys, 'BRANCH-1', 'anna', unlocked), { message: /already/ });
  t.throws(() => openKey(keys, 'bert', unlocked), { message: /no key bert/ });
  t.throws(() => createKey(keys, 'BRANCH-1', '../anna', unlocked), { message: /no name of a key/ });

  const file = join(keys, 'anna.json');
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replace('BRANCH-1', 'BRANCH-9'));
  t.throws(() => openKey(keys, 'anna', unlocked), { message: /does not open/ }, 'the member is bound to the seed');
  const sealed = /"sealed": "(.)/.exec(text)?.[1] === '0' ? '1' : '0';
  writeFileSync(file, text.replace(/"sealed": "./, `"sealed": "${sealed}`));
  t.throws(() => openKey(keys, 'anna', unlocked), { message: /does not open/ });
  writeFileSync(file, '{}');
  t.throws(() => openKey(keys, 'anna', unlocked), { message: /damaged/ });
});
