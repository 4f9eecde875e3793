// Where a state record lies: its path in the store, its key in the state tree and the hash of its value there.
import { assert } from '../ledger/assert.ts';
import { encode } from '../ledger/codec.ts';
import { sha256, taggedHash } from '../ledger/hash.ts';
import type { StatePath } from '../store/store.ts';

export interface StateParts {
  readonly contract: string;
  readonly collection: string;
  /** Any text; it may hold a '/'. */
  readonly key: string;
}

export function statePath(contract: string, collection: string, key: string): StatePath {
  return `${contract}/${collection}/${key}`;
}

/** For bytes from outside, before anything takes them for a path. */
export function isStatePath(text: string): text is StatePath {
  const first = text.indexOf('/');
  return first > 0 && text.indexOf('/', first + 1) > first + 1;
}

export function statePartsOf(path: StatePath): StateParts {
  const first = path.indexOf('/');
  const second = path.indexOf('/', first + 1);
  assert(first > 0 && second > first + 1, `no state path: ${path}`);
  return { contract: path.slice(0, first), collection: path.slice(first + 1, second), key: path.slice(second + 1) };
}

export function stateKey(path: StatePath): Uint8Array {
  const { contract, collection, key } = statePartsOf(path);
  return taggedHash('daybook/state/v1', encode([contract, collection, key]));
}

export function stateValueHash(value: Uint8Array): Uint8Array {
  return sha256(value);
}
