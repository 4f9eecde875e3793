// What a node notices when its state differs from the chain, how it marks that in its store, and the report that it
// leaves to the operator (rule R4).

import { DivergedRecord } from './execution/diverged-record.ts';
import { statePartsOf } from './execution/state-path.ts';
import { type CommitCertificate, certificateSchema } from './ledger/certificate.ts';
import { DecodeError } from './ledger/codec.ts';
import { type Digest, sha256, toHex } from './ledger/hash.ts';
import { decodeAs, encodeAs, literal, option, record, text, uint } from './ledger/schema.ts';
import { DamagedRow, type StateDifference, type StatePath } from './store/store.ts';

export interface Divergence {
  readonly reason: string;
  /** The state record that gave it away, where it was one. */
  readonly path?: StatePath | undefined;
  /** Of the block that a quorum certified and that execution refuses here. */
  readonly refused?: CommitCertificate | undefined;
}

/** An error that says: a row is not what was written, and can be made again. */
export function damageOf(error: unknown): Divergence | undefined {
  if (error instanceof DamagedRow || error instanceof DivergedRecord)
    return { reason: error.message, path: error.path };
  return undefined;
}

const reasonCharactersMax = 500;

/** Stands in the store from the moment at which a divergence is noticed until the node may vote again. */
export interface DivergenceMark {
  /** The last block that was durable here then. */
  readonly height: number;
  readonly reason: string;
  readonly refused: CommitCertificate | undefined;
}

const markSchema = record({
  version: literal(1),
  height: uint,
  reason: text(1, reasonCharactersMax),
  refused: option(certificateSchema),
});

export function encodeMark(mark: DivergenceMark): Uint8Array {
  // Messages of the system may hold characters that are no ledger text.
  const reason = mark.reason.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, reasonCharactersMax);
  return encodeAs(markSchema, { ...mark, version: 1, reason });
}

/** Undefined for bytes of another form: that there is a mark says enough. */
export function decodeMark(encoded: Uint8Array): DivergenceMark | undefined {
  try {
    const { version: _, ...mark } = decodeAs(markSchema, encoded);
    return mark;
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

export type Outcome = 'healing' | 'healed' | 'not healed';

/** What stands in the incident file, as JSON. Values are shown by their hashes: the file may be sent to others. */
export interface DivergenceIncident {
  readonly kind: 'divergence';
  readonly validator: string;
  /** UTC milliseconds at which it was noticed: the name of the file. */
  readonly noticedAt: number;
  /** The last block here, and the state root that was certified with it. */
  readonly height: number;
  readonly block: Digest;
  readonly stateRoot: Digest;
  readonly reason: string;
  readonly record?: RecordName;
  readonly refused?: { readonly height: number; readonly certificate: string };
  readonly outcome: Outcome;
  readonly healedAt?: number;
  /** State records that were not what the log makes them: the first of them, and how many there were. */
  readonly records?: readonly WrongRecord[];
  readonly recordCount?: number;
  readonly rowCount?: number;
  /** Heights whose blocks were fetched from other validators. */
  readonly fetchedBlocks?: readonly number[];
  readonly why?: string;
}

export interface RecordName {
  readonly contract: string;
  readonly collection: string;
  readonly key: string;
}

export interface WrongRecord extends RecordName {
  readonly found: StateDifference['found'];
  readonly storedHash?: string;
  readonly rightHash?: string;
  /** Bits that differ, where both have one length: one says a flipped bit, many another write. */
  readonly bits?: number;
}

const recordsMax = 100;

export function recordNameOf(path: StatePath): RecordName {
  const [first, second] = [path.indexOf('/'), path.indexOf('/', path.indexOf('/') + 1)];
  // A flipped bit in a key leaves no path.
  return first > 0 && second > first + 1 ? statePartsOf(path) : { contract: '', collection: '', key: path };
}

export function wrongRecords(differences: readonly StateDifference[]): WrongRecord[] {
  return differences.slice(0, recordsMax).map(({ path, found, stored, right }) => ({
    ...recordNameOf(path),
    found,
    ...(stored === undefined ? {} : { storedHash: toHex(sha256(stored)) }),
    ...(right === undefined ? {} : { rightHash: toHex(sha256(right)) }),
    ...(stored === undefined || right === undefined || stored.length !== right.length
      ? {}
      : { bits: bitsBetween(stored, right) }),
  }));
}

function bitsBetween(a: Uint8Array, b: Uint8Array): number {
  let bits = 0;
  for (const [at, byte] of a.entries()) for (let rest = byte ^ (b[at] ?? 0); rest > 0; rest >>= 1) bits += rest & 1;
  return bits;
}
