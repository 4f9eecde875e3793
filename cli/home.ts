// The folder that a user's commands work in (--home): where things stand in it, and home.json. It opens no key.
import { existsSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { CliError } from './exit-codes.ts';
import { ownerOnly, readJson, writeJson } from './files.ts';

export const defaultHome = '.daybook';

export interface HomePaths {
  readonly folder: string;
  readonly settings: string;
  readonly genesis: string;
  readonly keys: string;
  readonly validators: string;
  readonly outbox: string;
  readonly devnet: string;
  readonly seen: string;
  /** Changes of the validator set that were verified. */
  readonly sets: string;
  /** Whose signatures every command of this home demands, where there is one. */
  readonly policy: string;
  /** One that waits for outside witnesses, or that they have cosigned. */
  readonly checkpoint: string;
}

export function homePaths(folder: string): HomePaths {
  const root = resolve(folder);
  return {
    folder: root,
    settings: join(root, 'home.json'),
    genesis: join(root, 'genesis.json'),
    keys: join(root, 'keys'),
    validators: join(root, 'validators'),
    outbox: join(root, 'outbox'),
    devnet: join(root, 'devnet.json'),
    seen: join(root, 'seen.json'),
    sets: join(root, 'validator-sets.json'),
    policy: join(root, 'policy.txt'),
    checkpoint: join(root, 'checkpoint'),
  };
}

/** The shorter way to say it from here. */
export function shownPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short !== '' && short.length < path.length ? short : path;
}

export interface HomeSettings {
  /** API addresses of validators, in the order in which they are tried. */
  readonly nodes: readonly string[];
  /** Whose key signs where --user is not given. */
  readonly user?: string;
  /** Set for a devnet only: its keys are worth nothing, and whoever reads this file may use them. */
  readonly demoPassphrase?: string;
}

export function readSettings(paths: HomePaths): HomeSettings {
  const stored = readJson(paths.settings) ?? {};
  const { nodes, user, demoPassphrase } = stored;
  return {
    nodes: Array.isArray(nodes) ? nodes.filter((node) => typeof node === 'string') : [],
    ...(typeof user === 'string' ? { user } : {}),
    ...(typeof demoPassphrase === 'string' ? { demoPassphrase } : {}),
  };
}

export function writeSettings(paths: HomePaths, settings: HomeSettings): void {
  writeJson(paths.settings, settings, ownerOnly);
}

/** The highest block of a chain that a command of this home has verified; 0 if none, or of another chain. */
export function readSeenHeight(paths: HomePaths, chainId: string): number {
  const { chainId: stored, height } = readJson(paths.seen) ?? {};
  return stored === chainId && typeof height === 'number' ? height : 0;
}

export function writeSeenHeight(paths: HomePaths, chainId: string, height: number): void {
  // A home that was removed meanwhile is not made again.
  if (!existsSync(paths.folder)) return;
  if (height > readSeenHeight(paths, chainId)) writeJson(paths.seen, { chainId, height });
}

export function genesisText(paths: HomePaths): string {
  if (!existsSync(paths.genesis))
    throw new CliError(
      'usage',
      `${paths.folder} has no genesis.json, so nothing that a node says could be checked`,
      'Start a chain with `daybook devnet up`, copy the genesis.json of yours there, or name another --home.',
    );
  return readFileSync(paths.genesis, 'utf8');
}
