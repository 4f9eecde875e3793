// CBOR as a tree that can be broken: what a strict codec refuses can be built with it, too. Lengths may lie, heads may
// be longer than needed, and bytes that are CBOR themselves are opened.

export type CborNode =
  | { kind: 'integer'; negative: boolean; value: bigint; width?: number }
  | { kind: 'string'; isText: boolean; bytes: Uint8Array; inner?: CborNode; claim?: bigint }
  | { kind: 'array'; items: CborNode[]; claim?: bigint }
  /** Any bytes in the place of an item: tags, maps, floats, breaks. */
  | { kind: 'raw'; bytes: Uint8Array };

const depthMax = 24;

/** The whole of `bytes` as one item, or undefined. */
export function parseCbor(bytes: Uint8Array, depth = 0): CborNode | undefined {
  const read = readItem(bytes, 0, depth);
  return read !== undefined && read.end === bytes.length ? read.node : undefined;
}

function readItem(bytes: Uint8Array, at: number, depth: number): { node: CborNode; end: number } | undefined {
  const head = readHead(bytes, at);
  if (head === undefined || depth > depthMax) return undefined;
  const { major, value, end } = head;
  if (major <= 1) return { node: { kind: 'integer', negative: major === 1, value }, end };
  if (major <= 3) {
    const past = end + Number(value);
    if (past > bytes.length) return undefined;
    const content = bytes.slice(end, past);
    const inner = content.length > 1 && major === 2 ? parseCbor(content, depth + 1) : undefined;
    const node: CborNode = { kind: 'string', isText: major === 3, bytes: content };
    if (inner?.kind === 'array') node.inner = inner;
    return { node, end: past };
  }
  if (major !== 4 || value > 100_000n) return undefined;
  const items: CborNode[] = [];
  let next = end;
  for (let i = 0; i < Number(value); i++) {
    const item = readItem(bytes, next, depth + 1);
    if (item === undefined) return undefined;
    items.push(item.node);
    next = item.end;
  }
  return { node: { kind: 'array', items }, end: next };
}

function readHead(bytes: Uint8Array, at: number): { major: number; value: bigint; end: number } | undefined {
  const first = bytes[at];
  if (first === undefined) return undefined;
  const [major, info] = [first >> 5, first & 31];
  if (info < 24) return { major, value: BigInt(info), end: at + 1 };
  if (info > 27) return undefined;
  const length = 2 ** (info - 24);
  if (at + 1 + length > bytes.length) return undefined;
  let value = 0n;
  for (let i = 0; i < length; i++) value = value * 256n + BigInt(bytes[at + 1 + i] ?? 0);
  return { major, value, end: at + 1 + length };
}

export function formatCbor(node: CborNode): Uint8Array {
  return new Uint8Array(Buffer.concat(partsOf(node)));
}

function partsOf(node: CborNode): Uint8Array[] {
  switch (node.kind) {
    case 'raw':
      return [node.bytes];
    case 'integer':
      return [headOf(node.negative ? 1 : 0, node.value, node.width)];
    case 'array':
      return [headOf(4, node.claim ?? BigInt(node.items.length)), ...node.items.flatMap(partsOf)];
    case 'string': {
      const content = node.inner === undefined ? node.bytes : formatCbor(node.inner);
      return [headOf(node.isText ? 3 : 2, node.claim ?? BigInt(content.length)), content];
    }
  }
}

/** `width`: bytes after the first, at least; 0, 1, 2, 4 or 8. */
export function headOf(major: number, value: bigint, width = 0): Uint8Array {
  const needed = value < 24n ? 0 : value < 256n ? 1 : value < 65_536n ? 2 : value < 2n ** 32n ? 4 : 8;
  const length = Math.max(needed, width);
  const head = Buffer.alloc(1 + length);
  head[0] = major * 32 + (length === 0 ? Number(value) : 24 + Math.log2(length));
  let rest = BigInt.asUintN(64, value);
  for (let at = length; at > 0; at--) {
    head[at] = Number(rest & 255n);
    rest >>= 8n;
  }
  return head;
}

/** Every node below and this one; of a string that holds CBOR its content too. */
export function nodesOf(node: CborNode): CborNode[] {
  if (node.kind === 'array') return [node, ...node.items.flatMap(nodesOf)];
  if (node.kind === 'string' && node.inner !== undefined) return [node, ...nodesOf(node.inner)];
  return [node];
}

export function copyOf(node: CborNode): CborNode {
  if (node.kind === 'array') return { ...node, items: node.items.map(copyOf) };
  if (node.kind === 'string' && node.inner !== undefined) return { ...node, inner: copyOf(node.inner) };
  return { ...node };
}
