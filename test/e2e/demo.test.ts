// `daybook demo`, what `npm start` runs.
import { join } from 'node:path';
import test from 'ava';
import { readDevnet } from '../../cli/devnet-files.ts';
import { homePaths } from '../../cli/home.ts';
import { markOf } from '../../cli/process-alive.ts';
import { Home, until } from './_daybook.ts';

const home = new Home();
const demoPaths = homePaths(join(home.paths.folder, 'demo'));
const pids = () => (readDevnet(demoPaths)?.validators ?? []).flatMap(({ process: mark }) => mark?.pid ?? []);
const gone = (each: readonly number[]) => each.every((pid) => markOf(pid) === undefined);

test.after.always(() => home.remove());

test.serial('demo --once settles the sample day, proves it, and ends with 0', async (t) => {
  const { code, stdout, stderr, ms } = await home.run('demo', '--once');
  t.is(code, 0, stderr);
  t.log(stdout);
  t.log(`${ms} ms`);
  for (const promised of [/height/i, /transactions/i, /p50.*p99/i, /0\.00/, /OK/, /http:\/\/127\.0\.0\.1:\d+/])
    t.regex(stdout, promised);
  t.true((stdout.match(/^ +node .*daybook/gm) ?? []).length >= 3, 'three commands to try');
  t.deepEqual(pids(), [], 'nothing is left running');
});

test.serial('a demo that is killed leaves no validator, and the next begins a new chain and says so', async (t) => {
  const first = home.spawn('demo');
  await until('four validators run', () => pids().length === 4);
  const started = pids();
  first.child.kill('SIGKILL');
  await first.ended;
  await until('the validators have ended', () => gone(started), 15_000);

  const second = home.spawn('demo');
  await until('the verdict', () => /OK/.test(second.said()), 90_000);
  t.regex(second.said(), /new chain/i);
  const running = pids();
  t.is(running.length, 4);
  second.child.kill('SIGINT');
  t.is((await second.ended).code, 0);
  t.true(gone(running));
});
