// The life of a devnet through the command line alone: up, status, kill, restart, down, and what happens when whatever
// keeps it is killed.
import test from 'ava';
import { readDevnet } from '../../cli/devnet-files.ts';
import { markOf } from '../../cli/process-alive.ts';
import { Home, statusOf, until } from './_daybook.ts';

interface Row {
  readonly name: string;
  readonly height?: number;
  readonly problem?: string;
}

const homes: Home[] = [];
function newHome(): Home {
  const home = new Home();
  homes.push(home);
  return home;
}
test.after.always(() => Promise.all(homes.map((home) => home.remove())));

const rows = async (home: Home) => (await home.json<{ validators: Row[] }>('devnet', 'status')).validators;
const open = (account: string) => ['account', 'open', account, '--currency', 'EUR', '--branch', 'BRANCH-1', '--yes'];
const gone = (pids: readonly number[]) => pids.every((pid) => markOf(pid) === undefined);

test.serial('two devnets that start at once do not collide, and each goes through its whole life', async (t) => {
  const [one, two] = [newHome(), newHome()];
  const began = Date.now();
  const ups = await Promise.all([one, two].map((home) => home.run('devnet', 'up', '--detach')));
  for (const { code, stderr } of ups) t.is(code, 0, stderr);
  t.log(`both ready after ${Date.now() - began} ms`);
  const urls = [...one.urls(), ...two.urls()];
  t.is(new Set(urls).size, 8, 'addresses of their own');
  const states = await Promise.all(urls.map(statusOf));
  t.deepEqual(
    states.map(({ ready }) => ready),
    urls.map(() => true),
  );
  t.is(new Set(states.map(({ chainId }) => chainId)).size, 2, 'chains of their own');
  t.is((await two.run('devnet', 'down')).code, 0);
  const late = await two.run('devnet', 'up', '--detach', '--issue', 'EUR:10.00');
  t.is(late.code, 2, 'what may be issued is decided with the chain');
  t.regex(late.stderr, /may issue nothing, not 10\.00 EUR/);
  const pids = one.pids();

  const second = await one.run('devnet', 'up', '--detach');
  t.is(second.code, 1);
  t.regex(second.stderr, /a devnet runs in .* already/);

  t.is((await one.run('devnet', 'kill', '2')).code, 0);
  t.is((await rows(one)).find(({ name }) => name === 'validator-2')?.problem, 'down');
  t.is((await one.run('devnet', 'kill', '2')).code, 1, 'it does not run');
  t.is((await one.run('devnet', 'kill', '5')).code, 2, 'there is none');
  t.is((await one.run(...open('WITHOUT-2'))).code, 0, 'three are a quorum');
  t.is((await one.run('devnet', 'restart', '2')).code, 0);
  await until('the restarted one has caught up', async () =>
    (await rows(one)).every(({ height, problem }) => height === 1 && problem === undefined),
  );

  pids.push(...one.pids());
  t.is((await one.run('devnet', 'down')).code, 0);
  t.true(gone(pids), 'no process is left');
  t.is((await one.run('devnet', 'status')).code, 0);
  t.is((await one.run(...open('NOBODY-THERE'))).code, 69);

  t.is((await one.run('devnet', 'up', '--detach')).code, 0, 'the chain stays');
  t.is((await one.run('account', 'show', 'WITHOUT-2')).code, 0);
});

test.serial('a devnet in the foreground ends with its launcher, however that ends', async (t) => {
  const home = newHome();
  const first = home.spawn('devnet', 'up');
  await until('ready', () => first.said().includes('are ready'));
  const pids = home.pids();
  t.is(pids.length, 4);
  // One that was restarted from elsewhere belongs to the launcher too.
  t.is((await home.run('devnet', 'kill', '3')).code, 0);
  t.is((await home.run('devnet', 'restart', '3')).code, 0);
  pids.push(...home.pids());
  first.child.kill('SIGKILL');
  await first.ended;
  await until('the validators have ended', () => gone(pids), 15_000);

  const second = home.spawn('devnet', 'up');
  await until('ready again', () => second.said().includes('are ready'));
  pids.push(...home.pids());
  second.child.kill('SIGINT');
  const { code, stderr } = await second.ended;
  t.is(code, 0, stderr);
  t.true(gone(pids));
  t.is(readDevnet(home.paths)?.validators.filter((each) => each.process !== undefined).length, 0);
});

test.serial('validators that restart at the same time are all recorded', async (t) => {
  const home = newHome();
  t.is((await home.run('devnet', 'up', '--detach')).code, 0);
  await home.kill(1, 2, 3, 4);
  const ends = await Promise.all(['1', '2', '3', '4'].map((each) => home.run('devnet', 'restart', each)));
  for (const { code, stderr } of ends) t.is(code, 0, stderr);
  const recorded = home.pids();
  const said = await Promise.all(home.urls().map(async (url) => (await statusOf(url))['pid']));
  t.deepEqual(recorded, said);
  t.is((await home.run('devnet', 'down')).code, 0);
  t.true(gone(recorded));
});
