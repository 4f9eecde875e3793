// One of several records, told apart by a number that stands first in the array: what a list of unlike things is made
// of.
import { DecodeError, type Value } from '../node/ledger/codec.ts';
import type { Schema } from '../node/ledger/schema.ts';

type Cases = { readonly [kind: string]: readonly [tag: number, schema: Schema<unknown>] };
export type VariantOf<C extends Cases> = {
  [K in keyof C & string]: { readonly kind: K } & (C[K][1] extends Schema<infer T> ? T : never);
}[keyof C & string];

/** `cases` names each kind with its tag and the schema of its fields; the value carries the name as `kind`. */
export function variant<C extends Cases>(cases: C): Schema<VariantOf<C>> {
  const byTag = new Map(Object.entries(cases).map(([kind, [tag, schema]]) => [tag, { kind, schema }]));
  return {
    write(value) {
      const found = cases[value.kind];
      if (found === undefined) throw new DecodeError(`no kind ${value.kind}`);
      return [found[0], found[1].write(value)];
    },
    read(value) {
      if (!Array.isArray(value) || value.length !== 2) throw new DecodeError('not a tag and a record');
      const [tag, fields] = value as readonly Value[];
      const found = typeof tag === 'number' ? byTag.get(tag) : undefined;
      if (found === undefined || fields === undefined) throw new DecodeError('no such kind');
      return { kind: found.kind, ...(found.schema.read(fields) as object) } as VariantOf<C>;
    },
  };
}
