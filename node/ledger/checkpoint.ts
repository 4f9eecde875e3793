// C2SP tlog-checkpoint: the size and root of the log as exactly three lines of text, and the names under which they are
// signed. No extension lines, no size 0: the log begins with the genesis entry.
import { fromBase64, toBase64 } from './base64.ts';
import { DecodeError } from './codec.ts';
import { type Digest, digestBytes, digestOf, hashBytes } from './hash.ts';
import type { Validator } from './validators.ts';
import { type VerifierKey, verifierKey } from './verifier-key.ts';

/** What names a log: the ledger's name in its genesis document, and the chain. */
export interface LogName {
  readonly ledger: string;
  readonly chainId: Digest;
}

/** Size and root of the log after a block. The size counts the block's header entry. */
export interface TreeHead {
  readonly size: number;
  readonly root: Digest;
}

export interface Checkpoint extends TreeHead {
  readonly origin: string;
}

export function originOf({ ledger, chainId }: LogName): string {
  return `${ledger}/${chainId}`;
}

/** The key under whose name and id a validator cosigns. */
export function cosignerKey({ ledger }: LogName, { id, auditKey }: Pick<Validator, 'id' | 'auditKey'>): VerifierKey {
  return verifierKey(`${ledger}/validator/${id}`, 'cosignature', auditKey);
}

export function checkpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${toBase64(digestBytes(root))}\n`;
}

/** Throws DecodeError. */
export function parseCheckpointText(text: string): Checkpoint {
  const [origin = '', size = '', root = '', end, ...more] = text.split('\n');
  if (end !== '' || more.length > 0) throw new DecodeError('a checkpoint is exactly three lines');
  if (origin === '') throw new DecodeError('a checkpoint without an origin');
  if (!/^[1-9][0-9]{0,15}$/.test(size) || !Number.isSafeInteger(Number(size)))
    throw new DecodeError('a checkpoint whose second line is no size above 0');
  const hash = fromBase64(root);
  if (hash?.length !== hashBytes) throw new DecodeError('a checkpoint whose third line is no root hash');
  return { origin, size: Number(size), root: digestOf(hash) };
}
