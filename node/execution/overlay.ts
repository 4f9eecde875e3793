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

const recordsMax = 65_536;

/**
 * Records of the store at one height, decoded; `undefined` where there is none. They may serve block after block, if
 * each block that is stored is handed over. Forgetting any of it costs time and nothing else.
 */
export class DecodedRecords {
  readonly #values = new Map<StatePath, unknown>();

  has(path: StatePath): boolean {
    return this.#values.has(path);
  }

  get(path: StatePath): unknown {
    return this.#values.get(path);
  }

  set(path: StatePath, value: unknown): void {
    if (this.#values.size >= recordsMax) this.#values.clear();
    this.#values.set(path, value);
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
    if (known !== undefined) return known as T;
    if (this.#decoded?.has(path)) return undefined;
    const bytes = this.#below.get(path);
    const value = bytes === undefined ? undefined : stored(path, schema, bytes);
    this.#decoded?.set(path, value);
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
    for (const [path, written] of this.#written) records.set(path, written?.schema.read(asDecoded(written.wire)));
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
