// What the preloaded disk shim recorded: calls in their order, and marks that the traced process put between them.
import { openSync, readFileSync, writeSync } from 'node:fs';

/** Layout: struct record in shim/disk.c. */
const headBytes = 24;

export type DiskCall =
  /** `durable`: through a descriptor opened with O_DSYNC, so it was on the disk when the call returned. */
  | { readonly type: 'write'; readonly at: number; readonly data: Uint8Array; readonly durable: boolean }
  | { readonly type: 'sync'; readonly failed: boolean }
  | { readonly type: 'truncate'; readonly size: number }
  | { readonly type: 'mark'; readonly text: string };

export function readDiskTrace(file: string): DiskCall[] {
  const bytes = readFileSync(file);
  const calls: DiskCall[] = [];
  for (let at = 0; at < bytes.length; ) {
    const kind = String.fromCharCode(bytes[at] ?? 0);
    const offset = Number(bytes.readBigUInt64LE(at + 8));
    const length = Number(bytes.readBigUInt64LE(at + 16));
    at += headBytes;
    if (at + length > bytes.length) throw new Error(`the trace ends inside a record of ${length} bytes`);
    calls.push(callOf(kind, offset, bytes.subarray(at, at + length)));
    at += length;
  }
  return calls;
}

function callOf(kind: string, offset: number, data: Buffer): DiskCall {
  switch (kind) {
    case 'W':
    case 'D':
      return { type: 'write', at: offset, data, durable: kind === 'D' };
    case 'S':
    case 'F':
      return { type: 'sync', failed: kind === 'F' };
    case 'T':
      return { type: 'truncate', size: offset };
    case 'M':
      return { type: 'mark', text: data.toString() };
    default:
      throw new Error(`no record of kind ${kind}`);
  }
}

/** Puts marks into the trace of this process; each stands after every call that returned before it. */
export function traceMarker(file: string): (text: string) => void {
  const descriptor = openSync(file, 'a');
  return (text) => {
    const data = Buffer.from(text);
    const record = Buffer.alloc(headBytes + data.length);
    record.write('M');
    record.writeBigUInt64LE(BigInt(data.length), 16);
    data.copy(record, headBytes);
    if (writeSync(descriptor, record) !== record.length) throw new Error('a mark was cut off');
  };
}
