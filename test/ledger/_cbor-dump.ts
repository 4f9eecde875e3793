// Bytes as docs/formats.md shows them: one CBOR item a line, with what it is behind it. A reader of its own, so that
// the page does not only say what the codec under test believes.

interface Item {
  readonly head: Uint8Array;
  readonly major: number;
  /** Value of an integer, length of anything else. */
  readonly argument: bigint;
}

const columns = 32;

/** Field names of a format by its name, in order; undefined for what has none. */
export type FieldNames = (format: string) => readonly string[] | undefined;

/** Which format stands in a field (`name`), or in each item of one (`name[]`). */
const formatOfField: { readonly [field: string]: string } = {
  document: 'document',
  header: 'header',
  'lastCommit[]': 'certificate',
  'certificate[]': 'certificate',
  'signers[]': 'signer',
  'events[]': 'event',
  debtor: 'side',
  creditor: 'side',
  parameters: 'parameters',
  'validators[]': 'validator',
  'sections[]': 'section',
  committed: 'committed',
  'prepared[]': 'prepared',
  prePrepare: 'signer',
  'prepares[]': 'signer',
};

/** `format` is that of the outermost array. */
export function dumpCbor(bytes: Uint8Array, namesOf: FieldNames, format: string): string {
  const lines: string[] = [];
  let at = 0;
  const item = (): Item => {
    const first = bytes[at] ?? 0;
    const width = [1, 2, 4, 8][(first & 0x1f) - 24] ?? 0;
    const head = bytes.subarray(at, at + 1 + width);
    at += head.length;
    const argument = width === 0 ? BigInt(first & 0x1f) : BigInt(`0x${hexOf(head.subarray(1))}`);
    return { head, major: first >> 5, argument };
  };
  const visit = (depth: number, label: string, shape: string): void => {
    const { head, major, argument } = item();
    const indent = '  '.repeat(depth);
    const line = (hex: string, note: string) =>
      lines.push(`${indent}${hex}  # ${label === '' ? '' : `${label}: `}${note}`);
    if (major <= 1) return void line(hexOf(head), String(major === 0 ? argument : -1n - argument));
    if (major === 4) {
      line(hexOf(head), `array of ${argument}`);
      const names = namesOf(shape);
      if (names !== undefined && BigInt(names.length) !== argument)
        throw new Error(`the page names ${names.length} fields of ${shape}, it has ${argument}`);
      for (let i = 0; i < Number(argument); i++) {
        const name = names?.[i] ?? '';
        visit(depth + 1, name, formatOfField[name === '' ? `${label}[]` : name] ?? '');
      }
      return;
    }
    if (major !== 2 && major !== 3) throw new Error(`major type ${major}`);
    const content = bytes.subarray(at, at + Number(argument));
    at += content.length;
    const note = major === 3 ? JSON.stringify(Buffer.from(content).toString('utf8')) : `${content.length} bytes`;
    if (content.length <= columns) return void line(`${hexOf(head)} ${hexOf(content)}`.trimEnd(), note);
    line(hexOf(head), note);
    lines.push(...wrapHex(content).map((row) => `${indent}  ${row}`));
  };
  visit(0, '', format);
  if (at !== bytes.length) throw new Error('bytes after the value');
  return lines.join('\n');
}

/** 32 bytes a line. */
export function wrapHex(bytes: Uint8Array): string[] {
  const rows: string[] = [];
  for (let at = 0; at < bytes.length; at += columns) rows.push(hexOf(bytes.subarray(at, at + columns)));
  return rows;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
