// Validators are added, re-keyed and removed by the consortium while processes die and clients pay.

import { changesOf } from '../../cli/governance.ts';
import { approveArguments, proposeArguments } from '../../contracts/consortium.ts';
import { digestBytes } from '../../node/ledger/hash.ts';
import { daybook } from './command.ts';
import type { Scenario, Stage } from './scenario.ts';
import { type Status, until, type Validator } from './validator.ts';

const changeTimeoutMs = 60_000;

/** Proposed by one branch's officer, approved by others' until it is in force. */
export async function enact({ cluster, load, random }: Stage, change: string, what: string): Promise<void> {
  const { chainId, genesis } = cluster.ledger;
  const needed = Math.floor((2 * genesis.consortium.members.length) / 3) + 1;
  const args = proposeArguments(changesOf(change, what), digestBytes(chainId));
  const reference = await load.govern('BRANCH-1', 'propose', args, random);
  for (let branch = 2; branch <= needed; branch++) {
    const approval = approveArguments({ member: 'BRANCH-1', reference });
    await load.govern(`BRANCH-${branch}`, 'approve', approval, random);
  }
}

/** Waits until a validator shows what is wanted; it may be dead for a moment. */
export function shows(validator: Validator, what: string, is: (status: Status) => boolean): Promise<void> {
  const shown = async () => {
    const status = await validator.status();
    return status !== undefined && is(status);
  };
  return until(`${validator.id} ${what}`, shown, changeTimeoutMs);
}

/** One after another is killed and started again, until `end` is called; never two at once. */
class Storm {
  readonly #stage: Stage;
  readonly spared = new Set<Validator>();
  readonly #done: Promise<void>;
  #isOver = false;
  kills = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#done = this.#rage();
    this.#done.catch(() => undefined); // told by `end`
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#done;
  }

  async #rage(): Promise<void> {
    const { cluster, random } = this.#stage;
    while (!this.#isOver) {
      const victim = random.pick(cluster.validators.filter((each) => !this.spared.has(each)));
      await victim.kill();
      this.kills += 1;
      await this.#stage.wait(300 + random.int(1_500));
      await cluster.start([victim]);
      await this.#stage.wait(500 + random.int(1_500));
    }
  }
}

export const membershipScenarios: readonly Scenario[] = [
  {
    name: 'validators-change',
    says: 'one is added, one re-keyed and one removed, while one process after another is killed',
    spares: 1,
    validatorsMax: 5,
    async run(stage) {
      const { cluster } = stage;
      const [spare] = cluster.spares;
      const [removed, rekeyed] = stage.some(2);
      if (spare === undefined || removed === undefined || rekeyed === undefined) return undefined;
      const storm = new Storm(stage);
      try {
        spare.start();
        await enact(stage, 'add-learner', spare.paths.publicFile);
        const height = await cluster.height();
        await shows(spare, 'has caught up', (status) => status.mode === 'observing' && status.height >= height);
        await enact(stage, 'add-validator', spare.id);
        await shows(spare, 'votes', ({ epoch, mode }) => epoch === 1 && mode === 'normal');
        cluster.join(spare);
        const member = `BRANCH-${rekeyed.index + 1}`;
        const home = cluster.paths.folder;
        const said = await daybook(cluster.folder, home, 'key', 'rotate', rekeyed.id, '--member', member);
        await enact(stage, 'rotate-validator-keys', (JSON.parse(said) as { publicFile: string }).publicFile);
        await shows(rekeyed, 'votes under its next keys', ({ epoch, mode }) => epoch === 2 && mode === 'normal');
        storm.spared.add(removed);
        await until(`${removed.id} runs`, () => removed.isRunning, changeTimeoutMs);
        await enact(stage, 'remove-validator', removed.id);
        await shows(removed, 'follows', ({ mode }) => mode === 'observing');
        cluster.leave(removed);
      } finally {
        await storm.end();
      }
      stage.note(`${storm.kills} kills meanwhile`);
      await removed.kill();
      await stage.goesOn();
      return undefined;
    },
  },
];
