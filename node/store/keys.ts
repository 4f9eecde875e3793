// Keys of every stored record, and the sum that each value carries. One prefix byte a table, numbers big endian so that
// keys sort by height and index. LMDB has no checksums and returns flipped bytes silently, hence the sums.
import { type Digest, digestBytes, sha256Latin1, toHex } from '../ledger/hash.ts';
import type { PartPlace, StatePath } from './store.ts';
import { DamagedRow, StoreError } from './store.ts';

export const tables = {
  identity: 0x01,
  head: 0x02,
  session: 0x03,
  vote: 0x04,
  base: 0x05,
  cosigned: 0x06,
  divergence: 0x07,
  entry: 0x10,
  node: 0x11,
  block: 0x12,
  certificate: 0x13,
  transaction: 0x14,
  reference: 0x15,
  checkpoint: 0x16,
  claim: 0x17,
  starts: 0x18,
  state: 0x20,
  body: 0x30,
  staged: 0x40,
  offered: 0x41,
} as const;
export type Table = keyof typeof tables;

/** A table of one row. */
export function singleKey(
  table: 'identity' | 'head' | 'session' | 'vote' | 'base' | 'cosigned' | 'divergence',
): Buffer {
  return Buffer.of(tables[table]);
}

export function numberKey(table: 'entry' | 'block' | 'certificate' | 'checkpoint', number: number): Buffer {
  const key = Buffer.allocUnsafe(9);
  key[0] = tables[table];
  writeUint64(key, 1, number);
  return key;
}

export function nodeKey(level: number, index: number): Buffer {
  const key = Buffer.allocUnsafe(10);
  key[0] = tables.node;
  key[1] = level;
  writeUint64(key, 2, index);
  return key;
}

const partKinds = ['manifest', 'piece', 'block'] as const;

export function partKey({ area, height, kind, first, second }: PartPlace): Buffer {
  const key = Buffer.allocUnsafe(26);
  key[0] = tables[area];
  writeUint64(key, 1, height);
  key[9] = partKinds.indexOf(kind);
  writeUint64(key, 10, first);
  writeUint64(key, 18, second);
  return key;
}

/** Between the first key of an area and the first after it, or of one height in it. */
export function partRange(area: PartPlace['area'], height?: number): { readonly start: Buffer; readonly end: Buffer } {
  if (height === undefined) return tableRange(area);
  const [start, end] = [Buffer.allocUnsafe(9), Buffer.allocUnsafe(9)];
  for (const [key, at] of [
    [start, height],
    [end, height + 1],
  ] as const) {
    key[0] = tables[area];
    writeUint64(key, 1, at);
  }
  return { start, end };
}

export function partHeight(key: Uint8Array): number {
  return Number(Buffer.from(key.buffer, key.byteOffset + 1, 8).readBigUInt64BE());
}

export function tableRange(table: Table): { readonly start: Buffer; readonly end: Buffer } {
  return { start: Buffer.of(tables[table]), end: Buffer.of(tables[table] + 1) };
}

export function digestKey(table: 'transaction' | 'body', digest: Digest): Buffer {
  const key = Buffer.allocUnsafe(33);
  key[0] = tables[table];
  key.set(digestBytes(digest), 1);
  return key;
}

export function claimKey(voteKey: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(tables.claim), voteKey]);
}

export function startsKey(voteKey: Uint8Array, last: number): Buffer {
  const key = Buffer.allocUnsafe(1 + voteKey.length + 8);
  key[0] = tables.starts;
  key.set(voteKey, 1);
  writeUint64(key, 1 + voteKey.length, last);
  return key;
}

/** A zero byte stands in neither name, so no two pairs share a key. */
export function referenceKey(member: string, reference: string): Buffer {
  return textKey(tables.reference, `${member}\0${reference}`);
}

export function stateKey(path: StatePath): Buffer {
  return textKey(tables.state, path);
}

export function statePath(key: Uint8Array): StatePath {
  return Buffer.from(key.buffer, key.byteOffset + 1, key.byteLength - 1).toString('utf8');
}

/** The first key after every key that begins with `prefix`. UTF-8 and table numbers never reach 0xff. */
export function endOfPrefix(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  end[end.length - 1] = (end[end.length - 1] ?? 0) + 1;
  return end;
}

/** The first key after `key`. */
export function nextKey(key: Buffer): Buffer {
  return Buffer.concat([key, Buffer.of(0)]);
}

function textKey(prefix: number, text: string): Buffer {
  const key = Buffer.allocUnsafe(1 + Buffer.byteLength(text));
  key[0] = prefix;
  key.write(text, 1);
  return key;
}

function writeUint64(target: Buffer, at: number, value: number): void {
  target.writeUInt32BE(Math.floor(value / 2 ** 32), at);
  target.writeUInt32BE(value % 2 ** 32, at + 4);
}

export const sumBytes = 8;

/** payload || first 8 bytes of SHA-256(key || payload): a value under a wrong key is found too. */
export function seal(key: Buffer, payload: Uint8Array): Buffer {
  const value = Buffer.allocUnsafe(payload.length + sumBytes);
  value.set(payload);
  value.write(sumOf(key, payload), payload.length, 'latin1');
  return value;
}

/** The payload of a stored value; throws StoreError when the sum is wrong. */
export function unseal(key: Buffer, value: Uint8Array): Uint8Array {
  if (value.length < sumBytes) throw damaged(key, 'it is too short');
  if (!isSound(key, value)) throw damaged(key, 'its sum is wrong');
  return value.subarray(0, value.length - sumBytes);
}

export function isSound(key: Buffer, value: Uint8Array): boolean {
  const at = value.length - sumBytes;
  if (at < 0) return false;
  return (
    Buffer.from(value.buffer, value.byteOffset + at, sumBytes).toString('latin1') === sumOf(key, value.subarray(0, at))
  );
}

function sumOf(key: Buffer, payload: Uint8Array): string {
  return sha256Latin1(key, payload).slice(0, sumBytes);
}

/** What a node makes again when it is damaged: the log and all that follows from it. */
const healable: readonly number[] = [
  ...[tables.entry, tables.node, tables.block, tables.certificate, tables.transaction, tables.reference],
  ...[tables.state, tables.body, tables.divergence],
];

/** Every byte counts here, so the message says where, why and what an operator does next. */
export function damaged(key: Uint8Array, why: string): StoreError {
  if (healable.includes(key[0] ?? 0))
    return new DamagedRow(
      `damaged store: ${describeKey(key)}: ${why}. The disk or the memory of this machine returned wrong bytes. The ` +
        'node makes the row again from the log (its own, or that of its peers) and votes no more until it has: check ' +
        'the machine.',
      key[0] === tables.state ? statePath(key) : undefined,
    );
  return beyondRepair(key, why);
}

/** What no node makes again: a record of its own, or any where LMDB cannot read the pages that it lies in. */
export function beyondRepair(key: Uint8Array, why: string): StoreError {
  return new StoreError(
    `damaged store: ${describeKey(key)}: ${why}. The disk or the memory of this machine returned wrong bytes. ` +
      'Keep the node stopped and do not serve this folder; set it aside, check the machine, and let the node rebuild ' +
      'its state from its peers in a new folder. Its vote record is part of the damage: rotate the vote key first.',
  );
}

export function describeKey(key: Uint8Array): string {
  const table = (Object.keys(tables) as Table[]).find((each) => tables[each] === key[0]) ?? 'unknown';
  const rest = Buffer.from(key.buffer, key.byteOffset + 1, Math.max(0, key.byteLength - 1));
  switch (table) {
    case 'entry':
    case 'block':
    case 'certificate':
    case 'checkpoint':
      return rest.length === 8 ? `${table} ${rest.readBigUInt64BE()}` : `${table} ${toHex(rest)}`;
    case 'node':
      return rest.length === 9 ? `node ${rest[0]}/${rest.readBigUInt64BE(1)}` : `node ${toHex(rest)}`;
    case 'reference':
      return `reference ${rest.toString('utf8').replace('\0', ' ')}`;
    case 'state':
      return `state ${rest.toString('utf8')}`;
    case 'transaction':
    case 'body':
    case 'claim':
    case 'starts':
      return `${table} ${toHex(rest)}`;
    case 'unknown':
      return `unknown record ${toHex(key)}`;
    default:
      return `${table} record`;
  }
}
