// Proofs about the state after the last block, for whoever may read it. A proof of absence needs the records beside the
// gap, which the store finds by path and the tree by hash: they are looked for in slices, between other work.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DivergedRecord } from './execution/diverged-record.ts';
import { stateKey } from './execution/state-path.ts';
import type { StateTree } from './execution/state-tree.ts';
import { assert } from './ledger/assert.ts';
import { toHex } from './ledger/hash.ts';
import { encodeStateProof } from './ledger/ics23.ts';
import type { Head, StatePath, Store } from './store/store.ts';

export interface ProverParts {
  readonly store: Pick<Store, 'get' | 'stateView' | 'head'>;
  now(): { readonly head: Head; readonly tree: StateTree };
}

export interface ProvenState {
  /** Of the block after which it holds. */
  readonly height: number;
  readonly isPresent: boolean;
  /** ICS23. */
  readonly proof: Uint8Array;
}

/** A search reads every record, so few run at once. */
const searchesMax = 2;
const recordsPerSlice = 512;

export class StateProver {
  readonly #parts: ProverParts;
  #searches = 0;

  constructor(parts: ProverParts) {
    this.#parts = parts;
  }

  /** Undefined where too many ask for absences at once. */
  async prove(path: StatePath): Promise<ProvenState | undefined> {
    const { store } = this.#parts;
    const { head, tree } = this.#parts.now();
    assert(store.head().height === head.height, 'the tree is that of the last block in the store');
    const key = stateKey(path);
    const proof = tree.prove(key);
    if (proof.present) {
      const record = store.get(path);
      if (record === undefined) throw new DivergedRecord(`state record ${path} is missing`, path); // [R4]
      return { height: head.height, isPresent: true, proof: encodeStateProof(proof, key, () => record) };
    }
    if (this.#searches >= searchesMax) return undefined;
    this.#searches++;
    try {
      const ways = [proof.left, proof.right].flatMap((way) => (way === undefined ? [] : [way.key]));
      const records = await this.#recordsUnder(new Set(ways.map(toHex)));
      const recordOf = (under: Uint8Array): Uint8Array => {
        const record = records.get(toHex(under));
        if (record === undefined) throw new DivergedRecord('a state record that the tree holds is missing'); // [R4]
        return record;
      };
      return { height: head.height, isPresent: false, proof: encodeStateProof(proof, key, recordOf) };
    } finally {
      this.#searches--;
    }
  }

  /** The view is of the moment of the call, like the tree. */
  async #recordsUnder(wanted: ReadonlySet<string>): Promise<ReadonlyMap<string, Uint8Array>> {
    const found = new Map<string, Uint8Array>();
    const view = this.#parts.store.stateView();
    try {
      while (found.size < wanted.size) {
        const records = view.next(recordsPerSlice);
        if (records.length === 0) break;
        for (const [path, record] of records) {
          const key = toHex(stateKey(path));
          if (wanted.has(key)) found.set(key, record);
        }
        await nextTurn();
      }
    } finally {
      view.close();
    }
    return found;
  }
}
