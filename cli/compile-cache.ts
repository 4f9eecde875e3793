// Keeps what V8 made of the sources from one start to the next, where this Node can: loading them is the larger part of
// a start. It stands beside the compiled code, never in a folder for everybody: what is read from there is run, and who
// may write there may change the code as well. Where nobody may write, nothing is kept.
import module from 'node:module';
import { join } from 'node:path';

/** Not in Node 20, and so not in its types. */
interface CompileCache {
  enableCompileCache?(folder: string): unknown;
  flushCompileCache?(): void;
}

const cache = module as typeof module & CompileCache;
cache.enableCompileCache?.(join(import.meta.dirname, '../.compile-cache'));

/** Now, and not at the end of the process: a validator that is killed should start sooner next time all the same. */
export function keepCompiled(): void {
  cache.flushCompileCache?.();
}
