// How far an audit has come, in a file, so that one that was stopped or killed goes on. What is in it is believed of
// nothing: the blocks up to its height are read again, and the state must be the one that the header there names. All
// that it says by itself is that signatures and execution up to there were judged, by this version, in this mode.
import { createHash } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { DecodeError } from '../ledger/codec.ts';
import { type Digest, equalBytes, hashBytes } from '../ledger/hash.ts';
import { digest } from '../ledger/identifiers.ts';
import { bytes, decodeAs, encodeAs, list, oneOf, record, text, uint } from '../ledger/schema.ts';

const title = Buffer.from('daybook audit resume v1\n', 'latin1');
const recordBytesMax = 1_048_576;
const frameRecordsMax = 65_536;
/** Frames are closed when they pass this. */
const frameBytes = 1_048_576;
const frameBytesMax = 4 * frameBytes;

export type AuditMode = 'whole' | 'fast';

export interface ResumePoint {
  /** Of this program: another one may judge otherwise. */
  readonly version: string;
  readonly mode: AuditMode;
  readonly chainId: Digest;
  /** Of the last block that was judged, and the digest of its header. */
  readonly height: number;
  readonly digest: Digest;
  /** Entries up to and with that header. */
  readonly logSize: number;
}

const pointSchema = record({
  version: text(1, 40),
  mode: oneOf(['whole', 'fast']),
  chainId: digest,
  height: uint,
  digest,
  logSize: uint,
});
const recordsSchema = list(
  record({ path: bytes(1, recordBytesMax), value: bytes(0, recordBytesMax) }),
  1,
  frameRecordsMax,
);

export type StateRecords = Iterable<readonly [path: string, value: Uint8Array]>;

export interface Resumed {
  readonly point: ResumePoint;
  readonly records: ReadonlyMap<string, Uint8Array>;
}

/** The file is not this audit's: it is left alone. */
export class ForeignResumeError extends Error {
  override name = 'ForeignResumeError';
}

/** The file is one of ours and of no use: the audit begins at genesis. */
export class UnusableResumeError extends Error {
  override name = 'UnusableResumeError';
}

/** Durable and whole under its name, or not there: the former file stands until then. */
export function writeResume(file: string, point: ResumePoint, records: StateRecords): void {
  const half = `${file}.part`;
  const to = openSync(half, 'w', 0o600);
  try {
    const sum = createHash('sha256');
    const put = (part: Uint8Array): void => {
      sum.update(part);
      for (let at = 0; at < part.length; ) at += writeSync(to, part, at);
    };
    put(title);
    put(frameOf(encodeAs(pointSchema, point)));
    for (const frame of framesOf(records)) put(frameOf(frame));
    put(frameOf(new Uint8Array(0)));
    const end = sum.digest();
    for (let at = 0; at < end.length; ) at += writeSync(to, end, at);
    fsyncSync(to);
  } catch (error) {
    closeSync(to);
    rmSync(half, { force: true });
    throw error;
  }
  closeSync(to);
  renameSync(half, file);
}

/** Undefined where there is no file. Throws ForeignResumeError and UnusableResumeError. */
export function readResume(file: string, version: string, mode: AuditMode): Resumed | undefined {
  if (!existsSync(file)) return undefined;
  const from = openSync(file, 'r');
  try {
    return readWhole(new Frames(from, file), file, version, mode);
  } catch (error) {
    if (error instanceof DecodeError) throw new UnusableResumeError(`${file} is damaged (${error.message})`);
    throw error;
  } finally {
    closeSync(from);
  }
}

export function removeResume(file: string): void {
  rmSync(file, { force: true });
}

function readWhole(frames: Frames, file: string, version: string, mode: AuditMode): Resumed {
  const point = decodeAs(pointSchema, frames.next() ?? new Uint8Array(0));
  const records = new Map<string, Uint8Array>();
  for (let frame = frames.next(); frame !== undefined; frame = frames.next())
    for (const { path, value } of decodeAs(recordsSchema, frame))
      records.set(Buffer.from(path).toString('utf8'), value);
  frames.end();
  if (point.mode !== mode)
    throw new ForeignResumeError(`${file} belongs to an audit ${point.mode === 'fast' ? 'with' : 'without'} --fast`);
  if (point.version !== version)
    throw new UnusableResumeError(`${file} is of version ${point.version} of this program`);
  return { point, records };
}

/** Lengths and their bytes from a file, summed up as they are read. */
class Frames {
  readonly #from: number;
  readonly #sum = createHash('sha256');

  constructor(from: number, file: string) {
    this.#from = from;
    const head = Buffer.alloc(title.length);
    const length = readSync(from, head, 0, title.length, null);
    // An empty file is what a full disk leaves behind.
    if (length === 0) throw new UnusableResumeError(`${file} is empty`);
    if (!head.equals(title)) throw new ForeignResumeError(`${file} is no file of an audit to go on with`);
    this.#sum.update(title);
  }

  /** Undefined after the last one. Throws DecodeError. */
  next(): Uint8Array | undefined {
    const head = this.#read(4);
    this.#sum.update(head);
    const length = new DataView(head.buffer).getUint32(0);
    if (length === 0) return undefined;
    if (length > frameBytesMax) throw new DecodeError(`a part of ${length} bytes`);
    const frame = this.#read(length);
    this.#sum.update(frame);
    return frame;
  }

  /** Throws DecodeError. */
  end(): void {
    const wanted = this.#sum.digest();
    if (!equalBytes(this.#read(hashBytes), wanted)) throw new DecodeError('its sum is another one');
    if (readSync(this.#from, new Uint8Array(1), 0, 1, null) !== 0) throw new DecodeError('bytes after its end');
  }

  #read(length: number): Uint8Array<ArrayBuffer> {
    const part = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const count = readSync(this.#from, part, at, length - at, null);
      if (count === 0) throw new DecodeError('it ends early');
      at += count;
    }
    return part;
  }
}

function frameOf(content: Uint8Array): Uint8Array {
  const frame = new Uint8Array(4 + content.length);
  new DataView(frame.buffer).setUint32(0, content.length);
  frame.set(content, 4);
  return frame;
}

function* framesOf(records: StateRecords): Generator<Uint8Array> {
  let frame: { path: Uint8Array; value: Uint8Array }[] = [];
  let length = 0;
  for (const [name, value] of records) {
    const path = new Uint8Array(Buffer.from(name, 'utf8'));
    frame.push({ path, value });
    length += path.length + value.length;
    if (length < frameBytes && frame.length < frameRecordsMax) continue;
    yield encodeAs(recordsSchema, frame);
    [frame, length] = [[], 0];
  }
  if (frame.length > 0) yield encodeAs(recordsSchema, frame);
}
