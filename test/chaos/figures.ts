// Figures of a real cluster of four at the default settings, over the proxies and under a small load: how long blocks
// stop after faults, and whether an acknowledged transaction is ever lost. One table at the end.
import { cpus, loadavg } from 'node:os';
import { prng } from '../_prng.ts';
import { Cluster } from './cluster.ts';
import { History } from './history.ts';
import { judge } from './judge.ts';
import { Load } from './load.ts';
import type { FigurePlan } from './options.ts';
import { Samples } from './samples.ts';
import { pause, type Status, until, type Validator } from './validator.ts';

interface Ground {
  readonly cluster: Cluster;
  readonly load: Load;
  readonly samples: Samples;
  readonly print: (line: string) => void;
}

const validators = 4;
const waitTimeoutMs = 180_000;
const pollMs = 4;

/** What a figure is called in the table, and what it is to come to. */
const goals: { readonly [what: string]: string } = {
  'primary killed to next block': 'p99 <= 2 s',
  'SIGKILL to voting again': '<= 3 s',
  '10 s without quorum (links cut), heal to first block': '<= 5 s',
  '60 s without quorum (links cut), heal to first block': '<= 5 s',
  '10 s without quorum (links silent), heal to first block': '<= 5 s',
  '60 s without quorum (links silent), heal to first block': '<= 5 s',
};

/** With `keep`, samples are added to those of runs before, and the table is of all of them. */
export async function measure(plan: FigurePlan, print: (line: string) => void, keep?: string): Promise<void> {
  const began = performance.now();
  const cluster = await Cluster.make({ validators, random: prng(1) });
  const history = new History();
  const load = new Load(cluster, history, { workers: 4, seed: 1, patienceMs: 90_000, restMs: 10 });
  const samples = new Samples(keep);
  const ground = { cluster, load, samples, print };
  try {
    await cluster.start();
    load.start();
    await cluster.progress(cluster.validators, 5, waitTimeoutMs);
    await primaryKills(ground, plan['primary-kills']);
    await restarts(ground, plan.restarts);
    await outages(ground, 10, plan['outages-10'], 'links cut');
    await outages(ground, 10, plan['outages-10'], 'links silent');
    await outages(ground, 60, plan['outages-60'], 'links cut');
    await outages(ground, 60, plan['outages-60'], 'links silent');
    await outages(ground, 10, plan['stops-10'], 'two killed');
    await totalKills(ground, plan['total-kills']);
    await load.stop();
    await cluster.level(cluster.validators, waitTimeoutMs);
    print(`${((performance.now() - began) / 1_000).toFixed(0)} s; the log is exported and judged ...`);
    const { problems, height, transactions } = await judge(cluster, { history, load }, cluster.validators);
    const { ok, refused, unknown } = history.counts;
    const kills = plan['total-kills'];
    print(
      `${kills} kills of all: ${ok + refused} transactions acknowledged in all (${unknown} left unknown), ` +
        `${problems.length === 0 ? '0 lost, none twice, order and balances as the log says' : 'FAILED'}; ` +
        `the log has ${transactions} in ${height} blocks and verifies`,
    );
    for (const problem of problems) print(`FAILED: ${problem}`);
    if (problems.length > 0) process.exitCode = 1;
  } catch (error) {
    print(`FAILED: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  } finally {
    for (const line of samples.table(goals)) print(line);
    print(`${machine()}, ${((performance.now() - began) / 1_000).toFixed(0)} s`);
    await load.stop();
    await cluster.remove();
  }
}

function machine(): string {
  const [cpu] = cpus();
  const busy = loadavg().map((value) => value.toFixed(1));
  return (
    `${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores of ${cpu?.model.trim() ?? 'unknown'}, ` +
    `Node ${process.versions.node}, load ${busy.join(' ')}, ${validators} validators at the default settings`
  );
}

/** From the kill to the first block of a later view; blocks that were already decided then do not count. */
async function primaryKills({ cluster, samples, print }: Ground, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const primary = await steady(cluster);
    const { view = 0 } = (await primary.status()) ?? {};
    const others = cluster.validators.filter((each) => each !== primary);
    await pause((i * 37) % 150);
    const began = performance.now();
    const ending = primary.kill();
    let entered: number | undefined;
    await until(
      'a block of a later view',
      async () => {
        const shown = await cluster.statuses(others);
        const height = Math.max(0, ...shown.map((status) => status.height));
        if (entered === undefined && shown.some((status) => status.view > view)) entered = height;
        return entered !== undefined && height > entered;
      },
      waitTimeoutMs,
      pollMs,
    );
    const took = performance.now() - began;
    samples.add('primary killed to next block', took);
    await ending;
    await cluster.start([primary]);
    print(`primary killed ${i + 1}/${count}: next block after ${took.toFixed(0)} ms`);
  }
}

/** One backup is killed and started at once, as a supervisor would; until it votes and is not behind. */
async function restarts({ cluster, samples, print }: Ground, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const primary = await steady(cluster);
    const victim = cluster.at(primary.index + 1 + (i % (validators - 1)));
    const began = performance.now();
    await victim.kill();
    victim.start();
    await until('it votes again', async () => isVoting(await victim.status()), waitTimeoutMs, pollMs);
    const took = performance.now() - began;
    samples.add('SIGKILL to voting again', took);
    print(`restart ${i + 1}/${count}: votes again after ${took.toFixed(0)} ms`);
  }
}

function isVoting(status: Status | undefined): boolean {
  return status?.ready === true && status.mode === 'normal';
}

type Outage = 'links cut' | 'links silent' | 'two killed';

/** No quorum for so long, with work waiting; from its return to the first block anywhere. */
async function outages(ground: Ground, seconds: number, count: number, how: Outage): Promise<void> {
  const { cluster, samples, print } = ground;
  const end = how === 'two killed' ? 'start of the two' : 'heal';
  for (let i = 0; i < count; i++) {
    await steady(cluster);
    const victims = [cluster.at(i), cluster.at(i + 1)];
    if (how === 'two killed') await Promise.all(victims.map((victim) => victim.kill()));
    else cluster.links.split([], how === 'links cut' ? 'cut' : 'hold');
    await pause(seconds * 1_000);
    const height = await cluster.height();
    const began = performance.now();
    if (how === 'two killed') for (const victim of victims) victim.start();
    else cluster.links.heal();
    await until('the first block', async () => (await cluster.height()) > height, waitTimeoutMs, pollMs);
    const took = performance.now() - began;
    samples.add(`${seconds} s without quorum (${how}), ${end} to first block`, took);
    print(`outage of ${seconds} s (${how}) ${i + 1}/${count}: first block after ${took.toFixed(0)} ms`);
  }
}

/** All are killed at once as soon as some transactions were acknowledged since the last time. */
async function totalKills({ cluster, load, samples, print }: Ground, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const { settled } = load;
    await until('acknowledged transactions', () => load.settled >= settled + 5, waitTimeoutMs, pollMs);
    await pause((i * 53) % 200);
    const height = await cluster.height();
    const began = performance.now();
    await Promise.all(cluster.validators.map((victim) => victim.kill()));
    for (const victim of cluster.validators) victim.start();
    await until('blocks again', async () => (await cluster.height()) > height, waitTimeoutMs, pollMs);
    const took = performance.now() - began;
    samples.add('all killed and started at once, to next block', took);
    print(`all killed ${i + 1}/${count}: next block after ${took.toFixed(0)} ms`);
  }
}

/** Everybody votes in one view, and blocks come: gives the primary. */
async function steady(cluster: Cluster): Promise<Validator> {
  let view = 0;
  await until(
    'all vote in one view',
    async () => {
      const shown = await cluster.statuses();
      view = shown[0]?.view ?? 0;
      return shown.length === validators && shown.every((status) => isVoting(status) && status.view === view);
    },
    waitTimeoutMs,
  );
  await cluster.progress(cluster.validators, 3, waitTimeoutMs);
  return cluster.at(view);
}
