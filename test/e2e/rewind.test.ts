// Real processes whose folder is not what it was: a state that was changed, a copy beside the original, an older copy.
import { cpSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { validatorPathsOf } from '../../cli/devnet-files.ts';
import { freePorts } from '../../cli/free-ports.ts';
import { seal, stateKey, unseal } from '../../node/store/keys.ts';
import { openEnvironment } from '../../node/store/lmdb-environment.ts';
import { Home, rootsOnceLevel, statusOf, until } from './_daybook.ts';

const home = new Home();
const files = validatorPathsOf(home.paths, 'validator-4');

test.before(async () => {
  await home.up();
  for (const account of ['A-1', 'A-2', 'A-3'])
    await home.json(
      'account',
      'open',
      account,
      '--branch',
      'BRANCH-1',
      '--currency',
      'CZK',
      '--overdraft-limit',
      'none',
    );
});
test.after.always(() => home.remove());

async function pay(from: string, to: string): Promise<void> {
  await home.json('transfer', 'create', '--from', from, '--to', to, '--amount', '1.00', '--currency', 'CZK');
}

const url = (number: number) => home.urls()[number - 1] ?? '';
const ready = (number: number) =>
  until(`validator ${number} is ready`, async () => (await statusOf(url(number)))['ready'] === true);
const restart = async (number: number) => {
  await home.run('devnet', 'restart', String(number));
  await ready(number);
};

/** Changes a state record behind the node's back, also while it runs: LMDB lets two processes write. */
async function change(path: string, edit: (key: Buffer, value: Buffer) => Buffer): Promise<void> {
  const environment = openEnvironment(files.data);
  environment.transactionSync(() => {
    const key = stateKey(path);
    environment.putSync(key, edit(key, Buffer.from(environment.getBinary(key) ?? [])));
  });
  await environment.close();
}

interface Incident {
  readonly kind: string;
  readonly outcome: string;
  readonly height: number;
  readonly records: readonly { readonly contract: string; readonly key: string; readonly found: string }[];
}

function incidents(): Incident[] {
  return readdirSync(files.folder)
    .filter((name) => /^incident-\d+\.json$/.test(name))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(files.folder, name), 'utf8')) as Incident);
}

async function healed(count: number): Promise<Incident | undefined> {
  await until('the incident is over', () => incidents().filter(({ outcome }) => outcome === 'healed').length === count);
  await ready(4);
  return incidents().at(-1);
}

test.serial(
  '[R4] a byte that flips in a running validator is found, named and healed while the others go on',
  async (t) => {
    await home.kill(4);
    await restart(4); // it has read no account yet
    await change('payments/accounts/A-1', (_key, value) => {
      value[2] = (value[2] ?? 0) ^ 0x10;
      return value;
    });
    await pay('A-1', 'A-2');
    await pay('A-2', 'A-1');
    const incident = await healed(1);
    t.like(incident?.records[0], { contract: 'payments', key: 'A-1', found: 'damaged' });
    t.is((await rootsOnceLevel(home)).size, 1);
  },
);

test.serial(
  '[R4] a record of another account, whole in itself, is found too, and its vote counts afterwards',
  async (t) => {
    let other = Buffer.alloc(0);
    await change('payments/accounts/A-3', (key, value) => {
      other = Buffer.from(unseal(key, value));
      return value;
    });
    await home.kill(4);
    await restart(4);
    await change('payments/accounts/A-2', (key) => seal(key, other));
    await pay('A-2', 'A-3');
    await pay('A-3', 'A-2');
    const incident = await healed(2);
    t.like(incident?.records[0], { contract: 'payments', key: 'A-2', found: 'other' });
    await home.kill(2);
    await pay('A-1', 'A-3');
    t.pass('three of four, and it is one of them');
    await restart(2);
    t.is((await rootsOnceLevel(home)).size, 1);
  },
);

test.serial('[R5] a copy that is started beside the original is silent, and the original goes on', async (t) => {
  await home.kill(4);
  const copy = join(home.paths.folder, 'copies', 'validator-4');
  cpSync(files.folder, copy, { recursive: true });
  await restart(4);
  const config = join(copy, 'node.toml');
  const ports = [...(await freePorts(2))];
  const text = readFileSync(config, 'utf8').replaceAll(/^port = \d+$/gm, () => `port = ${ports.shift()}`);
  writeFileSync(config, text);
  const api = /\[api\][^[]*port = (\d+)/.exec(text)?.[1];
  const second = home.spawn('node', 'start', '--config', config);
  const reason = async () =>
    String((await statusOf(`http://127.0.0.1:${api}`).catch(() => ({}) as Record<string, unknown>))['reason']);
  await until('the copy is silent', async () => /votes no more/.test(await reason()));
  t.regex(await reason(), /older copy, or the key runs in two places/);
  t.is((await statusOf(url(4)))['mode'], 'normal');
  second.child.kill('SIGTERM');
  await second.ended;
  await until('it stands alone again', async () => (await statusOf(url(4)))['ready'] === true);
  await pay('A-1', 'A-2');
});

test.serial('[R5] an older copy of the folder is silent, before and after it has caught up', async (t) => {
  await home.kill(4);
  const older = join(home.folder, 'older');
  cpSync(files.data, older, { recursive: true });
  await restart(4);
  await pay('A-1', 'A-2');
  await home.kill(4);
  rmSync(files.data, { recursive: true });
  renameSync(older, files.data);
  home.spawn('node', 'start', 'validator-4');
  const silent = async () =>
    /votes no more/.test(String((await statusOf(url(4)).catch(() => ({}) as Record<string, unknown>))['reason']));
  await until('it is silent', silent);
  await pay('A-2', 'A-1');
  t.is((await rootsOnceLevel(home)).size, 1, 'it follows');
  t.true(await silent());
});
