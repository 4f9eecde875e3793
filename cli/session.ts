// What a command works with: its home folder, what genesis says, the validators' API and a signing key. Each is opened
// when it is first asked for, so that a command pays only for what it uses.
import { chainIdOf, type Genesis, GenesisError, genesisEntry } from '../genesis/genesis.ts';
import { parseGenesis } from '../genesis/genesis-text.ts';
import type { Digest } from '../node/ledger/hash.ts';
import type { ValidatorSet } from '../node/ledger/validators.ts';
import { Client } from './client.ts';
import { CliError } from './exit-codes.ts';
import {
  defaultHome,
  genesisText,
  type HomePaths,
  type HomeSettings,
  homePaths,
  readSeenHeight,
  readSettings,
  shownPath,
  writeSeenHeight,
} from './home.ts';
import { keyNames, openKey, type SigningKey, type Unlocked, unlock } from './keystore.ts';
import { type Output, terminalOutput } from './output.ts';
import { findPassphrase } from './passphrase.ts';
import { type GivenPolicy, givenPolicy } from './policy.ts';
import { keepSets, knownSets } from './trusted-sets.ts';

/** The options that every command takes, as commander gives them. */
export interface CommonOptions {
  readonly home?: string;
  readonly json?: boolean;
  readonly node?: readonly string[];
  readonly user?: string;
  readonly passphraseFile?: string;
  readonly yes?: boolean;
  readonly timeoutMs?: number;
  readonly policy?: string;
}

/** What genesis fixes for ever. */
export interface Ledger {
  readonly genesis: Genesis;
  readonly chainId: Digest;
  readonly validators: ValidatorSet;
}

export const defaultTimeoutMs = 30_000;

export class Session {
  readonly options: CommonOptions;
  readonly paths: HomePaths;
  readonly output: Output;
  #settings: HomeSettings | undefined;
  #ledger: Ledger | undefined;
  #given: { readonly policy: GivenPolicy | undefined } | undefined;
  #client: Client | undefined;
  #unlocked: Promise<Unlocked> | undefined;

  constructor(options: CommonOptions, output?: Output) {
    this.options = options;
    this.paths = homePaths(options.home ?? defaultHome);
    this.output = output ?? terminalOutput(options.json === true);
  }

  get settings(): HomeSettings {
    this.#settings ??= readSettings(this.paths);
    return this.#settings;
  }

  get ledger(): Ledger {
    this.#ledger ??= readLedger(genesisText(this.paths), this.paths.genesis);
    return this.#ledger;
  }

  /** The policy that every receipt of this command is held against, read before anything is asked or sent. */
  get given(): GivenPolicy | undefined {
    this.#given ??= { policy: givenPolicy(this.paths, this.options.policy, this.ledger.genesis) };
    return this.#given.policy;
  }

  get client(): Client {
    if (this.#client !== undefined) return this.#client;
    const nodes = this.options.node ?? this.settings.nodes;
    if (nodes.length === 0)
      throw new CliError(
        'usage',
        `${this.paths.folder} names no validator to ask`,
        'Give --node URL, write "nodes" into home.json, or start a chain with `daybook devnet up`.',
      );
    const { chainId } = this.ledger;
    // One that cannot be met is refused before anything is asked.
    void this.given;
    const { sets, links } = knownSets(this.paths, this.ledger);
    const client = new Client(nodes, { ...this.ledger, sets }, readSeenHeight(this.paths, chainId));
    // The next command must not be shown an older state than this one saw.
    process.once('exit', () => {
      writeSeenHeight(this.paths, chainId, client.seenHeight);
      keepSets(this.paths, chainId, links, client.learnt);
    });
    this.#client = client;
    return client;
  }

  get timeoutMs(): number {
    return this.options.timeoutMs ?? defaultTimeoutMs;
  }

  /** A user's key, opened. One run of scrypt serves all keys of the home. */
  async key(name: string): Promise<SigningKey> {
    const unlocked = await this.unlocked();
    return openKey(this.paths.keys, name, unlocked);
  }

  unlocked(): Promise<Unlocked> {
    this.#unlocked ??= findPassphrase(this).then((passphrase) => unlock(this.paths.keys, passphrase));
    return this.#unlocked;
  }

  /** The key that --user names, or the home's own user, or the only one there is. */
  signer(): Promise<SigningKey> {
    return this.key(this.signerName());
  }

  signerName(): string {
    const names = keyNames(this.paths.keys);
    const name = this.options.user ?? this.settings.user ?? (names.length === 1 ? names[0] : undefined);
    if (name !== undefined) return name;
    if (names.length === 0)
      throw new CliError(
        'usage',
        `there are no keys in ${shownPath(this.paths.keys)}`,
        'Is it the right --home? `daybook key new` makes a key, `daybook devnet up` a whole chain to try.',
      );
    throw new CliError(
      'usage',
      'it is not said whose key signs',
      'Add --user NAME; `daybook key list` shows the names.',
    );
  }
}

export function readLedger(
  text: string,
  where: string,
  advice = 'Get the right genesis.json from another member.',
): Ledger {
  try {
    const genesis = parseGenesis(text);
    return { genesis, chainId: chainIdOf(genesisEntry(genesis)), validators: genesis.validators };
  } catch (error) {
    if (!(error instanceof GenesisError)) throw error;
    throw new CliError('usage', `${where}: ${error.message}`, advice);
  }
}
