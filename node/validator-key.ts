// The file that holds a validator's seed, from which its vote, audit and network keys derive. It is readable by its
// owner only, and not under a passphrase: a node starts unattended. `daybook node init` makes it, together with the
// store.
import { closeSync, fsyncSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fromHex, toHex } from './ledger/hash.ts';
import { seedBytes } from './ledger/signature.ts';

/** A key file that cannot be used: says what, why and what to do next. */
export class ValidatorKeyError extends Error {
  override name = 'ValidatorKeyError';
}

export interface ValidatorKey {
  /** Id of the validator, as the genesis document has it. */
  readonly validator: string;
  readonly seed: Uint8Array;
}

/** The file that holds the next keys of the validator whose keys are in `keyFile`. */
export function nextKeyFile(keyFile: string): string {
  return `${keyFile}.next`;
}

/** Never overwrites, and is durable when it returns: a lost seed cannot be had again. */
export function writeValidatorKey(file: string, { validator, seed }: ValidatorKey): void {
  const content = { format: 'daybook/validator-key/v1', validator, seed: toHex(seed) };
  const text = `${JSON.stringify(content, undefined, 2)}\n`;
  synced(openSync(file, 'wx', 0o600), (descriptor) => writeFileSync(descriptor, text));
  // Its name, too.
  synced(openSync(dirname(file), 'r'));
}

function synced(descriptor: number, write: (descriptor: number) => void = () => {}): void {
  try {
    write(descriptor);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

export function readValidatorKey(file: string): ValidatorKey {
  let text: string;
  try {
    if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0)
      throw new ValidatorKeyError(`${file} can be read by others than its owner. Run: chmod 600 ${file}`);
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof ValidatorKeyError) throw error;
    throw new ValidatorKeyError(
      `the key file ${file} cannot be read (${reasonOf(error)}). ` +
        'A new validator gets key and store together from: daybook node init',
    );
  }
  return parseValidatorKey(text, file);
}

function parseValidatorKey(text: string, file: string): ValidatorKey {
  const fields = parseObject(text);
  const { format, validator, seed: seedText } = fields;
  const seed = typeof seedText === 'string' ? fromHex(seedText) : undefined;
  const isRight =
    Object.keys(fields).length === 3 && format === 'daybook/validator-key/v1' && typeof validator === 'string';
  if (!isRight || seed?.length !== seedBytes)
    throw new ValidatorKeyError(`${file} is no validator key file. Restore it from a backup of this very validator.`);
  return { validator, seed };
}

function parseObject(text: string): { [key: string]: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
