// One run of one seed: a safety phase under the plan's faults, then a liveness phase, in which a quorum of chance is
// healed, the rest stay dead, everything that clients sent must get its outcome and all heights must meet; and at the
// end the whole chain is executed once more by an executor that saw none of it.

import { accountSchema } from '../../contracts/accounts.ts';
import { contracts } from '../../contracts/registry.ts';
import { Executor, isBlockProblem } from '../../node/execution/executor.ts';
import { treeOf } from '../../node/execution/genesis-commit.ts';
import { TransactionCache } from '../../node/execution/transaction-cache.ts';
import { digestBytes } from '../../node/ledger/hash.ts';
import { decodeAs } from '../../node/ledger/schema.ts';
import { Chance } from './chance.ts';
import { Cluster, heightOf } from './cluster.ts';
import { newDisk } from './consortium.ts';
import { Nemesis } from './nemesis.ts';
import { goodLinks } from './network.ts';
import { drawPlan, type Plan, type PlanLimits } from './plan.ts';
import { useRealSignatures } from './signer.ts';
import type { ValidatorStation } from './station.ts';
import { second } from './timeline.ts';
import { check, Violation } from './violation.ts';

const blocksOfARun = 30;
/** After so many blocks clients leave longer pauses. */
const busyBlocks = 60;
const quietFactor = 8;
const waitTenthsMax = 150;

export interface RunResult {
  readonly plan: Plan;
  readonly violation: string | undefined;
  readonly trace: string;
  readonly blocks: number;
  readonly transactions: number;
  readonly virtualSeconds: number;
  readonly cpuSeconds: number;
  readonly events: number;
  /** Virtual seconds of the liveness phase until all was settled. */
  readonly healedSeconds: number;
  /** It had its liveness phase and enough blocks to count as a run. */
  readonly whole: boolean;
}

/** Virtual time in which a healed quorum settles everything: eight views at the longest timeout. */
export function liveWithinSeconds(plan: Plan): number {
  return (8 * 8 * plan.proposalTimeoutMs) / 1_000;
}

export async function runSeed(
  seed: number,
  limits: PlanLimits = {},
  print?: (line: string) => void,
): Promise<RunResult> {
  const began = cpuSeconds();
  const drawn = drawPlan(seed, limits);
  const plan = { ...drawn, realSignatures: useRealSignatures(drawn.realSignatures) };
  const cluster = new Cluster(plan, print);
  let violation: string | undefined;
  let healedSeconds = 0;
  try {
    await safetyPhase(cluster);
    healedSeconds = await livenessPhase(cluster);
    executeAgain(cluster);
  } catch (error) {
    violation = error instanceof Error && !(error instanceof Violation) ? `threw ${error.stack}` : String(error);
  }
  return {
    plan,
    violation,
    trace: cluster.timeline.trace(),
    blocks: cluster.witness.height,
    transactions: cluster.workload.submitted,
    virtualSeconds: cluster.timeline.now / second,
    cpuSeconds: cpuSeconds() - began,
    events: cluster.timeline.events,
    healedSeconds,
    whole: violation === undefined && cluster.witness.height >= blocksOfARun,
  };
}

async function safetyPhase(cluster: Cluster): Promise<void> {
  const { plan, workload, witness, stations, timeline } = cluster;
  const chance = new Chance(plan.seed, 'clients');
  witness.tellsApart();
  for (const station of stations) cluster.start(station);
  await cluster.run(2);
  workload.open();
  const nemeses = [...plan.faults].map((fault) => {
    const nemesis = new Nemesis(cluster, new Chance(plan.seed, `nemesis ${fault}`));
    nemesis.begin(fault);
    return nemesis;
  });
  const end = timeline.now + plan.safetySeconds * second;
  const isEnough = () => timeline.now >= end && (witness.height >= plan.blocksMin || timeline.now >= 6 * end);
  let nextInspection = 0;
  while (!isEnough()) {
    // Blocks alike teach little: clients slow down when there are many, and faults where there are few.
    const slower = witness.height > busyBlocks ? quietFactor : 1;
    await cluster.run(Math.min(slower * chance.waiting(plan.burstEverySeconds * 10), waitTenthsMax) / 10);
    if (timeline.now >= end) for (const nemesis of nemeses) nemesis.ease(timeline.now / end);
    if (workload.pending < 100) workload.burst(chance.between(1, plan.burstMax));
    workload.retry();
    if (timeline.now < nextInspection) continue;
    nextInspection = timeline.now + second;
    cluster.inspect();
  }
  for (const nemesis of nemeses) nemesis.end();
}

async function livenessPhase(cluster: Cluster): Promise<number> {
  const { plan, workload, timeline } = cluster;
  const chance = new Chance(plan.seed, 'liveness');
  const core = chance.some(cluster.honest(), plan.quorum);
  const rest = cluster.stations.filter((each) => !core.includes(each));
  heal(cluster, core, chance);
  for (const station of rest) {
    if (plan.byzantine.includes(station.index) && chance.hits(0.7)) continue; // goes on lying
    cluster.retired.add(station);
    station.crash('stays dead');
  }
  const began = timeline.now;
  workload.burst(3);
  await settledUnderLoad(cluster, core, chance);
  await settled(cluster, core);
  const healedSeconds = (timeline.now - began) / second;
  // Who comes back later catches up.
  const back = rest.filter((each) => cluster.isHonest(each) && chance.hits(0.5));
  heal(cluster, [...core, ...back], chance);
  workload.burst(2);
  await settled(cluster, [...core, ...back]);
  return healedSeconds;
}

function heal(cluster: Cluster, core: readonly ValidatorStation[], chance: Chance): void {
  cluster.network.heal();
  cluster.network.quality = goodLinks;
  cluster.served = core;
  cluster.timeline.note('heals');
  for (const station of core) {
    cluster.retired.delete(station);
    station.writeMsMax = 1;
    station.writeFails = 'none';
    station.boundariesLeft = Number.POSITIVE_INFINITY;
    station.parts.clock.repair(chance.between(-50, 50));
    station.resume();
    if (!station.isUp()) cluster.start(station);
  }
}

/** What waits at healing comes to its end while others' work goes on: nobody is passed over for ever [T4]. */
async function settledUnderLoad(cluster: Cluster, core: readonly ValidatorStation[], chance: Chance): Promise<void> {
  const { workload, timeline, plan } = cluster;
  const waiting = workload.pendingIds();
  const end = timeline.now + liveWithinSeconds(plan) * second;
  const isSettled = () => ![...waiting].some((id) => workload.isPending(id));
  while (!isSettled()) {
    if (timeline.now >= end) throw new Violation(`passed over: ${pictureOf(cluster, core)}`);
    await cluster.run(0.25);
    if (workload.pending < 100) workload.burst(chance.between(1, 3));
    workload.retry();
  }
}

async function settled(cluster: Cluster, core: readonly ValidatorStation[]): Promise<void> {
  const { workload, timeline, plan } = cluster;
  const end = timeline.now + liveWithinSeconds(plan) * second;
  const isSettled = () =>
    workload.pending === 0 && new Set(core.map(heightOf)).size === 1 && core.every(isLastBlockStable);
  while (!isSettled()) {
    if (timeline.now >= end) throw new Violation(`not settled: ${pictureOf(cluster, core)}`);
    await cluster.run(0.25);
    workload.retry();
    cluster.inspect();
  }
}

/** [K6] */
function isLastBlockStable({ parts: { disk } }: ValidatorStation): boolean {
  return disk.lastCheckpoint()?.height === disk.head().height;
}

function pictureOf(cluster: Cluster, core: readonly ValidatorStation[]): string {
  const validators = core.map((station) => {
    const status = station.node?.status();
    const stable = station.parts.disk.lastCheckpoint()?.height;
    return `${station.index} at height ${heightOf(station)}, stable ${stable}, view ${status?.view} ${status?.mode}`;
  });
  return `${cluster.workload.pending} transactions wait; ${validators.join('; ')}`;
}

/** Validity and conservation: every block, from genesis on, on a disk of its own. */
function executeAgain(cluster: Cluster): void {
  const { consortium, witness } = cluster;
  const disk = newDisk(consortium, 0);
  const chainId = digestBytes(consortium.commit.head.digest);
  const executor = new Executor({ store: disk, chainId, contracts, tree: treeOf(disk), cache: new TransactionCache() });
  for (const [at, { entries, certificate, stateRoot }] of witness.blocks.entries()) {
    const height = at + 1;
    const result = executor.replay(entries);
    if (isBlockProblem(result)) throw new Violation(`block ${height} executed again: ${result.rule} ${result.detail}`);
    check(result.commit.head.stateRoot === stateRoot, `block ${height} executed again gives another state`);
    disk.commit({ ...result.commit, certificate }, { record: new Uint8Array(1), putBodies: [], deleteBodies: [] });
    executor.committed(result);
    let sum = 0n;
    for (const [, value] of disk.stateRange('payments/accounts/', 1_000)) sum += decodeAs(accountSchema, value).balance;
    check(sum === 0n, `the balances add up to ${sum} at height ${height}`);
  }
}

/** Of this process's core: what a run costs, however busy the machine is. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000_000;
}
