// What a proof about the state tree consists of, and how its leaves are hashed: ICS23's tendermintSpec with 32-byte
// keys. The tree is in execution, the wire format and the checks in audit; both meet here and share nothing else.

import { assert } from './assert.ts';
import { hashBytes, sha256 } from './hash.ts';

/** A hash next to the way from a leaf to the root. */
export interface StateStep {
  readonly sibling: Uint8Array;
  readonly siblingIsLeft: boolean;
}

/** A leaf's way to the root, from the leaf up. */
export interface StateWay {
  readonly key: Uint8Array;
  readonly steps: readonly StateStep[];
}

/** A key is absent when its neighbours stand side by side; an end of the tree has one, the empty tree none. */
export type StateProof =
  | { readonly present: true; readonly way: StateWay }
  | { readonly present: false; readonly left?: StateWay; readonly right?: StateWay };

const leafPrefix = Uint8Array.of(0x00);
const length32 = Uint8Array.of(0x20);

/** H(00 || 20 || key || 20 || H(value)): each 20 is the length that ICS23's VAR_PROTO puts before what follows. */
export function stateLeafHash(key: Uint8Array, valueHash: Uint8Array): Uint8Array {
  assert(key.length === hashBytes && valueHash.length === hashBytes, 'a state leaf is a 32-byte key and a value hash');
  return sha256(leafPrefix, length32, key, length32, valueHash);
}
