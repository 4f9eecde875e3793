// Views that open while one validator hears nothing, with nothing left to order: no block brings it there later [V9],
// no timer runs [T1], and no ViewChange is sent again. What is left is C4 alone: whoever is there shows it the NewView.
import { Chance } from './chance.ts';
import type { Cluster } from './cluster.ts';
import { boundsOf, Calm } from './liveness.ts';
import type { ValidatorStation } from './station.ts';

const attemptsMax = 5;
const afterwardsSeconds = 1;

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

function viewOf({ node }: ValidatorStation): number {
  return node?.status().view ?? 0;
}

function modeOf({ node }: ValidatorStation): string | undefined {
  return node?.status().mode;
}
