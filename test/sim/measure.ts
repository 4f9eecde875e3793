// `npm run sim -- --throughput` and `--outages`: what one liar costs, and how soon the first block follows an outage,
// in virtual time with the timers of the defaults. Figures to read, where run.ts gives verdicts.

import { Chance } from './chance.ts';
import { Cluster } from './cluster.ts';
import type { Habit } from './habits.ts';
import { goodLinks } from './network.ts';
import { drawPlan, type Plan } from './plan.ts';
import type { ValidatorStation } from './station.ts';
import { millisecond, second } from './timeline.ts';

/** Those that cost others time rather than only themselves. */
const costly: readonly Habit[] = ['throttle', 'censor', 'mute', 'withhold', 'selective-votes', 'equivocate', 'junk'];
const measuredSeconds = 30;
/** Of offices in one country. */
const links = { ...goodLinks, latencyMs: 10, jitterMs: 5 };
/** Clients that wait for their outcome before they send again. */
const clients = 20;
const outageSeconds = [10, 60, 600] as const;
const outageRuns = 5;
/** A link is dialled again within so long. */
const redialMs = 500;

function planOf(seed: number, validators: number, habits: readonly Habit[]): Plan {
  const plan = drawPlan(seed, { validators, faults: habits.length === 0 ? [] : ['byzantine'], habits });
  // The first primary lies: the worst place for one.
  const byzantine = habits.length === 0 ? [] : [0];
  return { ...plan, byzantine, realSignatures: false, proposalTimeoutMs: 1_500, statusIntervalMs: 500 };
}

async function begun(plan: Plan): Promise<Cluster> {
  const cluster = new Cluster(plan);
  cluster.network.quality = links;
  for (const station of cluster.stations) cluster.start(station);
  await cluster.run(2);
  cluster.workload.trust();
  cluster.workload.open();
  await cluster.run(1);
  return cluster;
}

interface Throughput {
  readonly perSecond: number;
  readonly view: number;
}

async function throughput(validators: number, habits: readonly Habit[]): Promise<Throughput> {
  const cluster = await begun(planOf(1, validators, habits));
  const { workload, timeline } = cluster;
  const [before, end] = [workload.submitted - workload.pending, timeline.now + measuredSeconds * second];
  while (timeline.now < end) {
    if (workload.pending < clients) workload.burst(clients - workload.pending);
    await cluster.run(0.01);
    workload.retry();
  }
  const views = cluster.honest().map(({ node }) => node?.status().view ?? 0);
  const settled = workload.submitted - workload.pending - before;
  return { perSecond: settled / measuredSeconds, view: Math.max(...views) };
}

/** Prints a line a habit. True when each leaves half of what there is without a liar. */
export async function measureThroughput(print: (line: string) => void): Promise<boolean> {
  let isEnough = true;
  for (const validators of [4, 7]) {
    const honest = await throughput(validators, []);
    print(`n=${validators}, nobody lies: ${honest.perSecond.toFixed(0)} transactions a second, ${clients} under way`);
    for (const habit of costly) {
      const { perSecond, view } = await throughput(validators, [habit]);
      const part = perSecond / honest.perSecond;
      isEnough &&= part >= 0.5;
      const verdict = part >= 0.5 ? '' : ', UNDER the goal of 50 %';
      print(
        `  ${habit.padEnd(16)} ${perSecond.toFixed(0)} a second, ${(100 * part).toFixed(0)} %, view ${view}${verdict}`,
      );
    }
  }
  return isEnough;
}

/** Milliseconds from the last link that a quorum needed to its first block; `dead` primaries in a row stay down. */
async function firstBlockMs(seed: number, validators: number, seconds: number, dead: number): Promise<number> {
  const cluster = await begun(planOf(seed, validators, []));
  const chance = new Chance(seed, 'outage');
  const { network, timeline, stations, workload } = cluster;
  const links = stations.flatMap((a) => stations.filter((b) => b !== a).map((b) => [a.station, b.station] as const));
  const load = async (until: number) => {
    while (timeline.now < until) {
      if (workload.pending < clients) workload.burst(1);
      await cluster.run(0.1);
    }
  };
  await load(timeline.now + 3 * second);
  for (const [a, b] of links) network.cut(a, b);
  await load(timeline.now + seconds * second);
  const views = stations.map(({ node }) => node?.status().view ?? 0);
  const next = Math.max(...views);
  const down = Array.from({ length: dead }, (_, i) => (next + i) % validators);
  for (const station of stations) if (down.includes(station.index)) retire(cluster, station);
  let last = timeline.now;
  for (const [a, b] of links.filter(([a, b]) => a < b)) {
    const at = timeline.now + chance.int(redialMs * millisecond);
    if (![a, b].some((each) => down.includes(each))) last = Math.max(last, at);
    timeline.at(at, () => {
      network.mend(a, b);
      network.mend(b, a);
    });
  }
  const { height } = cluster.witness;
  await cluster.run(120, () => cluster.witness.height > height);
  return Math.max(0, timeline.now - last) / millisecond;
}

function retire(cluster: Cluster, station: ValidatorStation): void {
  cluster.retired.add(station);
  station.crash('stays dead');
}

/** Prints the slowest of some runs. True when all are within `goalMs`. */
export async function measureOutages(print: (line: string) => void, goalMs = 5_000): Promise<boolean> {
  let isEnough = true;
  for (const validators of [4, 7])
    for (const dead of validators === 4 ? [0, 1] : [0, 1, 2])
      for (const seconds of outageSeconds) {
        const times: number[] = [];
        for (let seed = 1; seed <= outageRuns; seed++) times.push(await firstBlockMs(seed, validators, seconds, dead));
        const slowest = Math.max(...times);
        isEnough &&= slowest <= goalMs;
        const who = dead === 0 ? 'all come back' : `the next ${dead} primaries stay dead`;
        print(
          `n=${validators}, ${seconds} s, ${who}: first block within ${slowest.toFixed(0)} ms of ${outageRuns} runs`,
        );
      }
  return isEnough;
}
