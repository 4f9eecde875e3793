// Who comes late while the others have forgotten the beginning. The first validator keeps the whole log, for the
// judge's sake; where it must not help, its links to the newcomer are cut.
import { readFileSync, writeFileSync } from 'node:fs';
import type { SettingsOf } from './cluster.ts';
import { enact } from './membership-scenarios.ts';
import type { Scenario, Stage } from './scenario.ts';
import { dataBytes, prunedHeight, spoilOffers, stagedChunks } from './stores.ts';
import { until, type Validator } from './validator.ts';

const windowMs = 20_000;
const pruneTimeoutMs = 300_000;
const joinTimeoutMs = 180_000;
const everyBlocks = 100;
const often = 40;
const taken = 'the state is that of a snapshot';

const common = {
  parameters: { validityMaxMs: windowMs, referenceWindowMs: windowMs },
  load: { isBrief: true },
  spares: 1,
  validatorsMax: 5,
};

function pruning(every: number): SettingsOf {
  return (index) => ({ snapshots: { everyBlocks: every, prune: index !== 0, keepBlocksMin: 10 } });
}

interface Parts {
  readonly archive: Validator;
  readonly pruned: readonly Validator[];
  readonly spare: Validator;
}

/** Everybody but the first has forgotten the first blocks, and the newcomer is known as a learner. */
async function prepared(stage: Stage): Promise<Parts> {
  const { cluster } = stage;
  const [archive, ...pruned] = stage.all;
  const [spare] = cluster.spares;
  if (archive === undefined || spare === undefined) throw new Error('too few validators');
  for (const each of pruned)
    await until(`${each.id} has forgotten`, async () => (await prunedHeight(each)) > 0, pruneTimeoutMs, 200);
  await enact(stage, 'add-learner', spare.paths.publicFile);
  return { archive, pruned, spare };
}

/** Level with the others; from now on it is held to everything, as one that follows. */
async function caughtUp({ cluster }: Stage, spare: Validator): Promise<void> {
  const height = await cluster.height();
  const isLevel = async () => ((await spare.status())?.height ?? 0) >= height;
  await until(`${spare.id} comes to height ${height}`, isLevel, joinTimeoutMs);
  cluster.join(spare);
}

function hasTaken(spare: Validator): boolean {
  return spare.log().includes(taken);
}

async function joinsKilled(stage: Stage): Promise<undefined> {
  const { cluster } = stage;
  const { archive, spare } = await prepared(stage);
  cluster.links.cut(archive.index, spare.index);
  // Early between two snapshots: the one that it begins with stays on offer for a while.
  const place = async () => (await cluster.height()) % everyBlocks;
  await until('a snapshot is new', async () => [8, 9, 10, 11, 12, 13, 14].includes(await place()), pruneTimeoutMs);
  spare.start();
  const begun = async () => (await stagedChunks(spare)) > 10 || hasTaken(spare);
  await until('some chunks have come', begun, joinTimeoutMs, 5);
  await spare.kill();
  const kept = await stagedChunks(spare);
  const height = await cluster.height();
  stage.note(`killed with ${kept} chunks at height ${height}`);
  spare.start();
  let least = kept;
  const watch = async () => {
    const now = await stagedChunks(spare);
    if (hasTaken(spare)) return true;
    least = Math.min(least, now);
    return false;
  };
  await until(`${spare.id} takes a snapshot`, watch, joinTimeoutMs, 20);
  const later = await cluster.height();
  const isSame = Math.floor(height / everyBlocks) === Math.floor(later / everyBlocks);
  if (isSame && least < kept) throw new Error(`it kept ${kept} chunks over its death and went on with ${least}`);
  const logFrom = (await prunedHeight(spare)) + 1;
  stage.note(
    `${least < kept ? 'began anew with a later snapshot' : 'went on with them'}; its log begins at ${logFrom}`,
  );
  await caughtUp(stage, spare);
  await enact(stage, 'add-validator', spare.id);
  await until(`${spare.id} votes`, async () => (await spare.status())?.mode === 'normal', joinTimeoutMs);
  await stage.goesOn();
  return undefined;
}

/** It may ask a liar alone, whose chunks have good sums and false content; then somebody else as well. */
async function liarFirst(stage: Stage, rescue: 'honest' | 'archive'): Promise<undefined> {
  const { cluster } = stage;
  const { archive, pruned, spare } = await prepared(stage);
  const [liar, honest] = pruned;
  if (liar === undefined || honest === undefined) return undefined;
  await liar.kill();
  const { spoilt, sound } = await spoilOffers(liar);
  // It makes no other.
  const text = readFileSync(liar.paths.config, 'utf8').replace(/everyBlocks = \d+/, 'everyBlocks = 10000000');
  writeFileSync(liar.paths.config, text);
  await cluster.start([liar]);
  for (const each of stage.others(liar)) cluster.links.cut(each.index, spare.index);
  spare.start();
  const isAtFalse = async () => (await stagedChunks(spare)) === sound;
  await until(`${spare.id} has come to a false chunk`, isAtFalse, joinTimeoutMs);
  // It goes no further, however often it asks.
  await stage.wait(4_000);
  const staged = await stagedChunks(spare);
  if (hasTaken(spare) || staged !== sound) throw new Error('a false chunk was believed');
  stage.note(`${spoilt} false pieces on offer; ${staged} chunks were believed`);
  const helper = rescue === 'honest' ? honest : archive;
  cluster.links.mend(helper.index, spare.index);
  await caughtUp(stage, spare);
  const from = (await prunedHeight(spare)) + 1;
  if (from > 1 !== (rescue === 'honest')) throw new Error(`with the help of ${helper.id} its log begins at ${from}`);
  stage.note(`its log begins at ${from}`);
  return undefined;
}

const sizeBlocks = 120;
const sizeRounds = 7;

async function staysSmall(stage: Stage): Promise<undefined> {
  const { cluster } = stage;
  const [archive, ...pruned] = stage.all;
  if (archive === undefined) return undefined;
  const sizes: number[] = [];
  // How many blocks the window holds depends on how fast they come: until it has gone by twice the store still grows.
  await stage.wait(2 * windowMs);
  const begun = await cluster.height();
  for (let round = 1; round <= sizeRounds; round++) {
    await until('blocks', async () => (await cluster.height()) >= begun + round * sizeBlocks, pruneTimeoutMs, 100);
    const largest = Math.max(...pruned.map(dataBytes));
    sizes.push(largest);
    const kept = await Promise.all(pruned.map(prunedHeight));
    stage.note(
      `height ${await cluster.height()}: ${dataBytes(archive)} bytes with the whole log, ${largest} at most where ` +
        `blocks up to ${Math.min(...kept)} or later are forgotten`,
    );
  }
  const [half = 0, last = 0] = [sizes[sizeRounds >> 1], sizes.at(-1)];
  if (last > 1.25 * half) throw new Error(`where blocks are forgotten the store grew from ${half} to ${last} bytes`);
  if (dataBytes(archive) < 1.5 * last) throw new Error('the whole log is as small: this run shows nothing');
  return undefined;
}

export const snapshotScenarios: readonly Scenario[] = [
  {
    name: 'snapshot-join',
    says: 'a newcomer takes a snapshot of those who forgot the beginning, is killed amid it, goes on, and votes',
    ...common,
    settings: pruning(everyBlocks),
    run: joinsKilled,
  },
  {
    name: 'snapshot-liar',
    says: 'the only one that a newcomer can ask gives false chunks: nothing is taken until an honest one is reached',
    ...common,
    settings: pruning(often), // more often than one is fetched
    run: (stage) => liarFirst(stage, 'honest'),
  },
  {
    name: 'snapshot-none',
    says: 'no whole snapshot is to be had, and one validator has every block: the newcomer takes blocks',
    ...common,
    settings: pruning(often),
    run: (stage) => liarFirst(stage, 'archive'),
  },
  {
    name: 'prune-size',
    says: 'where old blocks are forgotten the store stays as large as it was, and blocks go on',
    ...common,
    spares: 0,
    load: { isBrief: true, workers: 8, restMs: 0 },
    settings: pruning(often),
    run: staysSmall,
  },
];
