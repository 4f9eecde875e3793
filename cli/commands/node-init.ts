// Makes a validator's key and store together, and its node.toml.
import { randomBytes } from 'node:crypto';
import { relative } from 'node:path';
import { fromHex, toHex } from '../../node/ledger/hash.ts';
import { seedBytes } from '../../node/ledger/signature.ts';
import { CliError } from '../exit-codes.ts';
import { type CommonOptions, Session } from '../session.ts';
import {
  createValidator,
  pendingKey,
  refuseHalf,
  validatorOf,
  validatorPaths,
  writeConfig,
  writePublicFile,
} from '../validator-folder.ts';

interface Options extends CommonOptions {
  readonly member?: string;
  readonly rotated?: boolean;
  readonly listen: string;
  readonly api: string;
  readonly peer?: readonly string[];
}

export async function run(options: Options, id: string): Promise<void> {
  const session = new Session(options);
  const { ledger, paths, output } = session;
  const files = validatorPaths(paths.validators, id);
  refuseHalf(files);
  const { listen, api, peers } = await addressesOf(options);
  const pending = pendingKey(files);
  const named = ledger.validators.find((validator) => validator.id === id);
  const founder = options.rotated === true ? undefined : named;
  const member = named?.member ?? options.member;
  if (founder !== undefined && pending === undefined)
    throw new CliError(
      'usage',
      `genesis has a validator ${id}, but ${files.pendingKey} is not there`,
      'Name the home where `daybook key new --validator` made the key with --home, or, if that is lost, add --rotated.',
    );
  if (member === undefined)
    throw new CliError('usage', `genesis has no validator ${id}`, 'Name the member that will run it with --member.');
  const key = pending ?? { validator: id, seed: new Uint8Array(randomBytes(seedBytes)) };
  const scope = founder === undefined ? (fromHex(ledger.chainId) ?? new Uint8Array(0)) : ledger.genesis.nonce;
  const validator = validatorOf(key, member, scope);
  if (founder !== undefined && toHex(founder.voteKey) !== toHex(validator.voteKey))
    throw new CliError(
      'failed',
      `${files.pendingKey} is not the key that genesis has for ${id}`,
      'Find the right key file.',
    );
  await createValidator(files, key, ledger.genesis);
  if (pending === undefined) writePublicFile(files, validator);
  await writeConfig(files, {
    validator: id,
    // A home may be moved as a whole, to another machine for one.
    genesisFile: relative(files.folder, paths.genesis),
    dataFolder: 'data',
    keyFile: 'validator.key',
    openReads: false,
    listen,
    api,
    peers,
  });
  output.data({ validator: id, member, folder: files.folder, config: files.config, chainId: ledger.chainId }, () =>
    [
      `${id} of ${member} is made in ${files.folder}: key, store and ${files.config}.`,
      'Keep a copy of validator.key offline, and never run this validator in two places.',
      `Start it: daybook node start ${id} --home ${paths.folder}`,
    ].join('\n'),
  );
}

async function addressesOf(options: Options) {
  const { ConfigError, parseAddress } = await import('../../node/config.ts');
  const peers = Object.fromEntries((options.peer ?? []).map(parsePeer));
  try {
    for (const [peer, address] of Object.entries(peers)) parseAddress(address, `--peer ${peer}`);
    return { listen: parseAddress(options.listen, '--listen'), api: parseAddress(options.api, '--api'), peers };
  } catch (error) {
    throw error instanceof ConfigError ? new CliError('usage', error.message, 'Nothing was made.') : error;
  }
}

function parsePeer(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1)
    throw new CliError('usage', `--peer ${text}: not ID=HOST:PORT`, 'For example --peer validator-2=10.0.0.2:7001.');
  return [text.slice(0, at), text.slice(at + 1)];
}
