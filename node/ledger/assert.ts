// Invariants of our own code. A broken one means that this process may no longer be trusted, so it stops; bytes from
// outside never end here (they get typed errors at the edge).

/** After one of these the process may not go on, whoever called: a broken invariant, or a store that failed. */
export class FatalError extends Error {
  override name = 'FatalError';
}

export class InvariantError extends FatalError {
  override name = 'InvariantError';
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

export function unreachable(value: never): never {
  throw new InvariantError(`unreachable value ${String(value)}`);
}
