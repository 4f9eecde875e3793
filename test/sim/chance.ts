// Chance from a seed: one stream for each part of the simulation, so that a draw more in one part moves no other part.
import { createHash } from 'node:crypto';
import { type Prng, prng } from '../_prng.ts';

export class Chance {
  readonly #prng: Prng;

  /** `name` tells the part. */
  constructor(seed: number, name: string) {
    const digest = createHash('sha256').update(`${seed}/${name}`).digest();
    this.#prng = prng(digest.readUIntBE(0, 6));
  }

  /** A whole number from 0 to below - 1. */
  int(below: number): number {
    return this.#prng.int(below);
  }

  /** A whole number, both ends included. */
  between(min: number, max: number): number {
    return min + this.#prng.int(max - min + 1);
  }

  /** True with this probability. */
  hits(probability: number): boolean {
    return this.#prng.next() < probability * 2 ** 32;
  }

  pick<T>(items: readonly T[]): T {
    return this.#prng.pick(items);
  }

  /** So many of them, in an order of chance. */
  some<T>(items: readonly T[], count: number): T[] {
    const left = [...items];
    const chosen: T[] = [];
    while (chosen.length < count && left.length > 0) chosen.push(...left.splice(this.int(left.length), 1));
    return chosen;
  }

  /** Around `mean`, at least 1, mostly short and at times long; without transcendental functions, which differ. */
  waiting(mean: number): number {
    const spread = [0.1, 0.3, 0.5, 0.8, 1, 1.2, 1.8, 3];
    return Math.max(1, Math.round(mean * this.pick(spread)));
  }

  bytes(length: number): Uint8Array {
    if (length <= 64) return this.#prng.bytes(length);
    return Uint8Array.from(Buffer.alloc(length, this.#prng.bytes(61)));
  }
}
