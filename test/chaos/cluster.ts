// Four to seven validators as an operator would run them, each reaching each other one through a proxy of the test's.
// Everything stands in one folder, on the loopback interface, and ends with this process.
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createDevnet,
  type DevnetPlan,
  demoPassphrase,
  validatorIds,
  validatorPathsOf,
} from '../../cli/devnet-files.ts';
import { freePorts } from '../../cli/free-ports.ts';
import { genesisText, type HomePaths, homePaths } from '../../cli/home.ts';
import { keyNames, openKey, type SigningKey, unlock } from '../../cli/keystore.ts';
import { type Ledger, readLedger } from '../../cli/session.ts';
import {
  createValidator,
  type ValidatorPaths,
  validatorOf,
  writeConfig,
  writePublicFile,
} from '../../cli/validator-folder.ts';
import type { NodeSettings } from '../../node/config.ts';
import { digestBytes } from '../../node/ledger/hash.ts';
import { seedBytes } from '../../node/ledger/signature.ts';
import type { Prng } from '../_prng.ts';
import { leftover } from './leftovers.ts';
import { Links } from './links.ts';
import { ShimControl } from './shim.ts';
import { type Status, until, Validator } from './validator.ts';

const loopback = '127.0.0.1';
const readyTimeoutMs = 120_000;

export interface ClusterPlan {
  readonly validators: number;
  readonly random: Prng;
  /** The preloaded libraries, where a scenario needs it. */
  readonly library?: string;
  /** Differences from the defaults, of every validator or by its index. */
  readonly settings?: SettingsOf;
  readonly parameters?: DevnetPlan['parameters'];
  /** Validators to be: their folders are made, and everybody has their addresses; the ledger does not know them. */
  readonly spares?: number;
}

export type SettingsOf = Partial<NodeSettings> | ((index: number) => Partial<NodeSettings>);

interface ClusterParts {
  readonly folder: string;
  readonly paths: HomePaths;
  readonly links: Links;
  readonly validators: readonly Validator[];
  readonly spares: readonly Validator[];
  readonly ledger: Ledger;
  readonly keys: ReadonlyMap<string, SigningKey>;
  readonly forget: () => void;
}

export class Cluster {
  readonly folder: string;
  readonly paths: HomePaths;
  readonly links: Links;
  readonly spares: readonly Validator[];
  readonly ledger: Ledger;
  #validators: readonly Validator[];
  /** By name of the user. */
  readonly keys: ReadonlyMap<string, SigningKey>;
  readonly #forget: () => void;

  private constructor({ folder, paths, links, validators, spares, ledger, keys, forget }: ClusterParts) {
    this.folder = folder;
    this.paths = paths;
    this.links = links;
    this.#validators = validators;
    this.spares = spares;
    this.ledger = ledger;
    this.keys = keys;
    this.#forget = forget;
  }

  /** Writes every file of a new chain and opens the proxies; nothing runs yet. */
  static async make(plan: ClusterPlan): Promise<Cluster> {
    const { validators: count, random, library, settings, parameters = {}, spares: spare = 0 } = plan;
    const total = count + spare;
    const folder = mkdtempSync(join(tmpdir(), 'daybook-chaos-'));
    const forget = leftover(() => rmSync(folder, { recursive: true, force: true }));
    const paths = homePaths(join(folder, 'home'));
    mkdirSync(paths.folder, { recursive: true });
    await createDevnet(paths, { validators: count, issuance: [{ currency: 'CZK', amount: 10n ** 15n }], parameters });
    const ledger = readLedger(genesisText(paths), paths.genesis);
    for (const id of validatorIds(total).slice(count)) await createSpare(validatorPathsOf(paths, id), id, ledger);
    const ports = await freePorts(2 * total);
    const links = await Links.open(ports.slice(total), random);
    const validators = validatorIds(total).map((id, index) => {
      const shim = library === undefined ? undefined : new ShimControl(join(folder, id), library);
      const [apiPort = 0, peerPort = 0] = [ports[index], ports[total + index]];
      return new Validator({ index, id, paths: validatorPathsOf(paths, id), apiPort, peerPort, shim });
    });
    for (const { id, index, paths: own, url, peerPort } of validators) {
      await writeConfig(own, {
        validator: id,
        genesisFile: paths.genesis,
        openReads: true,
        ...(typeof settings === 'function' ? settings(index) : settings),
        listen: { host: loopback, port: peerPort },
        api: { host: loopback, port: Number(new URL(url).port) },
        peers: Object.fromEntries(
          validators
            .filter((other) => other.index !== index)
            .map((other) => [other.id, `${loopback}:${links.port(index, other.index)}`]),
        ),
      });
    }
    const unlocked = await unlock(paths.keys, demoPassphrase);
    const keys = new Map(keyNames(paths.keys).map((name) => [name, openKey(paths.keys, name, unlocked)]));
    const [members, spares] = [validators.slice(0, count), validators.slice(count)];
    return new Cluster({ folder, paths, links, validators: members, spares, ledger, keys, forget });
  }

  /** Those that take part, or are to. */
  get validators(): readonly Validator[] {
    return this.#validators;
  }

  /** From now on it is held to everything. */
  join(spare: Validator): void {
    this.#validators = [...this.#validators, spare];
  }

  leave(former: Validator): void {
    this.#validators = this.#validators.filter((each) => each !== former);
  }

  /** Starts whatever does not run, and waits until those take part. */
  async start(only: readonly Validator[] = this.validators): Promise<void> {
    const idle = only.filter(({ isRunning }) => !isRunning);
    for (const validator of idle) validator.start();
    await Promise.all(idle.map((validator) => validator.ready(readyTimeoutMs)));
  }

  /** By its place among those of genesis. */
  at(index: number): Validator {
    const validator = this.validators[index % this.validators.length];
    if (validator === undefined) throw new RangeError(`validator ${index}`);
    return validator;
  }

  get faulty(): number {
    return Math.floor((this.validators.length - 1) / 3);
  }

  async statuses(of: readonly Validator[] = this.validators): Promise<Status[]> {
    const all = await Promise.all(of.map((validator) => validator.status()));
    return all.filter((status) => status !== undefined);
  }

  /** Whom most of those that answer and vote take for the primary. */
  async primary(): Promise<Validator> {
    const voting = (await this.statuses()).filter(({ mode }) => mode === 'normal');
    const epoch = Math.max(0, ...voting.map((status) => status.epoch));
    const latest = voting.filter((status) => status.epoch === epoch);
    const view = Math.max(0, ...latest.map((status) => status.view));
    if (epoch === 0) return this.at(view);
    const { primary } = latest.find((status) => status.view === view) ?? {};
    const id = latest.find(({ index }) => index === primary)?.validator;
    return this.validators.find((each) => each.id === id) ?? this.at(0);
  }

  /** Waits for `blocks` more blocks than any of these has now. */
  async progress(of: readonly Validator[], blocks: number, timeoutMs: number): Promise<void> {
    const height = await this.height(of);
    await until(`${blocks} more blocks`, async () => (await this.height(of)) >= height + blocks, timeoutMs);
  }

  async height(of: readonly Validator[] = this.validators): Promise<number> {
    return Math.max(0, ...(await this.statuses(of)).map((status) => status.height));
  }

  /** Waits until all of these show one height, one log and one state. */
  async level(of: readonly Validator[], timeoutMs: number): Promise<Status> {
    let last: Status[] = [];
    await until(
      `${of.length} validators show one height and one state`,
      async () => {
        last = await this.statuses(of);
        const shown = new Set(last.map(({ height, logRoot, stateRoot }) => `${height} ${logRoot} ${stateRoot}`));
        return last.length === of.length && shown.size === 1;
      },
      timeoutMs,
      50,
    ).catch((error: unknown) => {
      throw new Error(`${(error as Error).message}; ${JSON.stringify(last.map(summaryOf))}`);
    });
    return last[0] as Status;
  }

  /** Ends every process and removes every file. */
  async remove(): Promise<void> {
    await Promise.all([...new Set([...this.validators, ...this.spares])].map((validator) => validator.kill()));
    await this.links.close();
    this.#forget();
  }
}

export function summaryOf({ index, height, view, mode, stateRoot }: Status): string {
  return `${index}: height ${height}, view ${view}, ${mode}, state ${stateRoot.slice(0, 8)}`;
}

async function createSpare(files: ValidatorPaths, validator: string, ledger: Ledger): Promise<void> {
  const key = { validator, seed: new Uint8Array(randomBytes(seedBytes)) };
  await createValidator(files, key, ledger.genesis);
  writePublicFile(files, validatorOf(key, 'BRANCH-1', digestBytes(ledger.chainId)));
}
