// Something that must never happen did.
export class Violation extends Error {
  override name = 'Violation';
}

export function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Violation(what);
}
