// Users' signing keys on disk: seeds under AES-256-GCM with a key that scrypt makes of the passphrase. One salt a home,
// so that one run of scrypt opens any number of keys. Validators' seeds are not kept here (validator-folder.ts).
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fromHex, toHex } from '../node/ledger/hash.ts';
import { publicKeyOf, seedBytes } from '../node/ledger/signature.ts';
import { CliError } from './exit-codes.ts';
import { type JsonObject, ownerOnly, readJson, writeJson } from './files.ts';

/**
 * 2^15 rounds of 8: 32 MiB and about 0.1 s a guess (RFC 7914 section 2; OWASP's floor for interactive use is 2^14 of
 * 8).
 */
const cost = { N: 32_768, r: 8, p: 1 } as const;
const saltBytes = 16;
const nonceBytes = 12;
const tagBytes = 16;

export interface KeyInfo {
  readonly name: string;
  readonly member: string;
  readonly publicKey: Uint8Array;
}

export interface SigningKey extends KeyInfo {
  readonly seed: Uint8Array;
}

/** What is read from a key file: the seed still sealed. */
interface KeyFile extends KeyInfo {
  readonly salt: Uint8Array;
  readonly nonce: Uint8Array;
  readonly sealed: Uint8Array;
}

/** A passphrase's key for one salt: what an unlocked keystore holds in memory. */
export interface Unlocked {
  readonly key: Buffer;
  readonly salt: Uint8Array;
}

const namePattern = /^[A-Za-z0-9][A-Za-z0-9.-]{0,33}$/;

function keyPath(folder: string, name: string): string {
  if (!namePattern.test(name))
    throw new CliError('usage', `"${name}" is no name of a key`, 'Use 1 to 34 letters, digits, dots and hyphens.');
  return join(folder, `${name}.json`);
}

export function keyNames(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  return files.map((file) => basename(file, '.json')).sort();
}

/** Public facts of a key; needs no passphrase. */
export function keyInfo(folder: string, name: string): KeyInfo {
  const { member, publicKey } = readKeyFile(folder, name);
  return { name, member, publicKey };
}

/**
 * Runs scrypt with the salt that the folder's keys share, or a new one; a wrong passphrase shows at the first key. None
 * is refused where no key is there yet: keys that were made under it must still open.
 */
export async function unlock(folder: string, passphrase: string): Promise<Unlocked> {
  const [first] = keyNames(folder);
  if (first === undefined && passphrase.trim() === '')
    throw new CliError(
      'usage',
      'the passphrase is empty, so the keys would lie open',
      'Write one into the file of --passphrase-file, set DAYBOOK_PASSPHRASE, or type one at the prompt.',
    );
  const salt = first === undefined ? randomBytes(saltBytes) : readKeyFile(folder, first).salt;
  const key = await derive(passphrase, salt);
  const unlocked = { key, salt };
  if (first !== undefined) openKey(folder, first, unlocked);
  return unlocked;
}

function derive(passphrase: string, salt: Uint8Array): Promise<Buffer> {
  const options = { ...cost, maxmem: 256 * cost.N * cost.r };
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize('NFC'), salt, 32, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}

export function openKey(folder: string, name: string, unlocked: Unlocked): SigningKey {
  const file = readKeyFile(folder, name);
  if (Buffer.compare(file.salt, unlocked.salt) !== 0)
    throw new CliError('failed', `the key ${name} was made in another home`, 'Make it anew with `daybook key new`.');
  const decipher = createDecipheriv('aes-256-gcm', unlocked.key, file.nonce, { authTagLength: tagBytes });
  decipher.setAAD(associated(file));
  decipher.setAuthTag(file.sealed.subarray(file.sealed.length - tagBytes));
  try {
    const seed = Buffer.concat([decipher.update(file.sealed.subarray(0, -tagBytes)), decipher.final()]);
    return { name, member: file.member, publicKey: file.publicKey, seed: new Uint8Array(seed) };
  } catch {
    throw new CliError(
      'notAuthorised',
      `the passphrase does not open the key ${name}`,
      'Give the right one: DAYBOOK_PASSPHRASE, --passphrase-file FILE, or at the prompt.',
    );
  }
}

/** Makes keys and writes them; refuses a name that exists, since a lost seed cannot be had again. */
export function createKey(folder: string, member: string, name: string, unlocked: Unlocked): SigningKey {
  const path = keyPath(folder, name);
  if (existsSync(path))
    throw new CliError('usage', `there is a key ${name} already`, 'Choose another name; a key is never written over.');
  const seed = new Uint8Array(randomBytes(seedBytes));
  const key: SigningKey = { name, member, publicKey: publicKeyOf(seed), seed };
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', unlocked.key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(associated(key));
  const sealed = Buffer.concat([cipher.update(seed), cipher.final(), cipher.getAuthTag()]);
  const content = {
    format: 1,
    name,
    member,
    publicKey: toHex(key.publicKey),
    encryption: { kdf: 'scrypt', ...cost, salt: toHex(unlocked.salt), cipher: 'aes-256-gcm', nonce: toHex(nonce) },
    sealed: toHex(sealed),
  };
  writeJson(path, content, ownerOnly);
  return key;
}

/** Bound to the seed by the cipher, so that no key can be passed off as another's. */
function associated(key: KeyInfo): Buffer {
  return Buffer.from(JSON.stringify(['daybook/user-key/v1', key.name, key.member, toHex(key.publicKey)]));
}

function readKeyFile(folder: string, name: string): KeyFile {
  const path = keyPath(folder, name);
  const stored = readJson(path);
  if (stored === undefined) {
    const known = keyNames(folder);
    const list = known.length === 0 ? 'There are none yet.' : `There are ${shortened(known)}.`;
    throw new CliError('notAuthorised', `there is no key ${name} in ${folder}`, `${list} Name one with --user.`);
  }
  const encryption = typeof stored['encryption'] === 'object' ? (stored['encryption'] as JsonObject | null) : null;
  const hex = (value: unknown): Uint8Array => {
    const bytes = typeof value === 'string' ? fromHex(value) : undefined;
    if (bytes === undefined || bytes.length === 0)
      throw new CliError('failed', `the key file ${path} is damaged`, 'Restore it from a copy.');
    return bytes;
  };
  const sealed = hex(stored['sealed']);
  if (sealed.length !== seedBytes + tagBytes || stored['name'] !== name || typeof stored['member'] !== 'string')
    throw new CliError('failed', `the key file ${path} is damaged`, 'Restore it from a copy.');
  return {
    name,
    member: stored['member'],
    publicKey: hex(stored['publicKey']),
    salt: hex(encryption?.['salt']),
    nonce: hex(encryption?.['nonce']),
    sealed,
  };
}

function shortened(names: readonly string[]): string {
  return names.length <= 8 ? names.join(', ') : `${names.slice(0, 8).join(', ')} and ${names.length - 8} more`;
}
