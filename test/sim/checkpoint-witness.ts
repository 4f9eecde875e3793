// What checkpoints must never be, over all lives of all validators: two roots or two signatures of an honest validator
// for one size, a size below an earlier one, something sent before it was durable, a stable checkpoint of another log.
import { decodeCheckpointMessage } from '../../node/consensus/checkpoint-messages.ts';
import {
  type CosignatureContradiction,
  type CosignedHead,
  contradictionProblem,
  isCosigned,
  type StableCheckpoint,
  stableProblem,
} from '../../node/ledger/cosignature.ts';
import { type Digest, toHex } from '../../node/ledger/hash.ts';
import type { CheckpointChange } from '../../node/store/store.ts';
import type { SimulatedDisk } from './disk.ts';
import type { Epochs } from './epochs.ts';
import { check } from './violation.ts';

interface Sealed {
  readonly height: number;
  readonly root: Digest;
}

export class CheckpointWitness {
  readonly #origin: string;
  readonly #epochs: Epochs;
  /** Size -> the block that ends there. */
  readonly #sealed = new Map<number, Sealed>();
  /** `validator size` -> what it cosigned. */
  readonly #cosigned = new Map<string, CosignedHead>();
  readonly #largest = new Map<number, number>();
  /** Times never step back [K2]. */
  readonly #latest = new Map<number, number>();
  readonly #proven = new Set<string>();

  constructor(origin: string, epochs: Epochs) {
    this.#origin = origin;
    this.#epochs = epochs;
  }

  sealed(height: number, size: number, root: Digest): void {
    this.#sealed.set(size, { height, root });
  }

  /** A frame of an honest validator is about to leave. */
  leaves(who: number, bytes: Uint8Array, disk: SimulatedDisk): void {
    const message = decodeCheckpointMessage(bytes);
    if (message.type === 'stable') return this.#stable(message.checkpoint, `validator ${who} shows`);
    if (message.type === 'wanted') return;
    const { cosigned } = message;
    const what = `validator ${who}'s cosignature of size ${cosigned.size}`;
    const sealed = this.#sealed.get(cosigned.size);
    check(isSame(disk.cosigned(), cosigned), `${what} is durable before it is sent`);
    check(cosigned.root === sealed?.root, `${what} is of the log`);
    // [K3]
    const epoch = this.#epochs.at(sealed.height);
    check(epoch.machines[cosigned.validator] === who, `${what} is its own`);
    check(isCosigned(this.#origin, cosigned, epoch.validators), `${what} is good under the set of its height`);
    const place = `${who} ${cosigned.size}`;
    const known = this.#cosigned.get(place);
    check(known === undefined || isSame(known, cosigned), `${what} has the same bytes in all its lives`);
    check(cosigned.size >= (this.#largest.get(who) ?? 0), `${what} is not below an earlier one`);
    check(cosigned.time >= (this.#latest.get(who) ?? 0), `${what} is not before an earlier one`);
    this.#latest.set(who, cosigned.time);
    this.#cosigned.set(place, cosigned);
    this.#largest.set(who, cosigned.size);
  }

  /** Whoever lost the record of what it signed cosigns nothing, but under a key that it was given since. */
  silent(who: number, bytes: Uint8Array): void {
    const message = decodeCheckpointMessage(bytes);
    if (message.type !== 'cosignature') return;
    const epoch = this.#epochs.at(this.#sealed.get(message.cosigned.size)?.height ?? 0);
    check(this.#epochs.hasOtherKeys(who, epoch.number), `validator ${who} has lost its record and cosigns`);
  }

  /** An honest validator writes. */
  written(who: number, { stable }: CheckpointChange): void {
    for (const each of stable) this.#stable(each, `validator ${who} stores`);
  }

  /** A pair that a node holds against a validator. */
  accused(pair: CosignatureContradiction, canBeGuilty: (machine: number) => boolean): void {
    const { validator } = pair.first;
    const proven = this.#epochs.all.filter(
      ({ validators }) => contradictionProblem(this.#origin, pair, validators) === undefined,
    );
    check(proven.length > 0, 'a contradiction is proven');
    for (const { machines } of proven)
      check(canBeGuilty(machines[validator] ?? -1), `validator ${validator} is honest and has cosigned two logs`);
  }

  #stable(checkpoint: StableCheckpoint, what: string): void {
    const { height, size, root, cosignatures } = checkpoint;
    const name = `${size} ${root} ${cosignatures.map(({ signature }) => toHex(signature)).join()}`;
    if (this.#proven.has(name)) return;
    const sealed = this.#sealed.get(size);
    check(sealed?.height === height && sealed.root === root, `${what} a stable checkpoint of size ${size}`);
    const problem = stableProblem(this.#origin, checkpoint, this.#epochs.at(height).validators);
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
