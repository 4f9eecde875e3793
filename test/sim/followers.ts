// Who has no vote, once all is settled: learners, and those whom the last change has removed, are told where the others
// stand and come to the same height [E8]. Nobody waits for them, so nothing else would show that they are left alone.
import { electorsOf } from '../../node/execution/validator-sets.ts';
import { Chance } from './chance.ts';
import { type Cluster, heightOf } from './cluster.ts';
import { epochOf, guidesOf, isAdmitted, isVoter, wholeOf } from './core.ts';
import { behindMs, heal, liveWithinSeconds } from './liveness.ts';
import type { ValidatorStation } from './station.ts';
import { Violation } from './violation.ts';

/** `awake` are up, and level. Throws Violation when one that they must admit stays behind. */
export async function follow(cluster: Cluster, awake: readonly ValidatorStation[]): Promise<void> {
  const followers = followersOf(cluster, awake);
  if (followers.length === 0) return;
  heal(cluster, [...awake, ...followers], new Chance(cluster.plan.seed, 'followers'));
  const { plan, witness } = cluster;
  const isThere = (each: ValidatorStation) => heightOf(each) >= witness.height;
  const seconds = liveWithinSeconds(plan) + behindMs(cluster, followers) / 1_000;
  await cluster.run(seconds, () => followers.every(isThere));
  const left = followers.find((each) => !isThere(each));
  if (left === undefined) return;
  const heights = `at height ${heightOf(left)} of ${witness.height}`;
  throw new Violation(`machine ${left.index}, which has no vote, is left behind ${heights}`);
}

function followersOf(cluster: Cluster, awake: readonly ValidatorStation[]): ValidatorStation[] {
  const voters = awake.filter((each) => isVoter(cluster, each));
  const [first] = voters;
  if (first === undefined) return [];
  const { current } = electorsOf(first.parts.disk);
  const { all, latest } = cluster.epochs;
  // Who missed more, and had other keys then, is told present ones by its operator.
  const isNear = (each: ValidatorStation) =>
    epochOf(cluster, each).number + 1 >= latest.number ||
    cluster.hints.isGuided(each) ||
    !all.some(({ machines }) => machines.includes(each.index));
  const mayFollow = (each: ValidatorStation) =>
    isAdmitted(each, first) &&
    isNear(each) &&
    !current.validators.some(({ id }) => id === each.parts.validator) &&
    // [E6] Of those that it knows one is there, in each epoch that it comes through.
    guidesOf(cluster, each, voters) !== undefined;
  return wholeOf(cluster).filter((each) => !awake.includes(each) && mayFollow(each));
}
