// The keys of a home; their public halves need no passphrase.
import { existsSync } from 'node:fs';
import { toHex } from '../../node/ledger/hash.ts';
import { CliError } from '../exit-codes.ts';
import { keyInfo, keyNames } from '../keystore.ts';
import { table } from '../output.ts';
import { type CommonOptions, Session } from '../session.ts';

export async function run(options: CommonOptions): Promise<void> {
  const { paths, output } = new Session(options);
  if (!existsSync(paths.folder))
    throw new CliError('usage', `there is no home ${paths.folder}`, 'Name the right one with --home.');
  const keys = keyNames(paths.keys).map((name) => {
    const { member, publicKey } = keyInfo(paths.keys, name);
    return { name, member, publicKey: toHex(publicKey) };
  });
  const rows = keys.map(({ name, member, publicKey }) => [name, member, publicKey]);
  output.data(keys, () => table(['key', 'member', 'public key'], rows));
}
