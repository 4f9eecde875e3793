// One thing wrong in a message, wherever chance finds it: each field of every kind of message comes to be wrong in
// turn, however deep it stands.
import type { Chance } from './chance.ts';

type Path = readonly (string | number)[];

/** A copy of `value` with one field changed, never its type tag. */
export function withOneWrong<T>(value: T, chance: Chance): T {
  const paths = [...pathsOf(value, [])].filter((path) => path.at(-1) !== 'type' && path.length > 0);
  const path = paths.length === 0 ? undefined : chance.pick(paths);
  return path === undefined ? value : (changed(value, path, chance) as T);
}

function* pathsOf(value: unknown, path: Path): Iterable<Path> {
  yield path;
  if (value instanceof Uint8Array || value === null || typeof value !== 'object') return;
  for (const [key, inner] of Object.entries(value))
    yield* pathsOf(inner, [...path, Array.isArray(value) ? Number(key) : key]);
}

function changed(value: unknown, [key, ...rest]: Path, chance: Chance): unknown {
  if (key === undefined) return wrong(value, chance);
  if (Array.isArray(value)) return value.map((each, i) => (i === key ? changed(each, rest, chance) : each));
  const fields = value as { readonly [name: string]: unknown };
  return { ...fields, [key]: changed(fields[key], rest, chance) };
}

function wrong(value: unknown, chance: Chance): unknown {
  if (typeof value === 'number') return Math.max(0, chance.pick([value + 1, value - 1, value + 2 ** 40, 0]));
  if (typeof value === 'string') return /^[0-9a-f]{64}$/.test(value) ? flippedHex(value, chance) : `${value}x`;
  if (value instanceof Uint8Array) return flipped(value, chance);
  if (Array.isArray(value)) {
    const at = chance.int(value.length + 1);
    return chance.pick([value.slice(0, -1), [...value, ...value.slice(at, at + 1)], [...value].reverse()]);
  }
  return undefined;
}

export function flipped(bytes: Uint8Array, chance: Chance): Uint8Array {
  const copy = Uint8Array.from(bytes);
  if (copy.length === 0) return copy;
  const at = chance.int(copy.length);
  copy[at] = (copy[at] ?? 0) ^ (1 << chance.int(8));
  return copy;
}

function flippedHex(hex: string, chance: Chance): string {
  return Buffer.from(flipped(Buffer.from(hex, 'hex'), chance)).toString('hex');
}
