// Writes the whole log of a node as an archive that anybody can verify offline.
import { existsSync } from 'node:fs';
import { ApiSource } from '../../node/audit/api-source.ts';
import { ArchiveError, exportArchive } from '../../node/audit/archive.ts';
import { auditProblem, reachableNode } from '../audit.ts';
import { CliError } from '../exit-codes.ts';
import { plural } from '../format.ts';
import { startProgress } from '../progress.ts';
import { type CommonOptions, Session } from '../session.ts';

export async function run(options: CommonOptions, folder: string): Promise<void> {
  const { output, paths, settings } = new Session(options);
  const node = await reachableNode(options.node ?? settings.nodes);
  const progress = await startProgress(output, 'export', 0);
  try {
    const summary = await exportArchive(new ApiSource(node), folder);
    output.data({ folder, ...summary }, () =>
      [
        `${plural(summary.entries, 'entry', 'entries')} in ${plural(summary.files, 'file')} of ${folder}`,
        `Check it: daybook audit verify ${folder}${existsSync(paths.genesis) ? '' : ' --genesis FILE'}`,
      ].join('\n'),
    );
  } catch (error) {
    throw error instanceof ArchiveError ? new CliError('usage', error.message) : auditProblem(error);
  } finally {
    progress.stop();
  }
}
