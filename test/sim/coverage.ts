// How often each part of the compiled sources has run, by V8's own counters: the sources hold no counter. Must be
// imported before what it is to count, and costs nothing unless `--probes` is asked for.
import { Session } from 'node:inspector';
import { fileURLToPath } from 'node:url';

export interface Range {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

const session = process.argv.includes('--probes') ? new Session() : undefined;
if (session !== undefined) {
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
}

/** Path of each compiled file -> its counted ranges, nested, since the last call. */
export function takeCoverage(): ReadonlyMap<string, readonly Range[]> {
  const files = new Map<string, readonly Range[]>();
  // The session is of this thread: it answers before `post` returns.
  session?.post('Profiler.takePreciseCoverage', (error, { result }) => {
    if (error !== null) throw error;
    for (const { url, functions } of result)
      if (url.startsWith('file:'))
        files.set(
          fileURLToPath(url),
          functions.flatMap((each) => each.ranges),
        );
  });
  return files;
}

/** Of the smallest range around a place. */
export function countAt(ranges: readonly Range[], offset: number): number {
  let best: Range | undefined;
  for (const range of ranges) {
    if (range.startOffset > offset || range.endOffset <= offset) continue;
    if (best === undefined || range.endOffset - range.startOffset <= best.endOffset - best.startOffset) best = range;
  }
  return best?.count ?? 0;
}
