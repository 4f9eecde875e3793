// Bits of the state flip in a store, of a validator that runs and of one that is down: it must notice, say where, and
// heal by itself, while the others never stop.
import type { Scenario, Stage } from './scenario.ts';
import { flipState, type Incident, incidentsOf } from './stores.ts';
import { until, type Validator } from './validator.ts';

const healTimeoutMs = 60_000;
const flips = 8;
const again = 3_000;

interface Page {
  readonly accounts: readonly { readonly account: string }[];
}

/** Some of chance, once there are so many that not all of them are read at once. */
async function accountsOf({ random }: Stage, of: Validator): Promise<string[]> {
  let left: string[] = [];
  const isMany = async () => {
    const page = (await of.get('/v1/accounts', 10_000)) as Page | undefined;
    left = (page?.accounts ?? []).map(({ account }) => account);
    return left.length >= 4 * flips;
  };
  await until('accounts', isMany, healTimeoutMs, 200);
  return Array.from({ length: flips }, () => left.splice(random.int(left.length), 1)).flat();
}

function healings(of: Validator): Incident[] {
  return incidentsOf(of).filter(({ outcome }) => outcome === 'healed');
}

async function flipped(stage: Stage, victim: Validator, isRunning: boolean): Promise<void> {
  const [other] = stage.others(victim);
  if (other === undefined) return;
  const [reports, before] = [incidentsOf(victim).length, healings(victim).length];
  const accounts = new Set<string>();
  const flip = async () => {
    const some = await accountsOf(stage, other);
    for (const account of some) accounts.add(account);
    await flipState(
      victim,
      some.map((account) => `payments/accounts/${account}`),
    );
  };
  // Begun anew: what it has read before it need not read again.
  await victim.kill();
  if (isRunning) await stage.cluster.start([victim]);
  await flip();
  const began = performance.now();
  if (!isRunning) victim.start();
  await stage.goesOn(stage.others(victim));
  let flippedAt = performance.now();
  const hasHealed = async () => {
    // What it had read by then it writes anew from memory, and the flip is gone: others follow until it notices one.
    if (isRunning && incidentsOf(victim).length === reports && performance.now() - flippedAt > again) {
      flippedAt = performance.now();
      await flip();
    }
    return healings(victim).length > before;
  };
  await until(`${victim.id} has healed`, hasHealed, healTimeoutMs);
  await victim.ready();
  const { height = 0, records = [] } = healings(victim).at(-1) ?? {};
  const named = records.filter(({ contract, key }) => contract === 'payments' && accounts.has(key));
  if (height === 0 || named.length === 0)
    throw new Error(`the incident of ${victim.id} names none of ${[...accounts]}`);
  const names = named.map(({ contract, key, found }) => `${contract} ${key} ${found}`).join(', ');
  stage.note(
    `${isRunning ? 'running' : 'stopped'}: ${victim.id} at block ${height}: ${names}; whole and voting after ` +
      `${((performance.now() - began) / 1_000).toFixed(1)} s`,
  );
}

export const stateScenarios: readonly Scenario[] = [
  {
    name: 'state-flipped',
    says: 'bits of the state flip in the store of one that runs, then of one that is down: noticed, named, healed',
    async run(stage) {
      for (const isRunning of [true, false, true]) {
        await stage.wait(1_000);
        await flipped(stage, stage.random.pick(stage.all), isRunning);
      }
      return undefined;
    },
  },
];
