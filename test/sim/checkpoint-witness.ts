// What checkpoints must never be, over all lives of all validators: two roots or two signatures of an honest validator
// for one size, a size below an earlier one, something sent before it was durable, a stable checkpoint of another log.
import { decodeCheckpointMessage } from '../../node/consensus/checkpoint-messages.ts';
import {
  type CosignatureContradiction,
  type CosignedHead,
  contradictionProblem,
  type StableCheckpoint,
  stableProblem,
} from '../../node/ledger/cosignature.ts';
import { type Digest, toHex } from '../../node/ledger/hash.ts';
import type { ValidatorSet } from '../../node/ledger/validators.ts';
import type { CheckpointChange } from '../../node/store/store.ts';
import type { SimulatedDisk } from './disk.ts';
import { check } from './violation.ts';

interface Sealed {
  readonly height: number;
  readonly root: Digest;
}

export class CheckpointWitness {
  readonly #origin: string;
  readonly #set: ValidatorSet;
  /** Size -> the block that ends there. */
  readonly #sealed = new Map<number, Sealed>();
  /** `validator size` -> what it cosigned. */
  readonly #cosigned = new Map<string, CosignedHead>();
  readonly #largest = new Map<number, number>();
  /** Times never step back [K2]. */
  readonly #latest = new Map<number, number>();
  readonly #proven = new Set<string>();

  constructor(origin: string, set: ValidatorSet) {
    this.#origin = origin;
    this.#set = set;
  }

  sealed(height: number, size: number, root: Digest): void {
    this.#sealed.set(size, { height, root });
  }

  /** A frame of an honest validator is about to leave. */
  leaves(who: number, bytes: Uint8Array, disk: SimulatedDisk): void {
    const message = decodeCheckpointMessage(bytes);
    if (message.type === 'stable') return this.#stable(message.checkpoint, `validator ${who} shows`);
    const { cosigned } = message;
    const what = `validator ${who}'s cosignature of size ${cosigned.size}`;
    check(cosigned.validator === who, `${what} is its own`);
    check(isSame(disk.cosigned(), cosigned), `${what} is durable before it is sent`);
    check(cosigned.root === this.#sealed.get(cosigned.size)?.root, `${what} is of the log`);
    const place = `${who} ${cosigned.size}`;
    const known = this.#cosigned.get(place);
    check(known === undefined || isSame(known, cosigned), `${what} has the same bytes in all its lives`);
    check(cosigned.size >= (this.#largest.get(who) ?? 0), `${what} is not below an earlier one`);
    check(cosigned.time >= (this.#latest.get(who) ?? 0), `${what} is not before an earlier one`);
    this.#latest.set(who, cosigned.time);
    this.#cosigned.set(place, cosigned);
    this.#largest.set(who, cosigned.size);
  }

  /** Whoever lost the record of what it signed cosigns nothing. */
  silent(who: number, bytes: Uint8Array): void {
    const message = decodeCheckpointMessage(bytes);
    check(message.type === 'stable', `validator ${who} has lost its record and cosigns`);
  }

  /** An honest validator writes. */
  written(who: number, { stable }: CheckpointChange): void {
    for (const each of stable) this.#stable(each, `validator ${who} stores`);
  }

  /** A pair that a node holds against a validator. */
  accused(pair: CosignatureContradiction, isHonest: boolean): void {
    check(contradictionProblem(this.#origin, pair, this.#set) === undefined, 'a contradiction is proven');
    check(!isHonest, `validator ${pair.first.validator} is honest and has cosigned two logs`);
  }

  #stable(checkpoint: StableCheckpoint, what: string): void {
    const { height, size, root, cosignatures } = checkpoint;
    const name = `${size} ${root} ${cosignatures.map(({ signature }) => toHex(signature)).join()}`;
    if (this.#proven.has(name)) return;
    const sealed = this.#sealed.get(size);
    check(sealed?.height === height && sealed.root === root, `${what} a stable checkpoint of size ${size}`);
    const problem = stableProblem(this.#origin, checkpoint, this.#set);
    check(problem === undefined, `${what} a checkpoint of size ${size}: ${problem}`);
    this.#proven.add(name);
  }
}

function isSame(a: CosignedHead | undefined, b: CosignedHead): boolean {
  return (
    a !== undefined &&
    a.size === b.size &&
    a.root === b.root &&
    a.time === b.time &&
    toHex(a.signature) === toHex(b.signature)
  );
}
