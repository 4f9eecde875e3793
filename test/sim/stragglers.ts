// Views that open while one validator hears nothing, with nothing left to order: no block brings it there later [V9],
// no timer runs [T1], and no ViewChange is sent again. What is left is C4 alone: whoever is there shows it the NewView.
import { Chance } from './chance.ts';
import { type Cluster, heightOf } from './cluster.ts';
import { boundsOf, Calm, isLastBlockStable } from './liveness.ts';
import { goodLinks } from './network.ts';
import type { ValidatorStation } from './station.ts';
import { check } from './violation.ts';

const attemptsMax = 5;
const afterwardsSeconds = 1;
const lossSeconds = 20;
/** Its own cosignature again, and the answer. */
const stableIntervals = 4;

/**
 * After all is settled: the primary is cut off, a transaction comes that is valid for just one timeout, and the others
 * change views for it in vain. Throws Violation when the one that comes back is not brought to their view in time.
 */
export async function straggle(cluster: Cluster, awake: readonly ValidatorStation[]): Promise<void> {
  const { plan, network, stations, workload, witness } = cluster;
  if (awake.length <= plan.quorum) return;
  const chance = new Chance(plan.seed, 'stragglers');
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const [primary] = cluster.primaries();
    const straggler = awake.find(({ station }) => station === primary);
    const others = awake.filter((each) => each !== straggler);
    if (straggler === undefined) return;
    const links = stations
      .filter((each) => each !== straggler)
      .flatMap(({ station }) => [[station, straggler.station] as const, [straggler.station, station] as const]);
    const height = witness.height;
    cluster.timeline.note(`${straggler.station} is to miss a view`);
    for (const [from, to] of links) network.cut(from, to);
    // What has expired counts until it is next looked for: the timer runs out, and there is nothing to propose.
    workload.brief(chance.pick([...others]), plan.proposalTimeoutMs - 40);
    const isOpen = () => others.every((each) => viewOf(each) > viewOf(straggler) && modeOf(each) === 'normal');
    await cluster.run((2 * plan.proposalTimeoutMs) / 1_000, isOpen);
    const isMissed = isOpen() && witness.height === height;
    for (const [from, to] of links) network.mend(from, to);
    await new Calm(cluster, awake).run(boundsOf(plan).syncMs / 1_000 + afterwardsSeconds);
    if (isMissed) return;
  }
}

/** [K6] A last block whose cosignatures were lost to some becomes stable with no block after it. */
export async function missCosignatures(cluster: Cluster, awake: readonly ValidatorStation[]): Promise<void> {
  const { plan, network, workload, witness } = cluster;
  const height = witness.height;
  network.quality = { ...goodLinks, loss: 0.3 };
  workload.burst(1);
  const isThere = () => workload.pending === 0 && awake.every((each) => heightOf(each) > height);
  for (let left = lossSeconds; left > 0 && !isThere(); left--) {
    await cluster.run(1, isThere);
    workload.retry();
  }
  network.quality = goodLinks;
  if (!isThere()) return;
  const isStable = () => awake.every(isLastBlockStable);
  await cluster.run((stableIntervals * plan.statusIntervalMs) / 1_000 + afterwardsSeconds, isStable);
  check(isStable(), `the last block, ${witness.height}, does not become stable`);
}

function viewOf({ node }: ValidatorStation): number {
  return node?.status().view ?? 0;
}

function modeOf({ node }: ValidatorStation): string | undefined {
  return node?.status().mode;
}
