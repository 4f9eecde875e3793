// Founding a ledger as operators do, each in a home of its own: nonce, keys, genesis, then key and store together.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { exitCodes } from '../../cli/exit-codes.ts';
import { readLedger } from '../../cli/session.ts';
import { parseConfig } from '../../node/config.ts';
import { readValidatorKey } from '../../node/validator-key.ts';
import { folderOf } from './_home.ts';

const main = fileURLToPath(new URL('../../cli/main.js', import.meta.url));

interface Answer {
  readonly status: number | null;
  readonly data: { readonly [field: string]: unknown };
  readonly stderr: string;
}

function daybook(home: string, ...args: string[]): Answer {
  const env = { ...process.env, DAYBOOK_PASSPHRASE: 'a test' };
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args, '--home', home, '--json'], {
    encoding: 'utf8',
    env,
  });
  return { status, stderr, data: stdout === '' ? {} : JSON.parse(stdout) };
}

test('four operators found a ledger, and each gets key and store together, once', (t) => {
  const folder = folderOf(t);
  const homes = [1, 2, 3, 4].map((n) => join(folder, `home-${n}`));
  const [first = ''] = homes;
  const nonce = String(daybook(first, 'genesis', 'nonce').data['nonce']);
  const publicFiles = homes.map((home, i) => {
    const made = daybook(home, 'key', 'new', `v${i + 1}`, '--validator', '--member', `BANK-${i + 1}`, '--nonce', nonce);
    return String(made.data['publicFile']);
  });
  const user = daybook(first, 'key', 'new', 'olga', '--member', 'BANK-1').data;
  const members = homes.map((_, i) => ({ id: `BANK-${i + 1}`, name: `Bank ${i + 1}` }));
  const plan = join(folder, 'plan.json');
  writeFileSync(
    plan,
    JSON.stringify({ name: 'bank.example', nonce, members, users: [{ ...user, roles: ['officer'] }] }),
  );

  t.regex(
    daybook(join(folder, 'x'), 'genesis', 'create', '--plan', plan, '--validator', ...publicFiles.slice(1)).stderr,
    /validators/,
  );
  const twice = [...publicFiles.slice(1), publicFiles[1] ?? ''];
  t.regex(
    daybook(join(folder, 'x'), 'genesis', 'create', '--plan', plan, '--validator', ...twice).stderr,
    /v2 stands twice/,
  );
  const publicFile = JSON.parse(readFileSync(publicFiles[3] ?? '', 'utf8'));
  const surplus = join(folder, 'surplus.json');
  writeFileSync(surplus, JSON.stringify({ ...publicFile, i0: 1 }));
  const stale = join(folder, 'stale.json');
  writeFileSync(stale, JSON.stringify({ ...publicFile, voteProof: publicFile.auditProof }));
  for (const [file, message, next] of [
    [surplus, /surplus\.json: validators\[3\]: unknown field i0/, /Correct the file named/],
    [stale, /stale\.json: validators\[3\]: .* does not verify/, /stale\.json made for another nonce\?/],
  ] as const) {
    const files = [...publicFiles.slice(0, 3), file];
    const { status, stderr } = daybook(join(folder, 'x'), 'genesis', 'create', '--plan', plan, '--validator', ...files);
    t.is(status, exitCodes.usage);
    t.regex(stderr, message);
    t.regex(stderr, next);
  }
  const created = daybook(first, 'genesis', 'create', '--plan', plan, '--validator', ...publicFiles);
  t.is(created.status, exitCodes.ok, created.stderr);
  const file = join(first, 'genesis.json');
  const { chainId } = readLedger(readFileSync(file, 'utf8'), file);
  t.is(created.data['chainId'], chainId);
  t.is(daybook(first, 'genesis', 'create', '--plan', plan, '--validator', ...publicFiles).status, exitCodes.usage);

  const [, second = ''] = homes;
  copyFileSync(file, join(second, 'genesis.json'));
  const stranger = daybook(second, 'node', 'init', 'v1');
  t.is(stranger.status, exitCodes.usage, 'the key of v1 is in another home');
  for (const [name, address] of [
    ['--listen', '7102'],
    ['--api', 'localhost'],
    ['--peer', 'v1=7101'],
  ] as const) {
    const wrong = daybook(second, 'node', 'init', 'v2', name, address);
    t.is(wrong.status, exitCodes.usage, name);
    t.regex(wrong.stderr, new RegExp(`${name}.* is no address. Write host:port`));
  }
  const init = daybook(second, 'node', 'init', 'v2', '--peer', 'v1=127.0.0.1:7101', '--listen', '127.0.0.1:7102');
  t.is(init.status, exitCodes.ok, init.stderr);
  const config = parseConfig(readFileSync(String(init.data['config']), 'utf8'), String(init.data['folder']));
  t.like(config, { validator: 'v2', openReads: false, genesisFile: join(second, 'genesis.json') });
  t.regex(readFileSync(String(init.data['config']), 'utf8'), /"\.\.\/\.\.\/genesis\.json"/, 'a home can be moved');
  t.is(readValidatorKey(config.keyFile).validator, 'v2');
  t.true(existsSync(join(config.dataFolder, 'data.mdb')));
  t.is(daybook(second, 'node', 'init', 'v2').status, exitCodes.usage);

  const learner = join(folder, 'learner');
  mkdirSync(learner);
  copyFileSync(file, join(learner, 'genesis.json'));
  t.is(daybook(learner, 'node', 'init', 'v5').status, exitCodes.usage, 'a member must be named');
  t.is(daybook(learner, 'node', 'init', 'v5', '--member', 'BANK-1').status, exitCodes.ok);
  t.true(existsSync(join(learner, 'validators', 'v5', 'validator.json')));
});
