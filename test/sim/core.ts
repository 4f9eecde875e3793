// Which stations are healed in the end: a quorum of chance of the set in force, however that came to be, and what their
// operators do for those who missed so much that nobody admits their keys any more.
import { electorsOf } from '../../node/execution/validator-sets.ts';
import { quorumOf } from '../../node/ledger/validators.ts';
import type { Chance } from './chance.ts';
import { type Cluster, heightOf } from './cluster.ts';
import type { SetInForce } from './epochs.ts';
import type { ValidatorStation } from './station.ts';

/** Whoever neither lies nor has lost what it signed, and who votes all the same [E7]. Damaged states heal [R4]. */
export function wholeOf(cluster: Cluster): ValidatorStation[] {
  const { losses, stations } = cluster;
  return stations.filter((each) => cluster.isHonest(each) || losses.isRekeyed(each));
}

/** The epoch that a station's disk is in. */
export function epochOf({ epochs }: Cluster, station: ValidatorStation): SetInForce {
  return epochs.at(heightOf(station) + 1);
}

export function isVoter({ epochs }: Cluster, station: ValidatorStation): boolean {
  return epochs.latest.machines.includes(station.index);
}

/** The stations that stay up; the quorum of the set in force is `size`, and of the one that may follow, too. */
export function drawCore(cluster: Cluster, present: readonly number[], chance: Chance): ValidatorStation[] {
  const whole = wholeOf(cluster);
  const furthest = whole.reduce((best, each) => (heightOf(each) > heightOf(best) ? each : best));
  const epoch = epochOf(cluster, furthest);
  const hasCome = (each: ValidatorStation) => heightOf(each) >= epoch.from - 1;
  const seated = whole.filter((each) => epoch.machines.includes(each.index));
  const come = seated.filter(hasCome);
  // Who has no vote says nothing of itself: it helps those alone who voted with it.
  const guides = come.length > 0 ? come : [furthest];
  // [E6] One peer that it knows is enough, in each epoch; where all have left meanwhile it takes a new machine.
  const isReached = (each: ValidatorStation) => hasCome(each) || guidesOf(cluster, each, guides) !== undefined;
  const able = seated.filter(isReached);
  const others = able.filter((each) => !present.includes(each.station));
  const core = chance.some(others.length >= epoch.quorum ? others : able, epoch.quorum);
  const more = (each: ValidatorStation | undefined) => {
    if (each !== undefined && !core.includes(each)) core.push(each);
  };
  const next = cluster.machinesToBe();
  const { size: nextQuorum } = quorumOf(next.length);
  const isNext = (each: ValidatorStation) => next.includes(each.index);
  for (const each of whole.filter(isNext)) if (core.filter(isNext).length < nextQuorum && isReached(each)) more(each);
  if (!core.some(hasCome)) more(guides[0]);
  for (const each of [...core]) {
    if (hasCome(each)) continue;
    const known = cluster.hints.guidesOf(each, core.filter(hasCome)) ?? cluster.hints.guidesOf(each, guides);
    const guided = known ?? guidesOf(cluster, each, core.filter(hasCome)) ?? guidesOf(cluster, each, guides);
    for (const guide of guided ?? []) more(guide);
  }
  return core;
}

/** Epochs that a station has still to come through; all of them for a machine that has no disk yet. */
function epochsAhead(cluster: Cluster, station: ValidatorStation | undefined): readonly SetInForce[] {
  const { number } = station === undefined ? cluster.epochs.at(1) : epochOf(cluster, station);
  return cluster.epochs.all.slice(number, -1);
}

/** Somebody who has come to the present epoch, for each epoch ahead a validator of it; undefined where one has none. */
export function guidesOf(
  cluster: Cluster,
  station: ValidatorStation,
  guides: readonly ValidatorStation[],
): readonly ValidatorStation[] | undefined {
  const others = guides.filter((each) => each !== station);
  const found = epochsAhead(cluster, station).map(({ machines }) =>
    others.find(({ index }) => machines.includes(index)),
  );
  return found.every((each) => each !== undefined) ? found : undefined;
}

/**
 * Whether those who vote must admit a machine: it votes or did in the epoch before, or follows, under keys that it has.
 * One that is to be added may wait for a proposal that never gets its votes.
 */
export function isAdmitted(station: ValidatorStation, by: ValidatorStation): boolean {
  const { current, previous, learners } = electorsOf(by.parts.disk);
  const known = [...current.validators, ...(previous?.validators ?? []), ...learners];
  return known.some(({ id, voteKey }) => id === station.parts.validator && station.parts.keys.holds(voteKey));
}

/**
 * Whether a machine would be cut off among these validators: it is epochs behind, or new, and in one of the epochs on
 * its way it knows none of them. Nothing but another store brings it back, so that it counts as one down for good.
 */
export function isCutOff(cluster: Cluster, machine: number, among: readonly number[]): boolean {
  const { epochs, stations } = cluster;
  const isNear = (each: ValidatorStation) => epochOf(cluster, each).number + 1 >= epochs.latest.number;
  const station = stations.find(({ index }) => index === machine);
  if (station !== undefined && isNear(station)) return false;
  const isGuide = (each: ValidatorStation) => among.includes(each.index) && cluster.isHonest(each) && isNear(each);
  const guides = stations.filter((each) => each.index !== machine && isGuide(each));
  const isKnown = ({ machines }: SetInForce) => guides.some(({ index }) => machines.includes(index));
  return !epochsAhead(cluster, station).every(isKnown);
}

/** Whether its operator must say the others' keys, and use its own latest alone, for anybody to admit it. */
export function isLeftBehind(cluster: Cluster, station: ValidatorStation): boolean {
  const isBehind = epochOf(cluster, station).number + 1 < cluster.epochs.latest.number;
  return cluster.gate !== undefined && isBehind && !cluster.hints.isGuided(station);
}
