// The only holder of the audit key. It remembers the last tree head that it cosigned and refuses what would contradict
// it, so that no bug above it can make this validator vouch for two logs [K2].
import { assert } from '../ledger/assert.ts';
import type { TreeHead } from '../ledger/checkpoint.ts';
import { type CosignedHead, cosignatureMessage } from '../ledger/cosignature.ts';

export class Cosigner {
  readonly #origin: string;
  readonly #sign: (message: Uint8Array) => Uint8Array;
  #last: CosignedHead | undefined;

  /** `sign` is Ed25519 with the audit key. `last` is what the store holds of what this key has cosigned. */
  constructor(origin: string, last: CosignedHead | undefined, sign: (message: Uint8Array) => Uint8Array) {
    this.#origin = origin;
    this.#last = last;
    this.#sign = sign;
  }

  get last(): CosignedHead | undefined {
    return this.#last;
  }

  /** `nowSeconds` is the clock's; times never step back. The same head again gives the same bytes. */
  cosign({ size, root }: TreeHead, validator: number, nowSeconds: number): CosignedHead {
    const last = this.#last;
    assert(size > 0, 'no checkpoint of size 0');
    if (last !== undefined) {
      assert(size >= last.size, `no checkpoint of size ${size} after one of size ${last.size}`);
      assert(size > last.size || root === last.root, `one root for size ${size}`);
      if (size === last.size) return last;
    }
    const time = Math.max(nowSeconds, last?.time ?? 0);
    const signature = this.#sign(cosignatureMessage({ origin: this.#origin, size, root }, time));
    this.#last = { size, root, validator, time, signature };
    return this.#last;
  }
}
