// Refusals before ordering. What a node refuses is on no record and has no receipt: it is that node's word, and one
// that lies may have passed the transaction on. Of f+1 that say the same one is honest [Q1].
import { quorumOf } from '../node/ledger/validators.ts';

/** How many nodes must say something that has no proof, where so many can be asked. */
export function wordsNeeded(validators: number, nodes: number): number {
  return Math.max(1, Math.min(nodes, quorumOf(validators).faulty + 1));
}

export interface Refusal {
  readonly node: string;
  readonly code: string;
}

export class RefusalWords<T extends Refusal> {
  readonly #needed: number;
  readonly #nodes: number;
  readonly #said = new Map<string, T>();
  #last: string | undefined;

  constructor(needed: number, nodes: number) {
    this.#needed = needed;
    this.#nodes = nodes;
  }

  /** What nodes said so far, the latest of each. */
  get said(): readonly T[] {
    return [...this.#said.values()];
  }

  /** A node did not refuse. */
  noteOther(): void {
    this.#last = undefined;
  }

  /** Whether so many say it that one of them is honest, or nobody else is there to say something else. */
  add(refusal: T): 'attested' | 'alone' | undefined {
    const isRepeated = this.#last === refusal.node;
    this.#said.set(refusal.node, refusal);
    this.#last = refusal.node;
    const same = this.said.filter(({ code }) => code === refusal.code).length;
    if (same >= this.#needed) return 'attested';
    return isRepeated || this.#said.size >= this.#nodes ? 'alone' : undefined;
  }
}
