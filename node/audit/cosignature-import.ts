// Puts cosignatures that an outside witness returned (C2SP tlog-witness: signature lines) under a checkpoint, alone or
// in a receipt. Only lines that verify under a witness of the policy are taken.
import { parseCheckpointText } from '../ledger/checkpoint.ts';
import { DecodeError } from '../ledger/codec.ts';
import { isSignedBy } from '../ledger/cosignature.ts';
import { formatNote, type Note, parseNote } from '../ledger/note.ts';
import { formatProof, parseProof } from '../ledger/tlog-proof.ts';
import { lineOf, type Policy } from './policy.ts';

const proofStart = 'c2sp.org/tlog-proof@';

export interface Imported {
  readonly bytes: Uint8Array;
  /** Names of witnesses whose lines were added; those that stood there already are not among them. */
  readonly added: readonly string[];
}

/** `file` is a checkpoint or a tlog-proof. Throws DecodeError. */
export function importCosignatures(file: Uint8Array, lines: Uint8Array, policy: Policy): Imported {
  const isProof = Buffer.from(file.subarray(0, proofStart.length)).toString('latin1') === proofStart;
  if (!isProof) return withLines(file, lines, policy);
  const proof = parseProof(file);
  const { bytes, added } = withLines(proof.note, lines, policy);
  return { bytes: formatProof({ ...proof, note: bytes }), added };
}

function withLines(bytes: Uint8Array, lines: Uint8Array, policy: Policy): Imported {
  const note = parseNote(bytes);
  const checkpoint = parseCheckpointText(note.text);
  // The lines alone are no note; under this text they are one.
  const given: Note = parseNote(Buffer.concat([Buffer.from(`${note.text}\n`), lines]));
  const added = given.signatures.flatMap((line) => {
    const key = policy.witnesses.find(({ name, keyId }) => name === line.name && keyId === line.keyId);
    if (key === undefined) throw new DecodeError(`${line.name} is no witness of the policy`);
    if (!isSignedBy(key, checkpoint, line))
      throw new DecodeError(`the cosignature of ${line.name} is not of this checkpoint`);
    return lineOf(note, key) === undefined ? [line] : [];
  });
  const whole = formatNote({ ...note, signatures: [...note.signatures, ...added] });
  return { bytes: whole, added: added.map(({ name }) => name) };
}
