// Verifier keys (vkeys) of C2SP signed-note: a name, a type and an Ed25519 public key, as one text. The types that are
// read are those that this ledger and its witnesses sign with; keys of any other kind are refused, not ignored.
import { fromBase64, toBase64 } from './base64.ts';
import { DecodeError } from './codec.ts';
import { sha256, toHex } from './hash.ts';
import { isKeyName } from './note.ts';
import { publicKeyBytes } from './signature.ts';

/** `note`: Ed25519 over a note's text. `cosignature`: Ed25519 over a time and a checkpoint. */
export const keyTypes = { note: 0x01, cosignature: 0x04 } as const;
export type KeyType = keyof typeof keyTypes;

export interface VerifierKey {
  readonly name: string;
  readonly type: KeyType;
  readonly publicKey: Uint8Array;
  /** First four bytes of SHA-256(name || 0x0a || type || public key), in hex. */
  readonly keyId: string;
}

export function verifierKey(name: string, type: KeyType, publicKey: Uint8Array): VerifierKey {
  const prefix = new TextEncoder().encode(`${name}\n`);
  const keyId = toHex(sha256(prefix, Uint8Array.of(keyTypes[type]), publicKey).subarray(0, 4));
  return { name, type, publicKey, keyId };
}

export function formatVerifierKey({ name, type, publicKey, keyId }: VerifierKey): string {
  return `${name}+${keyId}+${toBase64(Buffer.concat([Uint8Array.of(keyTypes[type]), publicKey]))}`;
}

/** Throws DecodeError. */
export function parseVerifierKey(text: string): VerifierKey {
  const [, name = '', keyId = '', material = ''] = /^([^+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text) ?? [];
  const bytes = fromBase64(material);
  if (!isKeyName(name) || bytes === undefined || bytes.length === 0) throw new DecodeError('no verifier key');
  const type = bytes[0] === keyTypes.note ? 'note' : bytes[0] === keyTypes.cosignature ? 'cosignature' : undefined;
  if (type === undefined) throw new DecodeError(`a verifier key of type ${bytes[0]}, which is not read`);
  if (bytes.length !== 1 + publicKeyBytes) throw new DecodeError('a verifier key of another length');
  const key = verifierKey(name, type, bytes.slice(1));
  if (key.keyId !== keyId) throw new DecodeError(`the id of the verifier key ${name} is not that of its bytes`);
  return key;
}
