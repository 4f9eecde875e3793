// The audit entry: the unit of the log. Each kind is an array that begins with its number.
import { DecodeError, decode, encode, type Value } from './codec.ts';
import { evidenceSchema } from './evidence.ts';
import { type Digest, digestOf, leafHash } from './hash.ts';
import { type Header, headerSchema } from './header.ts';
import { name, referenceText } from './identifiers.ts';
import { batchLinesMax, entryBytesMax, entryEventsMax, transactionBytesMax } from './limits.ts';
import { anyValue, bytes, integer, list, literal, record, type TypeOf, text, uint } from './schema.ts';

/** What happened, as a contract says it; `evolve` of that contract alone turns it into state. */
export const eventSchema = record({ contract: name, type: name, payload: anyValue });
export type LedgerEvent = TypeOf<typeof eventSchema>;

/** The outcome of an accepted operation; every other code is a refusal. */
export const accepted = 'OK';
const outcomeText = text(2, 8, /^[A-Za-z0-9]+$/);
const events = list(eventSchema, 0, entryEventsMax);

const genesisSchema = record({ kind: literal(0), document: anyValue });
const transactionSchema = record({
  kind: literal(1),
  transaction: bytes(1, transactionBytesMax),
  outcome: outcomeText,
  events,
});
/**
 * One line of a batch, so that a receipt for it shows no other customer's. `batch` is its transaction entry's index.
 */
const lineSchema = record({
  kind: literal(2),
  batch: uint,
  line: integer(1, batchLinesMax),
  reference: referenceText,
  outcome: outcomeText,
  events,
});
const headerEntrySchema = record({ kind: literal(3), header: headerSchema });
/** [A2] The one event names the accused by the id that it keeps over epochs. */
const evidenceEntrySchema = record({ kind: literal(4), evidence: evidenceSchema, events: list(eventSchema, 1, 1) });

export type GenesisEntry = TypeOf<typeof genesisSchema>;
export type TransactionEntry = TypeOf<typeof transactionSchema>;
export type LineEntry = TypeOf<typeof lineSchema>;
export type HeaderEntry = TypeOf<typeof headerEntrySchema>;
export type EvidenceEntry = TypeOf<typeof evidenceEntrySchema>;
export type Entry = GenesisEntry | TransactionEntry | LineEntry | HeaderEntry | EvidenceEntry;

/** Throws DecodeError when the entry would be over the limit: the caller must not have let it grow so far. */
export function encodeEntry(entry: Entry): Uint8Array {
  const encoded = encode(writeEntry(entry));
  if (encoded.length > entryBytesMax) throw new DecodeError(`an entry over ${entryBytesMax} bytes`);
  return encoded;
}

function writeEntry(entry: Entry): Value {
  switch (entry.kind) {
    case 0:
      return genesisSchema.write(entry);
    case 1:
      return transactionSchema.write(entry);
    case 2:
      return lineSchema.write(entry);
    case 3:
      return headerEntrySchema.write(entry);
    case 4:
      return evidenceEntrySchema.write(entry);
  }
}

/** Throws DecodeError. */
export function decodeEntry(encoded: Uint8Array): Entry {
  if (encoded.length > entryBytesMax) throw new DecodeError(`an entry over ${entryBytesMax} bytes`);
  const value = decode(encoded);
  const kind = Array.isArray(value) ? (value as readonly Value[])[0] : undefined;
  switch (kind) {
    case 0:
      return genesisSchema.read(value);
    case 1:
      return transactionSchema.read(value);
    case 2:
      return lineSchema.read(value);
    case 3:
      return headerEntrySchema.read(value);
    case 4:
      return evidenceEntrySchema.read(value);
    default:
      throw new DecodeError('no entry of a known kind');
  }
}

export function encodeHeader(header: Header): Uint8Array {
  return encodeEntry({ kind: 3, header });
}

/** Throws DecodeError when the bytes are not a header entry. */
export function decodeHeader(encoded: Uint8Array): Header {
  const entry = decodeEntry(encoded);
  if (entry.kind !== 3) throw new DecodeError('not a header entry');
  return entry.header;
}

/** The block's digest: the leaf hash of its header entry. */
export function headerDigest(encodedHeader: Uint8Array): Digest {
  return digestOf(leafHash(encodedHeader));
}
