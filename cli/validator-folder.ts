// A validator's folder: its key, its node.toml and its store. Key and store come into being together and are refused
// one without the other, because a key that voted and forgot could be made to vote twice for one height.
import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Genesis } from '../genesis/genesis.ts';
import type { NodeSettings } from '../node/config.ts';
import { deriveSeed, publicKeyOf, sign } from '../node/ledger/signature.ts';
import { type KeyKind, keyProofMessage, type Validator } from '../node/ledger/validators.ts';
import { readValidatorKey, type ValidatorKey, ValidatorKeyError, writeValidatorKey } from '../node/validator-key.ts';
import { CliError } from './exit-codes.ts';
import { syncFolder, writeFileDurably } from './files.ts';

export interface ValidatorPaths {
  readonly folder: string;
  readonly config: string;
  readonly key: string;
  /** A key made before genesis was: it becomes `key` when the store is made. */
  readonly pendingKey: string;
  /** What the others need of it for genesis. */
  readonly publicFile: string;
  readonly data: string;
  readonly log: string;
  /** Which process runs it, on a devnet. */
  readonly process: string;
}

export function validatorPaths(validators: string, id: string): ValidatorPaths {
  const folder = join(validators, id);
  return {
    folder,
    config: join(folder, 'node.toml'),
    key: join(folder, 'validator.key'),
    pendingKey: join(folder, 'validator.key.pending'),
    publicFile: join(folder, 'validator.json'),
    data: join(folder, 'data'),
    log: join(folder, 'node.log'),
    process: join(folder, 'process.json'),
  };
}

/** The public half, with a proof of possession for each key. `scope` is the genesis nonce, later the chainId. */
export function validatorOf(key: ValidatorKey, member: string, scope: Uint8Array): Validator {
  const prove = (purpose: KeyKind) => {
    const seed = deriveSeed(key.seed, purpose);
    const publicKey = publicKeyOf(seed);
    return { publicKey, proof: sign(keyProofMessage(scope, member, purpose, publicKey), seed) };
  };
  const vote = prove('vote');
  const audit = prove('audit');
  const network = prove('network');
  return {
    id: key.validator,
    member,
    voteKey: vote.publicKey,
    auditKey: audit.publicKey,
    networkKey: network.publicKey,
    voteProof: vote.proof,
    auditProof: audit.proof,
    networkProof: network.proof,
  };
}

/** A mount point that lost its disk is an empty folder: no store. */
function hasFiles(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder).length > 0;
}

export function isWhole(paths: ValidatorPaths): boolean {
  return existsSync(paths.key) && hasFiles(paths.data);
}

/** Throws where only one of key and store is there, or both. */
export function refuseHalf(paths: ValidatorPaths): void {
  const hasKey = existsSync(paths.key);
  const hasStore = hasFiles(paths.data);
  if (hasKey && hasStore)
    throw new CliError('usage', `${paths.folder} is a validator already`, 'Start it with `daybook node start`.');
  if (hasKey)
    throw new CliError(
      'failed',
      `${paths.key} has no store beside it. A validator that lost its store has forgotten its votes (amnesia): with ` +
        'this key and an empty store it could vote twice for one height, and two such validators could fork the ledger',
      `Is its disk only not mounted? Mount it. If the store is lost, set ${paths.folder} aside and come back under ` +
        `new keys: daybook node init ${basename(paths.folder)} --rotated, with --home, --listen, --api and --peer ` +
        'as before, and a vote (docs/operating.md, "Back-up, and the one rule"). Never put an older copy back.',
    );
  if (hasStore && !existsSync(paths.pendingKey))
    throw new CliError(
      'failed',
      `${paths.data} is the store of a validator whose key is not here: its votes would be another's`,
      'Restore validator.key from a backup of this very node, or name another folder.',
    );
}

/** Makes key (or takes the pending one) and store together. A crash in between leaves what a second run completes. */
export async function createValidator(paths: ValidatorPaths, key: ValidatorKey, genesis: Genesis): Promise<void> {
  refuseHalf(paths);
  mkdirSync(paths.folder, { recursive: true, mode: 0o700 });
  if (!existsSync(paths.pendingKey)) writeValidatorKey(paths.pendingKey, key);
  if (!hasFiles(paths.data)) {
    const { createStore } = await import('../node/create-store.ts');
    await createStore(paths.data, genesis, key.validator);
  }
  // Only now is it a validator: `node start` reads this name alone.
  renameSync(paths.pendingKey, paths.key);
  syncFolder(paths.folder);
}

export function pendingKey(paths: ValidatorPaths): ValidatorKey | undefined {
  if (!existsSync(paths.pendingKey)) return undefined;
  try {
    return readValidatorKey(paths.pendingKey);
  } catch (error) {
    if (error instanceof ValidatorKeyError) throw new CliError('failed', error.message);
    throw error;
  }
}

export async function writeConfig(paths: ValidatorPaths, settings: NodeSettings): Promise<void> {
  const { formatConfig } = await import('../node/config.ts');
  writeFileDurably(paths.config, formatConfig(settings));
}

/** Never written over: somebody may have put it into a genesis document. */
export function writePublicFile(paths: ValidatorPaths, validator: Validator): void {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  const { id, member } = validator;
  const fields = {
    id,
    member,
    voteKey: hex(validator.voteKey),
    auditKey: hex(validator.auditKey),
    networkKey: hex(validator.networkKey),
    voteProof: hex(validator.voteProof),
    auditProof: hex(validator.auditProof),
    networkProof: hex(validator.networkProof),
  };
  writeFileSync(paths.publicFile, `${JSON.stringify(fields, null, 2)}\n`, { flag: 'wx' });
}
