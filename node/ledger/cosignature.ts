// C2SP tlog-cosignature of type 0x04: one validator's word that the log of a size has a root, made with its audit key
// once the block is durable. A quorum of them is a stable checkpoint, which is what the outside relies on.

import type { SignatureCheck } from './certificate.ts';
import { type Checkpoint, checkpointText, cosignerKey, type LogName, originOf, type TreeHead } from './checkpoint.ts';
import { DecodeError } from './codec.ts';
import { digest, signature } from './identifiers.ts';
import { timestampMax, validatorsMax } from './limits.ts';
import { formatNote, type Note, type NoteSignature } from './note.ts';
import { integer, list, record, type Schema, uint } from './schema.ts';
import { signatureBytes, verify } from './signature.ts';
import { quorumOf, type ValidatorSet } from './validators.ts';
import type { VerifierKey } from './verifier-key.ts';

/** A time in seconds since 1970 and an Ed25519 signature over it and a checkpoint. */
export interface TimedSignature {
  readonly time: number;
  readonly signature: Uint8Array;
}

/** `validator` is the index in the set of the height whose header is the last leaf. */
export interface Cosignature extends TimedSignature {
  readonly validator: number;
}

/** What one validator has cosigned. */
export interface CosignedHead extends TreeHead, Cosignature {}

/** A tree head under exactly a quorum of cosignatures, ascending by validator. */
export interface StableCheckpoint extends TreeHead {
  /** Of the block whose header is the last leaf. */
  readonly height: number;
  readonly cosignatures: readonly Cosignature[];
}

/** Two roots for one size under one key: its owner lied, whoever shows it. */
export interface CosignatureContradiction {
  readonly first: CosignedHead;
  readonly second: CosignedHead;
}

const timedBytes = 8 + signatureBytes;
export const secondsMax = Math.floor(timestampMax / 1_000);
const seconds = integer(0, secondsMax);

const cosignatureFields = { validator: integer(0, validatorsMax - 1), time: seconds, signature } as const;
export const cosignatureSchema: Schema<Cosignature> = record(cosignatureFields);
export const cosignedHeadSchema: Schema<CosignedHead> = record({ size: uint, root: digest, ...cosignatureFields });
export const stableCheckpointSchema: Schema<StableCheckpoint> = record({
  height: uint,
  size: uint,
  root: digest,
  cosignatures: list(cosignatureSchema, 1, validatorsMax),
});

/** What a cosignature signs. It names no validator, so every validator has an audit key of its own. */
export function cosignatureMessage(checkpoint: Checkpoint, time: number): Uint8Array {
  return new TextEncoder().encode(`cosignature/v1\ntime ${time}\n${checkpointText(checkpoint)}`);
}

/** In a note's signature line: the time as 64 bits, big endian, and the signature. */
export function encodeTimed({ time, signature: bytes }: TimedSignature): Uint8Array {
  const timed = new Uint8Array(timedBytes);
  new DataView(timed.buffer).setBigUint64(0, BigInt(time));
  timed.set(bytes, 8);
  return timed;
}

/** Throws DecodeError. */
export function decodeTimed(timed: Uint8Array): TimedSignature {
  if (timed.length !== timedBytes) throw new DecodeError(`a cosignature of ${timed.length} bytes`);
  const time = new DataView(timed.buffer, timed.byteOffset, 8).getBigUint64(0);
  if (time > BigInt(secondsMax)) throw new DecodeError('a cosignature of a time beyond the year 2286');
  return { time: Number(time), signature: timed.slice(8) };
}

/** Whether a note's signature is the key's over this checkpoint, by the rules of the key's type. */
export function isSignedBy(
  key: VerifierKey,
  checkpoint: Checkpoint,
  { name, keyId, signature: bytes }: NoteSignature,
  check: SignatureCheck = verify,
): boolean {
  if (name !== key.name || keyId !== key.keyId) return false;
  if (key.type === 'note') return check(new TextEncoder().encode(checkpointText(checkpoint)), bytes, key.publicKey);
  try {
    const timed = decodeTimed(bytes);
    return check(cosignatureMessage(checkpoint, timed.time), timed.signature, key.publicKey);
  } catch (error) {
    if (error instanceof DecodeError) return false;
    throw error;
  }
}

/** Whether the validator of that index has cosigned this tree head. */
export function isCosigned(
  origin: string,
  { size, root, validator, time, signature: bytes }: CosignedHead,
  set: ValidatorSet,
  check: SignatureCheck = verify,
): boolean {
  const key = set[validator]?.auditKey;
  return key !== undefined && check(cosignatureMessage({ origin, size, root }, time), bytes, key);
}

/** What is wrong with a stable checkpoint under the set of its height, or undefined. Indexes first: they are cheap. */
export function stableProblem(
  origin: string,
  { size, root, cosignatures }: StableCheckpoint,
  set: ValidatorSet,
  check: SignatureCheck = verify,
): string | undefined {
  const quorum = quorumOf(set.length);
  if (cosignatures.length !== quorum.size)
    return `${cosignatures.length} cosignatures where a quorum is exactly ${quorum.size}`;
  let previous = -1;
  for (const { validator } of cosignatures) {
    if (validator <= previous) return 'cosigners are not ascending';
    if (validator >= set.length) return `no validator ${validator}`;
    previous = validator;
  }
  for (const each of cosignatures)
    if (!isCosigned(origin, { size, root, ...each }, set, check))
      return `the cosignature of ${set[each.validator]?.id ?? `validator ${each.validator}`} does not verify`;
  return undefined;
}

/** What is wrong with the proof that a validator contradicted itself, or undefined. */
export function contradictionProblem(
  origin: string,
  { first, second }: CosignatureContradiction,
  set: ValidatorSet,
  check: SignatureCheck = verify,
): string | undefined {
  if (first.validator !== second.validator) return 'cosignatures of two validators';
  if (first.size !== second.size) return 'cosignatures of two sizes';
  if (first.root === second.root) return 'cosignatures of one root';
  const isProven = isCosigned(origin, first, set, check) && isCosigned(origin, second, set, check);
  const signer = set[first.validator]?.id ?? `validator ${first.validator}`;
  return isProven ? undefined : `a cosignature of ${signer} does not verify`;
}

/** The signed note that log clients read. `more` goes before the validators: the serving validator's own line. */
export function checkpointNote(
  log: LogName,
  { size, root, cosignatures }: StableCheckpoint,
  set: ValidatorSet,
  more: readonly NoteSignature[] = [],
): Uint8Array {
  const signatures = cosignatures.flatMap((each) => {
    const validator = set[each.validator];
    return validator === undefined ? [] : [noteSignature(cosignerKey(log, validator), encodeTimed(each))];
  });
  const note: Note = {
    text: checkpointText({ origin: originOf(log), size, root }),
    signatures: [...more, ...signatures],
  };
  return formatNote(note);
}

export function noteSignature({ name, keyId }: VerifierKey, bytes: Uint8Array): NoteSignature {
  return { name, keyId, signature: bytes };
}
