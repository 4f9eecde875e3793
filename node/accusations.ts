// Evidence that waits for its block [A5]: what this node's replica found and what other validators passed on. Bounded,
// because there is one a validator and epoch, and of two epochs at most.
import type { EvidenceProblem } from './execution/accusation.ts';
import type { Evidence } from './ledger/evidence.ts';

export interface AccusationsParts {
  /** Why it may not stand in the next block, or undefined. */
  problem(evidence: Evidence): EvidenceProblem | undefined;
  /** To all other validators. */
  announce(evidence: Evidence): void;
  /** After something new waits. */
  changed(): void;
}

export class Accusations {
  readonly #parts: AccusationsParts;
  readonly #waiting = new Map<string, Evidence>();
  /** Of those that drive timers: primaries that had been replaced when it came. */
  readonly #driving = new Map<string, number>();
  #replaced = 0;

  constructor(parts: AccusationsParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** In the order in which they came. */
  values(): Iterable<Evidence> {
    return this.#waiting.values();
  }

  /** False when it proves nothing, which no honest validator passes on. */
  take(evidence: Evidence): boolean {
    const key = keyOf(evidence);
    if (this.#waiting.has(key)) return true;
    const problem = this.#parts.problem(evidence);
    if (problem !== undefined) return problem.code !== 'unproven';
    this.#waiting.set(key, evidence);
    this.#driving.set(key, this.#replaced);
    this.#parts.announce(evidence);
    this.#parts.changed();
    return true;
  }

  /** What waits longest and still counts for timers [A6]. */
  oldest(): string | undefined {
    for (const key of this.#driving.keys()) return key;
    return undefined;
  }

  /** After a commit: drops what may stand in no block any more. */
  recheck(): void {
    for (const [key, evidence] of this.#waiting) {
      if (this.#parts.problem(evidence) === undefined) continue;
      this.#waiting.delete(key);
      this.#driving.delete(key);
    }
  }

  /** A primary was replaced. What `primaries` of them in a row left out drives timers no more, and may still land. */
  leftOut(primaries: number): void {
    this.#replaced += 1;
    for (const [key, replaced] of this.#driving) if (this.#replaced - replaced >= primaries) this.#driving.delete(key);
  }

  repeat(): void {
    for (const evidence of this.#waiting.values()) this.#parts.announce(evidence);
  }
}

function keyOf({ epoch, validator }: Evidence): string {
  return `evidence ${epoch}/${validator}`;
}
