// The process that opens a folder before the node does, because a damaged file can kill whoever opens it. It prints
// what is wrong and ends: 0 for sound, 1 for a problem that it could name.
import { inspectLmdbStore } from './lmdb-store.ts';

try {
  await inspectLmdbStore(process.argv[2] ?? '');
} catch (error) {
  process.stdout.write(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
