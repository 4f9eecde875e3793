// Writes that lie over the stored state, in layers: a transaction's over its block's. A layer is merged into the one
// below or dropped. Records stay decoded here, so that an account that a block touches often is decoded and encoded
// once.
import type { Collection, StateReader, StateWriter } from '../../contracts/contract.ts';
import { InvariantError } from '../ledger/assert.ts';
import { DecodeError, encode, type Value } from '../ledger/codec.ts';
import { decodeAs, type Schema } from '../ledger/schema.ts';
import type { StatePath, StateStore } from '../store/store.ts';
import { statePath } from './state-path.ts';

/** A record as it will be; `undefined` removes it. */
type Written = { readonly value: unknown; readonly wire: Value; readonly schema: Schema<unknown> } | undefined;

/** Some 80,000 accounts, or 1,000 proposals of the largest kind, which take a hundred megabytes decoded. */
const recordBytesMax = 16_777_216;
/** What a record costs beside its own bytes. */
const pathBytes = 64;

interface Decoded {
  /** Undefined where the store has no record. */
  readonly value: unknown;
  /** Its encoded length, or about that. */
  readonly bytes: number;
}

/**
 * Records of the store at one height, decoded. They may serve block after block, if each block that is stored is handed
 * over. Forgetting any of it costs time and nothing else.
 */
export class DecodedRecords {
  readonly #records = new Map<StatePath, Decoded>();
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number = recordBytesMax) {
    this.#bytesMax = bytesMax;
  }

  get(path: StatePath): Decoded | undefined {
    return this.#records.get(path);
  }

  set(path: StatePath, value: unknown, bytes: number): void {
    const former = this.#records.get(path);
    this.#bytes += bytes - (former === undefined ? -pathBytes : former.bytes);
    if (this.#bytes > this.#bytesMax) {
      this.#records.clear();
      this.#bytes = pathBytes + bytes;
    }
    this.#records.set(path, { value, bytes });
  }
}

export class Overlay {
  readonly #below: Overlay | StateStore;
  readonly #written = new Map<StatePath, Written>();
  /** Of the lowest layer alone. */
  readonly #decoded: DecodedRecords | undefined;

  constructor(below: Overlay | StateStore, decoded?: DecodedRecords) {
    this.#below = below;
    this.#decoded = below instanceof Overlay ? undefined : (decoded ?? new DecodedRecords());
  }

  read<T>(path: StatePath, schema: Schema<T>): T | undefined {
    const written = this.#written.get(path);
    if (written !== undefined) return written.value as T;
    if (this.#written.has(path)) return undefined;
    if (this.#below instanceof Overlay) return this.#below.read(path, schema);
    const known = this.#decoded?.get(path);
    if (known !== undefined) return known.value as T | undefined;
    const bytes = this.#below.get(path);
    const value = bytes === undefined ? undefined : stored(path, schema, bytes);
    this.#decoded?.set(path, value, bytes?.length ?? 0);
    return value;
  }

  /** A value that its schema does not take throws here, while the operation can still be dropped. */
  write<T>(path: StatePath, schema: Schema<T>, value: T): void {
    this.#written.set(path, { value, wire: schema.write(value), schema });
  }

  remove(path: StatePath): void {
    this.#written.set(path, undefined);
  }

  /** Hands this layer's writes to the layer below. */
  merge(): void {
    if (!(this.#below instanceof Overlay))
      throw new InvariantError('the lowest layer goes to the store with its block');
    for (const [path, written] of this.#written) this.#below.#written.set(path, written);
  }

  /**
   * After the block is stored: the next one finds what this one wrote, each record as it reads from the store. A value
   * as a contract wrote it might hold more than its schema keeps, and a node that starts again would not see that.
   */
  handOver(records: DecodedRecords): void {
    for (const [path, written] of this.#written) {
      if (written === undefined) records.set(path, undefined, 0);
      else records.set(path, written.schema.read(asDecoded(written.wire)), lengthOf(written.wire));
    }
  }

  /** Final writes, in the order in which their paths were first written. What was never stored is not deleted. */
  writes(): (readonly [StatePath, Uint8Array | undefined])[] {
    const writes: (readonly [StatePath, Uint8Array | undefined])[] = [];
    for (const [path, written] of this.#written) {
      if (written !== undefined) writes.push([path, encode(written.wire)]);
      else if (this.#below instanceof Overlay || this.#below.get(path) !== undefined) writes.push([path, undefined]);
    }
    return writes;
  }
}

/** A wire value as decoding its bytes gives it: integers that a number holds are numbers. */
function asDecoded(wire: Value): Value {
  if (typeof wire === 'bigint') return Number.isSafeInteger(Number(wire)) ? Number(wire) : wire;
  return Array.isArray(wire) ? (wire as readonly Value[]).map(asDecoded) : wire;
}

/** About as many bytes as the encoding has. */
function lengthOf(wire: Value): number {
  if (typeof wire === 'string' || wire instanceof Uint8Array) return wire.length + 1;
  if (!Array.isArray(wire)) return 9;
  return (wire as readonly Value[]).reduce<number>((sum, item) => sum + lengthOf(item), 1);
}

function stored<T>(path: StatePath, schema: Schema<T>, bytes: Uint8Array): T {
  try {
    return decodeAs(schema, bytes);
  } catch (error) {
    // The store checks its records, so this is ours: no outcome may depend on it.
    if (error instanceof DecodeError) throw new InvariantError(`state record ${path}: ${error.message}`);
    throw error;
  }
}

/** One contract's view of the state. */
export function readerOf(state: Overlay, contract: string): StateReader {
  return {
    read: <T>({ name, schema }: Collection<T>, key: string) => state.read(statePath(contract, name, key), schema),
  };
}

export function writerOf(state: Overlay, contract: string): StateWriter {
  return {
    ...readerOf(state, contract),
    write: <T>({ name, schema }: Collection<T>, key: string, value: T) =>
      state.write(statePath(contract, name, key), schema, value),
    remove: <T>({ name }: Collection<T>, key: string) => state.remove(statePath(contract, name, key)),
  };
}
