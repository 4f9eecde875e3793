// The process that opens a folder before the node does, because a damaged file can kill whoever opens it. It reads what
// a start reads, checks the sums of the tip and turns the pages of the state, prints what is wrong and ends: 0 for
// sound, 1 for a problem that it could name, 3 for a row that a node makes again. What the records say is judged by the
// start itself. It loads little, since every start waits for it.
import { unreadable } from './data-file.ts';
import { singleKey, tableRange, unseal } from './keys.ts';
import { type Environment, messageOf, openEnvironment, readRow, readValue } from './lmdb-environment.ts';
import { headRow, tipKeys } from './rows.ts';
import { DamagedRow, damagedRowCode } from './store.ts';

function inspect(folder: string): void {
  const environment = openEnvironment(folder, true);
  const head = readRow(environment, singleKey('head'), headRow);
  if (head === undefined) return;
  // A start goes through the whole state, and who heals through all there is: LMDB dies of a leaf that is none.
  const isMarked = environment.doesExist(singleKey('divergence'));
  turnPages(folder, environment, isMarked ? { start: Buffer.of(0), end: Buffer.of(0xff) } : tableRange('state'));
  for (const key of tipKeys(head)) {
    try {
      const value = readValue(environment, key);
      if (value !== undefined) unseal(key, value);
    } catch (error) {
      if (!(error instanceof DamagedRow)) throw error;
      report(error, damagedRowCode);
    }
  }
}

function turnPages(folder: string, environment: Environment, range: ReturnType<typeof tableRange>): void {
  try {
    for (const _ of environment.getKeys(range));
  } catch (error) {
    throw unreadable(folder, messageOf(error));
  }
}

function report(error: unknown, code: number): void {
  if (process.exitCode === undefined) process.stdout.write(messageOf(error));
  process.exitCode = code;
}

try {
  inspect(process.argv[2] ?? '');
} catch (error) {
  report(error, 1);
}
