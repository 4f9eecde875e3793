// Makes bad inputs of good ones: by bytes, by the structure of CBOR, and by the words of a text format.
import type { Prng } from '../_prng.ts';
import { type CborNode, copyOf, formatCbor, nodesOf, parseCbor } from './cbor-tree.ts';

/** What an input is made of, which decides how it is changed. */
export type InputKind = 'cbor' | 'text' | 'bytes';

export interface MutateOptions {
  readonly random: Prng;
  readonly kind: InputKind;
  /** Of a text format: what means something in it. */
  readonly words?: readonly string[];
  readonly lengthMax: number;
}

const boundaries = [0n, 1n, 23n, 24n, 100n, 255n, 256n, 65_535n, 65_536n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n].concat([
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
]);
/** Not in any ledger format: maps, tags, bignums, floats, simple values, indefinite lengths, breaks, reserved heads. */
const strangers = [
  'a0',
  'a10101',
  'c0',
  'c249010000000000000000',
  'f90000',
  'f97e00',
  'fa3f800000',
  'fb3ff0000000000000',
].concat([
  'fb7ff0000000000000',
  'f4',
  'f5',
  'f6',
  'f7',
  'f818',
  'ff',
  '5fff',
  '9fff',
  '9f01ff',
  '7f6161ff',
  '1c',
  '3e',
  '',
]);
const badTexts = [
  '',
  '\0',
  '__proto__',
  'constructor',
  'e\u0301',
  '\u202e',
  '\ud800',
  '\ufeff',
  'A'.repeat(5_000),
  '../../x',
].concat([
  '1e308',
  '-0',
  'NaN',
  '9007199254740993',
  '184467440737095516160',
  '\u2028',
  '%s%n',
  '{{}}',
  '\r\n\r\n',
  '0x1',
]);

export function mutate(seeds: readonly Uint8Array[], options: MutateOptions): Uint8Array {
  const { random, kind, lengthMax } = options;
  let input = random.pick(seeds);
  const rounds = 1 + random.int(3);
  for (let i = 0; i < rounds; i++) {
    if (kind === 'text' && random.int(5) > 0) input = changeText(input, seeds, options);
    else if (kind === 'cbor' && random.int(4) > 0) input = changeTree(input, seeds, random);
    else input = changeBytes(input, seeds, random);
  }
  return input.length > lengthMax ? input.subarray(0, lengthMax) : input;
}

function changeBytes(input: Uint8Array, seeds: readonly Uint8Array[], random: Prng): Uint8Array {
  const at = random.int(input.length + 1);
  const end = Math.min(input.length, at + 1 + random.int(1 + random.int(64)));
  const [before, chunk, after] = [input.subarray(0, at), input.subarray(at, end), input.subarray(end)];
  switch (random.int(8)) {
    case 0:
      return joined(
        before,
        chunk.map((byte) => byte ^ (1 << random.int(8))),
        after,
      );
    case 1:
      return before;
    case 2:
      return joined(before, after);
    case 3:
      return joined(before, random.bytes(1 + random.int(16)), chunk, after);
    case 4:
      return joined(before, ...Array.from({ length: 1 + random.int(40) }, () => chunk), after);
    case 5:
      return joined(
        before,
        chunk.map(() => random.pick([0, 0xff, 0x7f, 0x80, 0x1b, 0x9b, 0xbb])),
        after,
      );
    case 6: {
      const other = random.pick(seeds);
      return joined(before, other.subarray(random.int(other.length + 1)));
    }
    default:
      return joined(before, Buffer.from(random.pick(badTexts)), after);
  }
}

function changeTree(input: Uint8Array, seeds: readonly Uint8Array[], random: Prng): Uint8Array {
  const parsed = parseCbor(input);
  if (parsed === undefined) return changeBytes(input, seeds, random);
  const root = copyOf(parsed);
  const node = random.pick(nodesOf(root));
  const change = random.int(6);
  if (change === 0) become(node, { kind: 'raw', bytes: Buffer.from(random.pick(strangers), 'hex') });
  else if (change === 1) become(node, elsewhere(seeds, random));
  else if (change === 2 && random.int(4) === 0) become(node, nested(copyOf(node), random));
  else changeNode(node, seeds, random);
  return formatCbor(root);
}

function become(node: CborNode, other: CborNode): void {
  for (const key of Object.keys(node)) Reflect.deleteProperty(node, key);
  Object.assign(node, other);
}

function elsewhere(seeds: readonly Uint8Array[], random: Prng): CborNode {
  const other = parseCbor(random.pick(seeds));
  return other === undefined ? { kind: 'integer', negative: false, value: 7n } : copyOf(random.pick(nodesOf(other)));
}

function nested(node: CborNode, random: Prng): CborNode {
  const depth = random.pick([1, 2, 15, 16, 17, 100, 5_000]);
  return { kind: 'raw', bytes: joined(new Uint8Array(depth).fill(0x81), formatCbor(node)) };
}

function changeNode(node: CborNode, seeds: readonly Uint8Array[], random: Prng): void {
  switch (node.kind) {
    case 'integer': {
      const change = random.int(4);
      if (change === 0) node.value += random.int(2) === 0 || node.value === 0n ? 1n : -1n;
      else if (change === 1) node.value = random.pick(boundaries);
      else if (change === 2) node.negative = !node.negative;
      else node.width = random.pick([1, 2, 4, 8]);
      return;
    }
    case 'string':
      return changeString(node, seeds, random);
    case 'array':
      return changeArray(node, seeds, random);
    case 'raw':
      node.bytes = changeBytes(node.bytes, seeds, random);
  }
}

function changeString(node: CborNode & { kind: 'string' }, seeds: readonly Uint8Array[], random: Prng): void {
  const content = node.inner === undefined ? node.bytes : formatCbor(node.inner);
  const change = random.int(5);
  if (change === 0) node.isText = !node.isText;
  else if (change === 1) node.claim = claimNear(content.length, random);
  else {
    Reflect.deleteProperty(node, 'inner');
    node.bytes = change === 2 ? Buffer.from(random.pick(badTexts)) : changeBytes(content, seeds, random);
  }
}

function changeArray(node: CborNode & { kind: 'array' }, seeds: readonly Uint8Array[], random: Prng): void {
  const { items } = node;
  const at = random.int(items.length + 1);
  const item = items[at];
  const change = random.int(6);
  if (change === 0) items.splice(at, 1);
  else if (change === 1) items.splice(at, 0, elsewhere(seeds, random));
  else if (change === 2) node.claim = claimNear(items.length, random);
  else if (change === 3) items.reverse();
  else if (item !== undefined) {
    const copies = random.pick([1, 1, 2, 16, 300, 2_000]);
    for (let i = 0; i < copies; i++) items.splice(at, 0, copyOf(item));
  }
}

function claimNear(length: number, random: Prng): bigint {
  return random.pick([BigInt(length + 1), BigInt(Math.max(0, length - 1)), ...boundaries]);
}

function changeText(
  input: Uint8Array,
  seeds: readonly Uint8Array[],
  { random, words = [] }: MutateOptions,
): Uint8Array {
  const text = Buffer.from(input).toString('utf8');
  // Places where something begins or ends: numbers, names, quotes, brackets.
  const places = [...text.matchAll(/\b|[^\w\s]/g)].map(({ index }) => index);
  const at = places.length === 0 ? 0 : random.pick(places);
  const end = places[places.indexOf(at) + 1 + random.int(4)] ?? text.length;
  const word = random.int(3) === 0 ? random.pick(badTexts) : random.pick(words.length === 0 ? badTexts : words);
  const lines = text.split('\n');
  const line = random.int(lines.length);
  switch (random.int(8)) {
    case 0:
      return bytesOf(text.slice(0, at) + word + text.slice(end));
    case 1:
      return bytesOf(text.slice(0, at) + word + text.slice(at));
    case 2:
      return bytesOf(text.slice(0, at) + text.slice(end));
    case 3:
      return bytesOf(
        text.slice(0, at) + text.slice(at, end).repeat(1 + random.int(random.pick([3, 100, 2_000]))) + text.slice(end),
      );
    case 4:
      return bytesOf(lines.toSpliced(line, 1).join('\n'));
    case 5:
      return bytesOf(
        lines.toSpliced(line, 0, ...Array.from({ length: 1 + random.int(20) }, () => lines[line] ?? '')).join('\n'),
      );
    case 6:
      return bytesOf(
        lines.toSpliced(line, 1, random.pick(Buffer.from(random.pick(seeds)).toString('utf8').split('\n'))).join('\n'),
      );
    default:
      return bytesOf(
        text.slice(0, at) + String(random.pick(boundaries) * (random.int(2) === 0 ? 1n : -1n)) + text.slice(end),
      );
  }
}

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
