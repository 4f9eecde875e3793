// Rare paths by name: test/sim/probes.txt names branches of the node, each by a piece of its text, and a soak counts
// how often it took each.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../_source.ts';
import { countAt, takeCoverage } from './coverage.ts';

export interface Probe {
  readonly name: string;
  readonly file: string;
  /** Stands once in the file, or once after `after`, which itself stands once. */
  readonly text: string;
  readonly after: string;
  /** The test that takes it, where the simulator does not. */
  readonly by: string | undefined;
}

/**
 * Lines of three parts between bars, below `by` and a test if it is that test's: name, file, text; ` ... ` in the text
 * leaves out what stands between.
 */
export function parseProbes(text: string): Probe[] {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  let by: string | undefined;
  return lines.flatMap((line) => {
    if (line.startsWith('by ')) {
      by = line.slice(3);
      return [];
    }
    const [name = '', file = '', ...rest] = line.split(' | ');
    const parts = rest.join(' | ').split(' ... ');
    const [after, place] = parts.length > 1 ? [parts[0] ?? '', parts.at(-1) ?? ''] : ['', parts[0] ?? ''];
    return [{ name: name.trim(), file: file.trim(), after, text: place, by }];
  });
}

export function readProbes(): Probe[] {
  return parseProbes(readFileSync(join(root, 'test/sim/probes.txt'), 'utf8'));
}

/** Where a probe's text begins. Throws an Error when that is not one place. */
export function placeOf({ name, after, text }: Probe, source: string): number {
  const start = after === '' ? 0 : source.indexOf(after);
  if (start < 0 || (after !== '' && source.indexOf(after, start + 1) >= 0))
    throw new Error(`${name}: "${after}" does not stand once`);
  const place = source.indexOf(text, start + after.length);
  if (place < 0) throw new Error(`${name}: "${text}" is not there`);
  if (after === '' && source.indexOf(text, place + 1) >= 0) throw new Error(`${name}: "${text}" stands twice`);
  return place;
}

export function compiledPath(file: string): string {
  return join(root, 'dist', file.replace(/\.ts$/, '.js'));
}

export type ProbeCounts = Readonly<Record<string, number>>;

const places = new Map<string, readonly (readonly [string, number])[]>();

function placesIn(path: string, probes: readonly Probe[]): readonly (readonly [string, number])[] {
  let known = places.get(path);
  if (known === undefined) {
    const source = existsSync(path) ? readFileSync(path, 'utf8') : '';
    known = probes.map((probe) => [probe.name, placeOf(probe, source)] as const);
    places.set(path, known);
  }
  return known;
}

/** How often each was passed since the last call. */
export function countProbes(probes: readonly Probe[]): ProbeCounts {
  const counts: Record<string, number> = {};
  const coverage = takeCoverage();
  for (const file of new Set(probes.map((each) => each.file))) {
    const path = compiledPath(file);
    const ranges = coverage.get(path) ?? [];
    for (const [name, place] of placesIn(
      path,
      probes.filter((each) => each.file === file),
    ))
      counts[name] = countAt(ranges, place);
  }
  return counts;
}
