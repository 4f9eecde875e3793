// C2SP tlog-proof: an entry's place, its inclusion path and a checkpoint in one text. What is proved, and under whose
// signatures, is judged elsewhere; here is the form, and what this ledger puts into its extra line.
import { fromBase64, toBase64 } from './base64.ts';
import { DecodeError } from './codec.ts';
import { hashBytes } from './hash.ts';
import { entryBytesMax } from './limits.ts';
import { noteBytesMax } from './note.ts';
import { bytes, decodeAs, encodeAs, literal, record } from './schema.ts';

export interface TlogProof {
  readonly extra: Uint8Array | undefined;
  readonly index: number;
  /** From the leaf's sibling up. */
  readonly path: readonly Uint8Array[];
  /** The checkpoint, a signed note. */
  readonly note: Uint8Array;
}

const title = 'c2sp.org/tlog-proof@v1';
/** A tree of safe integers is no deeper. */
const pathMax = 53;
const proofBytesMax = 262_144;

export function formatProof({ extra, index, path, note }: TlogProof): Uint8Array {
  const lines = [
    title,
    ...(extra === undefined ? [] : [`extra ${toBase64(extra)}`]),
    `index ${index}`,
    ...path.map(toBase64),
    '\n',
  ];
  return new Uint8Array(Buffer.concat([Buffer.from(lines.join('\n')), note]));
}

/** Throws DecodeError on anything that formatProof would not write. */
export function parseProof(proof: Uint8Array): TlogProof {
  if (proof.length > proofBytesMax) throw new DecodeError(`a proof over ${proofBytesMax} bytes`);
  const text = Buffer.from(proof.buffer, proof.byteOffset, proof.byteLength).toString('latin1');
  const end = text.indexOf('\n\n');
  if (end < 0) throw new DecodeError('a proof without an empty line before its checkpoint');
  const [first, ...lines] = text.slice(0, end).split('\n');
  if (first !== title) throw new DecodeError(`a proof that does not begin with ${title}`);
  const extra = lines[0]?.startsWith('extra ') ? base64Of(lines.shift()?.slice(6) ?? '') : undefined;
  const index = /^index (0|[1-9][0-9]{0,15})$/.exec(lines.shift() ?? '')?.[1];
  if (index === undefined || !Number.isSafeInteger(Number(index))) throw new DecodeError('a proof without an index');
  if (lines.length > pathMax) throw new DecodeError(`a path of over ${pathMax} hashes`);
  const path = lines.map(base64Of);
  if (path.some((hash) => hash.length !== hashBytes)) throw new DecodeError('a path with a line that is no hash');
  const note = proof.slice(end + 2);
  if (note.length > noteBytesMax) throw new DecodeError(`a checkpoint over ${noteBytesMax} bytes`);
  return { extra, index: Number(index), path, note };
}

function base64Of(text: string): Uint8Array {
  const decoded = fromBase64(text);
  if (decoded === undefined || decoded.length === 0) throw new DecodeError('a line of a proof that is not base64');
  return decoded;
}

/** What a receipt carries besides the proof: the entry, which the path proves, and nothing that is not proved. */
const receiptSchema = record({ version: literal(1), entry: bytes(1, entryBytesMax) });

export function encodeReceiptExtra(entry: Uint8Array): Uint8Array {
  return encodeAs(receiptSchema, { version: 1, entry });
}

/** The entry. Throws DecodeError. */
export function decodeReceiptExtra(encoded: Uint8Array): Uint8Array {
  return decodeAs(receiptSchema, encoded).entry;
}
