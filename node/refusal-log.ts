// What the log says of messages that were refused: once a second and peer at most, for a flood of bad messages must not
// fill the disk with what is said of it. What comes late, or of another epoch, is nobody's fault and is not told.
import type { Refusal } from './network/inbound.ts';

const intervalMs = 1_000;

export interface RefusalLogParts {
  monotonicMs(): number;
  tell(facts: object): void;
  /** By which people know a peer. */
  idOf(peer: number): string;
}

export class RefusalLog {
  readonly #parts: RefusalLogParts;
  readonly #told = new Map<number, number>();

  constructor(parts: RefusalLogParts) {
    this.#parts = parts;
  }

  refused(from: number, judged: Refusal): void {
    if (judged.refused !== 'malformed' && judged.refused !== 'unproven') return;
    const now = this.#parts.monotonicMs();
    if (now - (this.#told.get(from) ?? -intervalMs) < intervalMs) return;
    this.#told.set(from, now);
    this.#parts.tell({ from: this.#parts.idOf(from), ...judged });
  }
}
