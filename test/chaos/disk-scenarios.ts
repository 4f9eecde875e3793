// Faults of disks, clocks and identities: what a validator must notice about itself, while the others go on.
import { cpSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../../cli/free-ports.ts';
import type { Scenario, Stage } from './scenario.ts';
import { fillUp, mountSmall } from './small-disk.ts';
import { until, Validator } from './validator.ts';

const noticeTimeoutMs = 60_000;

/**
 * Starts a validator whose files were changed. It must refuse to start, end, or fall silent; where `mayBeWhole`, it may
 * also go on as if nothing had been, and is then held to everything. Gives whoever is lost.
 */
async function noticed(stage: Stage, victim: Validator, mayBeWhole = false): Promise<readonly Validator[]> {
  stage.replaced(victim);
  const height = await stage.cluster.height(stage.others(victim));
  victim.start();
  let how = '';
  await until(
    `${victim.id} notices what became of its disk`,
    async () => {
      const status = await victim.status();
      if (!victim.isRunning) how = `refuses: ${reasonIn(victim)}`;
      else if (status?.mode === 'silenced') how = `is silenced: ${status.reason}`;
      else if (mayBeWhole && status?.ready === true && status.height > height) how = 'finds itself whole';
      else if (!mayBeWhole && status?.ready === true && status.height > height)
        throw new Error(`${victim.id} takes part as if nothing had been`);
      return how !== '';
    },
    noticeTimeoutMs,
  );
  stage.note(`${victim.id} ${how}`);
  if (how === 'finds itself whole') return [];
  await stage.goesOn(stage.others(victim));
  return [victim];
}

function reasonIn(victim: Validator): string {
  const { code, signal } = victim.ending ?? {};
  const [last = ''] =
    victim
      .log()
      .match(/error: [^\n]*|"error":"[^"\\]*/g)
      ?.slice(-1) ?? [];
  return `${code ?? signal} ${last.slice(0, 140)}`;
}

async function stopped(stage: Stage): Promise<Validator> {
  const victim = stage.random.pick(stage.all);
  await victim.kill();
  await stage.goesOn(stage.others(victim));
  return victim;
}

function dataFile(victim: Validator): string {
  return join(victim.paths.data, 'data.mdb');
}

const folders: readonly Scenario[] = [
  {
    name: 'data-wiped',
    says: 'the data folder is gone, the key is there',
    async run(stage) {
      const victim = await stopped(stage);
      rmSync(victim.paths.data, { recursive: true });
      return await noticed(stage, victim);
    },
  },
  {
    name: 'data-truncated',
    says: 'the data file is cut to half',
    async run(stage) {
      const victim = await stopped(stage);
      truncateSync(dataFile(victim), Math.floor(statSync(dataFile(victim)).size / 2));
      return await noticed(stage, victim, true);
    },
  },
  {
    name: 'data-flipped',
    says: 'forty bytes of the data file are flipped',
    async run(stage) {
      const victim = await stopped(stage);
      const bytes = readFileSync(dataFile(victim));
      for (let i = 0; i < 40; i++) {
        const at = stage.random.int(bytes.length);
        bytes[at] = (bytes[at] ?? 0) ^ (1 << stage.random.int(8));
      }
      writeFileSync(dataFile(victim), bytes);
      return await noticed(stage, victim, true);
    },
  },
  {
    name: 'data-swapped',
    says: "the data folder is another validator's",
    async run(stage) {
      const victim = await stopped(stage);
      const [other] = stage.others(victim);
      if (other === undefined) return undefined;
      await other.kill();
      rmSync(victim.paths.data, { recursive: true });
      cpSync(other.paths.data, victim.paths.data, { recursive: true });
      await stage.cluster.start([other]);
      return await noticed(stage, victim);
    },
  },
  {
    name: 'data-rolled-back',
    says: 'the data folder is an older copy',
    async run(stage) {
      const victim = await stopped(stage);
      const copy = `${victim.paths.data}.older`;
      cpSync(victim.paths.data, copy, { recursive: true });
      await stage.cluster.start([victim]);
      await stage.goesOn(stage.all);
      await stage.wait(2_000);
      await victim.kill();
      rmSync(victim.paths.data, { recursive: true });
      renameSync(copy, victim.paths.data);
      return await noticed(stage, victim);
    },
  },
  {
    name: 'data-rolled-back-unheld',
    says: 'the data folder is an older copy, and the others were started again since: they hold no message of its key',
    async run(stage) {
      const victim = await stopped(stage);
      const copy = `${victim.paths.data}.older`;
      cpSync(victim.paths.data, copy, { recursive: true });
      await stage.cluster.start([victim]);
      await stage.goesOn(stage.all);
      await stage.wait(2_000);
      await Promise.all(stage.all.map((each) => each.kill()));
      rmSync(victim.paths.data, { recursive: true });
      renameSync(copy, victim.paths.data);
      await stage.cluster.start(stage.others(victim));
      return await noticed(stage, victim);
    },
  },
  {
    name: 'twin-takes-over',
    says: 'a copy of a stopped folder votes in its place, and its vote is needed; then the first one comes back',
    async run(stage) {
      const victim = await stopped(stage);
      const twin = await twinOf(stage, victim);
      const down = stage.others(victim).slice(0, stage.cluster.faulty);
      try {
        twin.start();
        await twin.ready();
        await Promise.all(down.map((each) => each.kill()));
        await stage.goesOn(stage.others(victim, ...down), 30_000);
        await stage.cluster.start(down);
        return await noticed(stage, victim);
      } finally {
        await twin.kill();
      }
    },
  },
  {
    name: 'second-process',
    says: 'the key and a copy of its folder run in a second process',
    async run(stage) {
      const victim = await stopped(stage);
      const twin = await twinOf(stage, victim);
      try {
        stage.replaced(victim);
        await stage.cluster.start([victim]);
        twin.start();
        await stage.goesOn(stage.others(victim));
        await stage.wait(8_000);
        const modes = await Promise.all([victim, twin].map(async (each) => (await each.status())?.mode ?? 'ended'));
        stage.note(`first ${modes[0]}, second ${modes[1]}`);
      } finally {
        await twin.kill();
      }
      const status = await victim.status();
      return status?.mode === 'silenced' || !victim.isRunning ? [victim] : undefined;
    },
  },
];

/** A second process beside a validator: its key, a copy of its folder, ports of its own, and no proxies. */
async function twinOf(stage: Stage, victim: Validator): Promise<Validator> {
  const folder = `${victim.paths.folder}-twin`;
  cpSync(victim.paths.folder, folder, { recursive: true });
  const [apiPort = 0, peerPort = 0] = await freePorts(2);
  const config = join(folder, 'node.toml');
  const own = [`port = ${peerPort}`, `port = ${apiPort}`];
  let text = readFileSync(config, 'utf8').replaceAll(/^port = \d+$/gm, () => own.shift() ?? '');
  for (const other of stage.others(victim)) {
    const line = new RegExp(`^${other.id} = .*$`, 'm');
    text = text.replace(line, `${other.id} = "127.0.0.1:${other.peerPort}"`);
  }
  writeFileSync(config, text);
  const paths = { ...victim.paths, folder, config, data: join(folder, 'data'), key: join(folder, 'validator.key') };
  return new Validator({
    index: victim.index,
    id: `${victim.id}-twin`,
    paths,
    apiPort,
    peerPort,
    shim: undefined,
  });
}

const disks: readonly Scenario[] = [
  {
    name: 'disk-full',
    says: 'the disk of one validator gets nearly full (it takes nothing more), then full (it ends); freed, it is back',
    needs: ['tmpfs'],
    settings: { freeSpaceBytesMin: 1_048_576 },
    async run(stage) {
      const victim = await stopped(stage);
      const side = `${victim.paths.data}.side`;
      renameSync(victim.paths.data, side);
      const disk = mountSmall(victim.paths.data, 2 * statSync(join(side, 'data.mdb')).size + 12 * 1_048_576);
      try {
        cpSync(side, victim.paths.data, { recursive: true });
        await stage.cluster.start([victim]);
        await stage.goesOn();
        fillUp(victim.paths.data, 600_000);
        await until('it is read-only', async () => (await victim.status())?.readOnly === true, 10_000);
        await stage.goesOn(stage.others(victim));
        fillUp(victim.paths.data, 0);
        await victim.ended(20_000).catch(() => stage.note('a full disk was no hindrance for 20 s'));
        if (!victim.isRunning) stage.note(`it ends: ${reasonIn(victim)}`);
        await stage.goesOn(stage.others(victim));
        disk.free();
        await stage.cluster.start([victim]);
        await stage.goesOn();
        await victim.kill();
        rmSync(side, { recursive: true });
        cpSync(victim.paths.data, side, { recursive: true });
      } finally {
        await victim.kill();
        disk.unmount();
      }
      rmSync(victim.paths.data, { recursive: true });
      renameSync(side, victim.paths.data);
      return undefined;
    },
  },
  {
    name: 'fsync-fails',
    says: 'fsync fails at the primary, then at all: each ends at once, and nothing acknowledged is lost',
    needs: ['shim'],
    async run(stage) {
      const victim = await stage.cluster.primary();
      for (const victims of [[victim], stage.all]) {
        for (const each of victims) each.shim?.set({ syncFails: true });
        await Promise.all(victims.map((each) => endsOfSync(stage, each, victims.length)));
        for (const each of victims) each.shim?.clear();
        if (victims.length === 1) await stage.goesOn(stage.others(victim));
        await stage.cluster.start(victims);
        await stage.goesOn();
      }
      return undefined;
    },
  },
  {
    name: 'fsync-slow',
    says: 'fsync takes 700 ms at the primary, then 150 ms at all',
    needs: ['shim'],
    async run(stage) {
      const victim = await stage.cluster.primary();
      victim.shim?.set({ syncDelayMs: 700 });
      await stage.goesOn(stage.others(victim), 30_000);
      await stage.wait(5_000);
      victim.shim?.clear();
      for (const each of stage.all) each.shim?.set({ syncDelayMs: 150 });
      await stage.goesOn(stage.all, 30_000);
      return undefined;
    },
  },
  {
    name: 'clock-steps',
    says: 'calendar clocks step: one by an hour, the primary by half a minute, all forth and back by a minute',
    needs: ['shim'],
    async run(stage) {
      const step = (of: readonly Validator[], clockOffsetMs: number) => {
        for (const each of of) each.shim?.set({ clockOffsetMs });
      };
      for (const offset of [3_600_000, -3_600_000]) {
        const victims = stage.some(stage.cluster.faulty);
        step(victims, offset);
        await stage.goesOn(stage.others(...victims), 30_000);
        await stage.wait(2_000);
        step(victims, 0);
      }
      for (const offset of [30_000, -30_000]) {
        const victim = await stage.cluster.primary();
        step([victim], offset);
        await stage.goesOn(stage.others(victim), 30_000);
        step([victim], 0);
      }
      for (const offset of [60_000, -60_000, 0]) {
        step(stage.all, offset);
        await stage.goesOn(stage.all, 30_000);
      }
      return undefined;
    },
  },
];

/** With others gone there may be nothing to write: then it does not notice, and is ended. */
async function endsOfSync(stage: Stage, victim: Validator, count: number): Promise<void> {
  try {
    await victim.ended(count === 1 ? 15_000 : 5_000);
  } catch (error) {
    if (count === 1) throw error;
    stage.note(`${victim.id} had nothing to write`);
    await victim.kill();
  }
}

export const diskScenarios: readonly Scenario[] = [...folders, ...disks];
