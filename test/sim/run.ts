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
import { sign } from '../../node/ledger/signature.ts';
import { auditOne } from './audited.ts';
import { Chance } from './chance.ts';
import { Cluster } from './cluster.ts';
import { newDisk } from './consortium.ts';
import { follow } from './followers.ts';
import { GivenSnapshots } from './given-snapshots.ts';
import { Calm, heal, isCalm, livenessPhase, liveWithinSeconds, type Slowest } from './liveness.ts';
import { Nemesis } from './nemesis.ts';
import { drawPlan, type Plan, type PlanLimits } from './plan.ts';
import { useRealSignatures } from './signer.ts';
import { missCosignatures, straggle } from './stragglers.ts';
import { second } from './timeline.ts';
import { check, Violation } from './violation.ts';

const blocksOfARun = 30;
const nobodysSeed = new Uint8Array(32).fill(0xff);
/** After so many blocks clients leave longer pauses. */
const busyBlocks = 60;
const quietFactor = 8;
const waitTenthsMax = 150;
/** Each validator sends all that waits to all others once a second; dense work fills blocks all the same. */
const pendingMax = 40;
const densePendingMax = 100;
/** Dense work: something waits whenever a block is done. */
const densePauseSeconds = 0.02;
const denseSeconds = 16;

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
  readonly slowest: Slowest;
  /** It had its liveness phase and enough blocks to count as a run. */
  readonly whole: boolean;
  /** Validators that stand accused on the ledger at the end. */
  readonly accused: readonly number[];
  /** Validator sets that were in force, one after another. */
  readonly epochs: number;
  /** Snapshots that took the place of blocks. */
  readonly installs: number;
  /** Times that old blocks were forgotten. */
  readonly prunings: number;
  /** What came of more than f liars. */
  readonly overrun: string | undefined;
}

export async function runSeed(
  seed: number,
  limits: PlanLimits = {},
  print?: (line: string) => void,
): Promise<RunResult> {
  const began = cpuSeconds();
  const drawn = drawPlan(seed, limits);
  const plan = { ...drawn, realSignatures: useRealSignatures(drawn.realSignatures) };
  // The engine keeps the key of the last seed that signed: one of the run before would sign in the other way.
  sign(new Uint8Array(0), nobodysSeed);
  const cluster = new Cluster(plan, print);
  if (plan.snapshots !== undefined) new GivenSnapshots(cluster);
  let violation: string | undefined;
  let healedSeconds = 0;
  let slowest: Slowest = { wait: 0, heal: 0 };
  try {
    const before = await safetyPhase(cluster);
    if (plan.isOverrun) await noticingPhase(cluster);
    else {
      const after = await livenessPhase(cluster);
      if (plan.faults.has('stragglers')) {
        await straggle(cluster, after.awake);
        await missCosignatures(cluster, after.awake);
      }
      if (plan.faults.has('membership')) await follow(cluster, after.awake);
      healedSeconds = after.seconds;
      slowest = { wait: Math.max(before.wait, after.slowest.wait), heal: after.slowest.heal };
      executeAgain(cluster);
      await auditOne(cluster);
    }
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
    slowest,
    overrun: plan.isOverrun ? outcomeOf(cluster) : undefined,
    whole: violation === undefined && !plan.isOverrun && cluster.witness.height >= blocksOfARun,
    accused: cluster.jury.accused,
    epochs: cluster.epochs.all.length,
    installs: cluster.stations.reduce((sum, { installs }) => sum + installs, 0),
    prunings: cluster.stations.reduce((sum, { prunings }) => sum + prunings, 0),
  };
}

function outcomeOf({ witness, incidents }: Cluster): string {
  const stopped = `honest validators stopped ${incidents.length} times`;
  return witness.fork === undefined ? `no fork, ${stopped}` : `a fork at height ${witness.fork}, ${stopped}`;
}

async function safetyPhase(cluster: Cluster): Promise<Slowest> {
  const { plan, workload, witness, stations, timeline } = cluster;
  const chance = new Chance(plan.seed, 'clients');
  witness.tellsApart();
  for (const station of stations) cluster.start(station);
  await cluster.run(2);
  const calm = isCalm(plan) ? new Calm(cluster, cluster.honest(), true) : undefined;
  workload.open();
  const nemeses = [...plan.faults].map((fault) => {
    const nemesis = new Nemesis(cluster, new Chance(plan.seed, `nemesis ${fault}`));
    nemesis.begin(fault);
    return nemesis;
  });
  const end = timeline.now + plan.safetySeconds * second;
  const isEnough = () => timeline.now >= end && (witness.height >= plan.blocksMin || timeline.now >= 8 * end);
  let nextInspection = 0;
  while (!isEnough()) {
    // Blocks alike teach little: clients slow down when there are many, and faults where there are few.
    const slower = witness.height > busyBlocks ? quietFactor : 1;
    const pause = Math.min(slower * chance.waiting(plan.burstEverySeconds * 10), waitTenthsMax) / 10;
    await (calm ?? cluster).run(plan.isDense && timeline.now < denseSeconds * second ? densePauseSeconds : pause);
    if (timeline.now >= end) for (const nemesis of nemeses) nemesis.ease((timeline.now / end) ** 3);
    const most = plan.isDense ? densePendingMax : pendingMax;
    if (workload.pending < most) workload.burst(chance.between(1, plan.burstMax));
    workload.retry();
    if (chance.hits(0.005)) cluster.countHoldings(chance);
    if (timeline.now < nextInspection) continue;
    nextInspection = timeline.now + second;
    cluster.inspect();
  }
  cluster.countHoldings(chance);
  for (const nemesis of nemeses) nemesis.end();
  return calm?.slowest ?? { wait: 0, heal: 0 };
}

/**
 * More than f validators lie, so nothing is promised but this: honest validators break in no other way than by having
 * two blocks at one height, and once they hear each other one of them says so.
 */
async function noticingPhase(cluster: Cluster): Promise<void> {
  const { plan, workload, witness, timeline } = cluster;
  const chance = new Chance(plan.seed, 'noticing');
  heal(cluster, cluster.honest(), chance);
  const end = timeline.now + liveWithinSeconds(plan) * second;
  const isNoticed = () => witness.fork === undefined || cluster.incidents.length > 0;
  while (timeline.now < end && !isNoticed()) {
    await cluster.run(1);
    workload.burst(1);
    workload.retry();
  }
  if (!isNoticed()) throw new Violation(`two blocks at height ${witness.fork} and nobody noticed`);
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
