// Figures of a real cluster of four at the default settings, over the proxies and under a small load: how long blocks
// stop after faults, and whether an acknowledged transaction is ever lost. One table at the end.
import { cpus, loadavg } from 'node:os';
import { prng } from '../_prng.ts';
import { Cluster } from './cluster.ts';
import { History } from './history.ts';
import { judge } from './judge.ts';
import { Load } from './load.ts';
import type { FigurePlan } from './options.ts';
import { pause, type Status, until, type Validator } from './validator.ts';

interface Row {
  readonly what: string;
  readonly goal: string;
  readonly samples: readonly number[];
}

interface Ground {
  readonly cluster: Cluster;
  readonly load: Load;
  readonly print: (line: string) => void;
}

const validators = 4;
const waitTimeoutMs = 60_000;
const pollMs = 4;

export async function measure(plan: FigurePlan, print: (line: string) => void): Promise<void> {
  const cluster = await Cluster.make({ validators, random: prng(1) });
  const history = new History();
  const load = new Load(cluster, history, { workers: 4, seed: 1, patienceMs: 90_000, restMs: 10 });
  const rows: Row[] = [];
  const ground = { cluster, load, print };
  try {
    await cluster.start();
    load.start();
    await cluster.progress(cluster.validators, 5, waitTimeoutMs);
    rows.push(await primaryKills(ground, plan.primaryKills));
    rows.push(await restarts(ground, plan.restarts));
    rows.push(await outages(ground, 10, plan.shortOutages, 'links cut'));
    rows.push(await outages(ground, 60, plan.longOutages, 'links cut'));
    rows.push(await outages(ground, 10, plan.shortOutages, 'links silent'));
    rows.push(await outages(ground, 60, plan.longOutages, 'links silent'));
    rows.push(await outages(ground, 10, plan.shortOutages, 'two killed'));
    rows.push(await totalKills(ground, plan.totalKills));
    await load.stop();
    await cluster.level(cluster.validators, waitTimeoutMs);
    const { problems, height, transactions } = await judge(cluster, { history, load }, cluster.validators);
    const { ok, refused, unknown } = history.counts;
    print(
      `${plan.totalKills} kills of all: ${ok + refused} transactions acknowledged in all (${unknown} left unknown), ` +
        `${problems.length === 0 ? '0 lost, none twice, order and balances as the log says' : 'FAILED'}; ` +
        `the log has ${transactions} in ${height} blocks and verifies`,
    );
    for (const problem of problems) print(`FAILED: ${problem}`);
    if (problems.length > 0) process.exitCode = 1;
  } catch (error) {
    print(`FAILED: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  } finally {
    for (const line of tableOf(rows)) print(line);
    print(machine());
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
async function primaryKills({ cluster, print }: Ground, count: number): Promise<Row> {
  const samples: number[] = [];
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
    samples.push(performance.now() - began);
    await ending;
    await cluster.start([primary]);
    print(`primary killed ${i + 1}/${count}: next block after ${samples.at(-1)?.toFixed(0)} ms`);
  }
  return { what: 'primary killed to next block', goal: 'p99 <= 2 s', samples };
}

/** One backup is killed and started at once, as a supervisor would; until it votes and is not behind. */
async function restarts({ cluster, print }: Ground, count: number): Promise<Row> {
  const samples: number[] = [];
  for (let i = 0; i < count; i++) {
    const primary = await steady(cluster);
    const victim = cluster.at(primary.index + 1 + (i % (validators - 1)));
    const began = performance.now();
    await victim.kill();
    victim.start();
    await until('it votes again', async () => isVoting(await victim.status()), waitTimeoutMs, pollMs);
    samples.push(performance.now() - began);
    print(`restart ${i + 1}/${count}: votes again after ${samples.at(-1)?.toFixed(0)} ms`);
  }
  return { what: 'SIGKILL to voting again', goal: '<= 3 s', samples };
}

function isVoting(status: Status | undefined): boolean {
  return status?.ready === true && status.mode === 'normal';
}

type Outage = 'links cut' | 'links silent' | 'two killed';

/** No quorum for so long, with work waiting; from its return to the first block anywhere. */
async function outages({ cluster, print }: Ground, seconds: number, count: number, how: Outage): Promise<Row> {
  const samples: number[] = [];
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
    samples.push(performance.now() - began);
    print(`outage of ${seconds} s (${how}) ${i + 1}/${count}: first block after ${samples.at(-1)?.toFixed(0)} ms`);
  }
  const what = `${seconds} s without quorum (${how})`;
  return how === 'two killed'
    ? { what: `${what}, start of the two to first block`, goal: '', samples }
    : { what: `${what}, heal to first block`, goal: '<= 5 s', samples };
}

/** All are killed at once as soon as some transactions were acknowledged since the last time. */
async function totalKills({ cluster, load, print }: Ground, count: number): Promise<Row> {
  const samples: number[] = [];
  for (let i = 0; i < count; i++) {
    const { settled } = load;
    await until('acknowledged transactions', () => load.settled >= settled + 5, waitTimeoutMs, pollMs);
    await pause((i * 53) % 200);
    const height = await cluster.height();
    const began = performance.now();
    await Promise.all(cluster.validators.map((victim) => victim.kill()));
    for (const victim of cluster.validators) victim.start();
    await until('blocks again', async () => (await cluster.height()) > height, waitTimeoutMs, pollMs);
    samples.push(performance.now() - began);
    print(`all killed ${i + 1}/${count}: next block after ${samples.at(-1)?.toFixed(0)} ms`);
  }
  return { what: 'all killed and started at once, to next block', goal: '', samples };
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

function tableOf(rows: readonly Row[]): string[] {
  const ms = (value: number | undefined) => (value === undefined ? '-' : `${(value / 1_000).toFixed(2)} s`);
  const lines = rows.map(({ what, goal, samples }) => {
    const sorted = [...samples].sort((a, b) => a - b);
    const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)];
    return `| ${what} | ${samples.length} | ${ms(at(0.5))} | ${ms(at(0.99))} | ${ms(sorted.at(-1))} | ${goal} |`;
  });
  return ['', '| what | times | p50 | p99 | worst | goal |', '| --- | --- | --- | --- | --- | --- |', ...lines];
}
