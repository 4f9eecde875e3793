// Which references each member has used, from the log alone. It forgets what the window has passed, so its size is that
// of the window and not of the log.

export class ReferenceWindow {
  readonly #windowMs: number;
  /** In the order of use, hence of time: what expires first comes first. */
  readonly #usedAt = new Map<string, number>();

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** Forgets what was used so long before `time` that it is free again. */
  advance(time: number): void {
    for (const [key, usedAt] of this.#usedAt) {
      if (time - usedAt <= this.#windowMs) return;
      this.#usedAt.delete(key);
    }
  }

  has(member: string, reference: string): boolean {
    return this.#usedAt.has(keyOf(member, reference));
  }

  add(member: string, reference: string, time: number): void {
    this.#usedAt.set(keyOf(member, reference), time);
  }
}

/** No member holds a space, so no two pairs share a key. */
function keyOf(member: string, reference: string): string {
  return `${member} ${reference}`;
}
