// The end of every run: the log is exported and verified by the shipped commands, then held against the history.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { check } from './checker.ts';
import type { Cluster } from './cluster.ts';
import { daybook } from './command.ts';
import type { History } from './history.ts';
import type { Load } from './load.ts';
import { readLog } from './log.ts';
import type { Validator } from './validator.ts';

export interface Verdict {
  readonly problems: readonly string[];
  readonly height: number;
  readonly transactions: number;
}

/** Judges by the log of `from`; `levelled` are all that must show the same state, account by account. */
export async function judge(
  cluster: Cluster,
  { history, load }: { readonly history: History; readonly load: Load },
  levelled: readonly Validator[],
): Promise<Verdict> {
  const [from] = levelled;
  if (from === undefined) throw new RangeError('nobody to judge by');
  const problems = load.lies.map((lie) => `a false answer: ${lie}`);
  for (const validator of levelled)
    if (!(await load.readAll(validator))) problems.push(`${validator.id} does not show its accounts`);
  const archive = join(cluster.folder, 'archive');
  rmSync(archive, { recursive: true, force: true });
  await daybook(cluster.folder, cluster.paths.folder, 'audit', 'export', archive, '--node', from.url);
  const said = await daybook(cluster.folder, cluster.paths.folder, 'audit', 'verify', archive).catch(
    (error: unknown) => {
      problems.push(`audit verify: ${(error as Error).message}`);
      return '';
    },
  );
  if (problems.length === 0 && !/"ok":\s*true/.test(said)) problems.push(`audit verify said ${said}`);
  const log = await readLog(archive);
  for (const { rule, detail } of check(history.events, log)) problems.push(`${rule}: ${detail}`);
  return { problems, height: log.height, transactions: log.transactions.length };
}
