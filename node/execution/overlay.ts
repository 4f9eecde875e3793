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
type Written = { readonly value: unknown; readonly wire: Value } | undefined;

export class Overlay {
  readonly #below: Overlay | StateStore;
  readonly #written = new Map<StatePath, Written>();
  /** What was decoded from the store; only the lowest layer has any. It lives as long as one block is worked on. */
  readonly #decoded = new Map<StatePath, unknown>();

  constructor(below: Overlay | StateStore) {
    this.#below = below;
  }

  read<T>(path: StatePath, schema: Schema<T>): T | undefined {
    const written = this.#written.get(path);
    if (written !== undefined) return written.value as T;
    if (this.#written.has(path)) return undefined;
    if (this.#below instanceof Overlay) return this.#below.read(path, schema);
    if (this.#decoded.has(path)) return this.#decoded.get(path) as T | undefined;
    const bytes = this.#below.get(path);
    const value = bytes === undefined ? undefined : stored(path, schema, bytes);
    this.#decoded.set(path, value);
    return value;
  }

  /** A value that its schema does not take throws here, while the operation can still be dropped. */
  write<T>(path: StatePath, schema: Schema<T>, value: T): void {
    this.#written.set(path, { value, wire: schema.write(value) });
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
