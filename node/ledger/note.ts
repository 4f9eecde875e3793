// C2SP signed-note: text and the signatures under it, in the one form that is read here. Whose signatures count, and
// whether they verify, is the reader's to decide: unknown keys are kept and mean nothing.
import { fromBase64, toBase64 } from './base64.ts';
import { DecodeError } from './codec.ts';
import { toHex } from './hash.ts';

export interface NoteSignature {
  /** Of the key; not empty, without spaces and '+'. */
  readonly name: string;
  /** The key's 32-bit id, as 8 hex digits. */
  readonly keyId: string;
  /** What the key's type makes of the text. */
  readonly signature: Uint8Array;
}

export interface Note {
  /** Whole lines, the last one's end included. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** As many as golang.org/x/mod reads; a quorum of the largest set and 33 others fit. */
export const noteSignaturesMax = 100;
/** The names and signatures of such a note take less. */
export const noteBytesMax = 65_536;

const keyIdBytes = 4;
const signatureBytesMax = 8_192;
const dash = '\u2014';
const signatureLine = /^\u2014 (\S+) (\S+)$/;
/** JavaScript's \s with U+0085, which Unicode counts as a space too. */
const notInNames = /[\s\u0085+]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const control = /[\u0000-\u0009\u000b-\u001f]/;

export function isKeyName(name: string): boolean {
  return name !== '' && !notInNames.test(name) && !control.test(name);
}

export function formatNote({ text, signatures }: Note): Uint8Array {
  const lines = signatures.map(({ name, keyId, signature }) => {
    return `${dash} ${name} ${toBase64(Buffer.concat([Buffer.from(keyId, 'hex'), signature]))}\n`;
  });
  return new TextEncoder().encode(`${text}\n${lines.join('')}`);
}

/** Throws DecodeError. Two signatures of one key are refused: one of them could be counted twice. */
export function parseNote(bytes: Uint8Array): Note {
  if (bytes.length > noteBytesMax) throw new DecodeError(`a note over ${noteBytesMax} bytes`);
  const whole = utf8(bytes);
  if (control.test(whole)) throw new DecodeError('a control character in a note');
  const end = whole.lastIndexOf('\n\n');
  if (end < 1) throw new DecodeError('a note without an empty line before its signatures');
  if (!whole.endsWith('\n')) throw new DecodeError('a note that does not end with a line');
  const lines = whole.slice(end + 2, -1).split('\n');
  if (lines.length > noteSignaturesMax) throw new DecodeError(`over ${noteSignaturesMax} signatures in a note`);
  const signatures = lines.map(signatureOf);
  const keys = new Set(signatures.map(({ name, keyId }) => `${name} ${keyId}`));
  if (keys.size < signatures.length) throw new DecodeError('two signatures of one key in a note');
  return { text: whole.slice(0, end + 1), signatures };
}

function signatureOf(line: string): NoteSignature {
  const [, name = '', text = ''] = signatureLine.exec(line) ?? [];
  const bytes = fromBase64(text);
  if (!isKeyName(name) || bytes === undefined) throw new DecodeError('a line that is no signature line in a note');
  if (bytes.length <= keyIdBytes || bytes.length > signatureBytesMax)
    throw new DecodeError(`a signature of ${bytes.length} bytes in a note`);
  return { name, keyId: toHex(bytes.subarray(0, keyIdBytes)), signature: bytes.slice(keyIdBytes) };
}

function utf8(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  if (!Buffer.from(text, 'utf8').equals(bytes)) throw new DecodeError('a note that is not valid UTF-8');
  return text;
}
