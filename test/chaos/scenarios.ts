// Faults of processes and of the network, each bounded in time. A scenario leaves things broken; healing them, and the
// verdict, are scenario.ts's.
import { diskScenarios } from './disk-scenarios.ts';
import { membershipScenarios } from './membership-scenarios.ts';
import type { Scenario, Stage } from './scenario.ts';
import { snapshotScenarios } from './snapshot-scenarios.ts';
import { stateScenarios } from './state-scenarios.ts';
import type { Validator } from './validator.ts';

async function restarted(stage: Stage, victims: readonly Validator[]): Promise<void> {
  await stage.cluster.start(victims);
}

const processes: readonly Scenario[] = [
  {
    name: 'kill-each',
    says: 'SIGKILL of each validator in turn; the others go on, and it comes back',
    async run(stage) {
      for (const victim of stage.all) {
        await victim.kill();
        await stage.goesOn(stage.others(victim));
        await restarted(stage, [victim]);
      }
      return undefined;
    },
  },
  {
    name: 'kill-primary',
    says: 'SIGKILL of whoever is the primary, five times',
    async run(stage) {
      for (let i = 0; i < 5; i++) {
        const victim = await stage.cluster.primary();
        await victim.kill();
        await stage.goesOn(stage.others(victim));
        await restarted(stage, [victim]);
      }
      return undefined;
    },
  },
  {
    name: 'kill-f',
    says: 'SIGKILL of f at once, three times',
    async run(stage) {
      for (let i = 0; i < 3; i++) {
        const victims = stage.some(stage.cluster.faulty);
        await Promise.all(victims.map((victim) => victim.kill()));
        await stage.goesOn(stage.others(...victims));
        await restarted(stage, victims);
      }
      return undefined;
    },
  },
  {
    name: 'kill-all',
    says: 'SIGKILL of all at once, four times, at a moment of chance',
    async run(stage) {
      for (let i = 0; i < 4; i++) {
        await stage.wait(stage.random.int(1_500));
        await Promise.all(stage.all.map((victim) => victim.kill()));
        await restarted(stage, stage.all);
        await stage.goesOn();
      }
      return undefined;
    },
  },
  {
    name: 'restart-storm',
    says: 'one validator is killed again as soon as it runs, ten times',
    async run(stage) {
      const victim = stage.random.pick(stage.all);
      for (let i = 0; i < 10; i++) {
        await victim.kill();
        victim.start();
        await stage.wait(200 + stage.random.int(1_200));
      }
      await stage.goesOn(stage.others(victim));
      return undefined;
    },
  },
  {
    name: 'kill-quorum',
    says: 'SIGKILL of so many that no quorum is left: nothing is decided until one is back',
    async run(stage) {
      // One more than f where n = 3f+1; six validators have a quorum still after two.
      const victims = stage.some(stage.all.length - quorumOf(stage) + 1);
      await Promise.all(victims.map((victim) => victim.kill()));
      await stage.wait(1_000);
      const height = await stage.cluster.height();
      await stage.wait(4_000);
      if ((await stage.cluster.height()) > height) throw new Error('blocks without a quorum');
      await restarted(stage, victims);
      return undefined;
    },
  },
  {
    name: 'pause-primary',
    says: 'SIGSTOP of the primary for longer than the timeout, three times; it wakes in an old view',
    async run(stage) {
      for (let i = 0; i < 3; i++) {
        const victim = await stage.cluster.primary();
        victim.pause();
        await stage.goesOn(stage.others(victim));
        await stage.wait(stage.random.int(6_000));
        victim.resume();
        await stage.goesOn();
      }
      return undefined;
    },
  },
  {
    name: 'pause-all',
    says: 'SIGSTOP of all for eight seconds',
    async run(stage) {
      for (const validator of stage.all) validator.pause();
      await stage.wait(8_000);
      for (const validator of stage.all) validator.resume();
      return undefined;
    },
  },
  {
    name: 'late-messages',
    says: 'killed and started again while its links are held: messages of its former life arrive later',
    async run(stage) {
      const victim = await stage.cluster.primary();
      for (const other of stage.others(victim)) stage.cluster.links.oneWay(victim.index, other.index, { flow: 'hold' });
      await stage.wait(500);
      await victim.kill();
      stage.cluster.links.heal();
      await restarted(stage, [victim]);
      return undefined;
    },
  },
];

/** Everybody else goes on while `faults` last. */
async function cutOff(stage: Stage, victims: readonly Validator[], how: 'cut' | 'hold' | 'swallow'): Promise<void> {
  const others = stage.others(...victims);
  stage.cluster.links.split([stage.indexes(others), stage.indexes(victims)], how);
  await stage.goesOn(others);
  await stage.wait(4_000);
  stage.cluster.links.heal();
  await stage.goesOn();
}

const network: readonly Scenario[] = [
  {
    name: 'cut-primary',
    says: 'all links of the primary are cut',
    async run(stage) {
      await cutOff(stage, [await stage.cluster.primary()], 'cut');
      return undefined;
    },
  },
  {
    name: 'cut-f',
    says: 'f validators are cut off together, without a word',
    async run(stage) {
      await cutOff(stage, stage.some(stage.cluster.faulty), 'hold');
      return undefined;
    },
  },
  {
    name: 'cut-half',
    says: 'two halves, neither a quorum: nothing is decided; then one network again',
    async run(stage) {
      const half = stage.some(Math.floor(stage.all.length / 2));
      stage.cluster.links.split([stage.indexes(half), stage.indexes(stage.others(...half))], 'hold');
      await stage.wait(1_500);
      const height = await stage.cluster.height();
      await stage.wait(6_000);
      if (stage.all.length - half.length < quorumOf(stage) && (await stage.cluster.height()) > height)
        throw new Error('blocks without a quorum');
      return undefined;
    },
  },
  {
    name: 'cut-all',
    says: 'everybody alone for eight seconds',
    async run(stage) {
      stage.cluster.links.split([], 'cut');
      await stage.wait(8_000);
      return undefined;
    },
  },
  {
    name: 'one-way',
    says: 'the primary is heard by nobody but hears all, then the other way round',
    async run(stage) {
      for (const isDumb of [true, false]) {
        const victim = await stage.cluster.primary();
        for (const other of stage.others(victim)) {
          const [from, to] = isDumb ? [victim, other] : [other, victim];
          stage.cluster.links.oneWay(from.index, to.index, { flow: 'hold' });
        }
        await stage.goesOn(stage.others(victim), 30_000);
        stage.cluster.links.heal();
        await stage.goesOn();
      }
      return undefined;
    },
  },
  {
    name: 'half-open',
    says: 'connections of one validator stay open and swallow what is said',
    async run(stage) {
      await cutOff(stage, [await stage.cluster.primary()], 'swallow');
      return undefined;
    },
  },
  {
    name: 'reset',
    says: 'every connection is reset, fifteen times',
    async run(stage) {
      for (let i = 0; i < 15; i++) {
        stage.cluster.links.reset();
        await stage.wait(stage.random.int(800));
      }
      return undefined;
    },
  },
  {
    name: 'flapping',
    says: 'one link after another is cut and healed',
    async run(stage) {
      for (let i = 0; i < 12; i++) {
        const [a, b] = stage.some(2);
        if (a !== undefined && b !== undefined) stage.cluster.links.both(a.index, b.index, { flow: 'hold' });
        await stage.wait(stage.random.int(1_000));
        if (stage.random.int(3) === 0) stage.cluster.links.heal();
      }
      return undefined;
    },
  },
  {
    name: 'delay',
    says: 'every link is 150 to 400 ms late, later ones far over the timeout',
    async run(stage) {
      stage.cluster.links.everywhere({ delayMs: 150, jitterMs: 250 });
      await stage.goesOn(stage.all, 30_000);
      await stage.wait(4_000);
      stage.cluster.links.everywhere({ delayMs: 1_500, jitterMs: 2_000 });
      await stage.wait(8_000);
      return undefined;
    },
  },
  {
    name: 'throttle',
    says: 'every link carries 30 kB a second',
    async run(stage) {
      stage.cluster.links.everywhere({ bytesPerSecond: 30_000 });
      await stage.wait(10_000);
      return undefined;
    },
  },
  {
    name: 'corrupt',
    says: 'a byte is flipped in one chunk of two hundred, on every link',
    async run(stage) {
      stage.cluster.links.everywhere({ corruptOneIn: 200 });
      await stage.wait(12_000);
      return undefined;
    },
  },
  {
    name: 'swizzle',
    says: 'validators are cut off one by one and come back in another order',
    async run(stage) {
      const order = stage.some(stage.all.length);
      for (const each of order) {
        for (const other of stage.others(each)) stage.cluster.links.both(each.index, other.index, { flow: 'hold' });
        await stage.wait(stage.random.int(1_500));
      }
      stage.cluster.links.heal();
      stage.cluster.links.split([], 'swallow');
      for (const each of stage.some(order.length)) {
        for (const other of stage.others(each)) stage.cluster.links.both(each.index, other.index, { flow: 'pass' });
        await stage.wait(stage.random.int(1_500));
      }
      return undefined;
    },
  },
];

function quorumOf({ all, cluster }: Stage): number {
  return Math.floor((all.length + cluster.faulty) / 2) + 1;
}

export const scenarios: readonly Scenario[] = [
  ...[...processes, ...network, ...diskScenarios],
  ...[...stateScenarios, ...snapshotScenarios, ...membershipScenarios],
];
