// Writes the whole log of a node as an archive that anybody can verify offline. Under a policy its checkpoint is judged
// too: what it lacks is said, and can be added with `audit import FOLDER LINES`.
import { existsSync } from 'node:fs';
import { ApiSource } from '../../node/audit/api-source.ts';
import { ArchiveError, exportArchive } from '../../node/audit/archive.ts';
import { ArchiveSource } from '../../node/audit/archive-source.ts';
import { FindingError } from '../../node/audit/chain.ts';
import { readCheckpoint } from '../../node/audit/checkpoint-check.ts';
import { type Policy, policyProblem } from '../../node/audit/policy.ts';
import { auditProblem, expectedGenesis, reachableNode } from '../audit.ts';
import { CliError } from '../exit-codes.ts';
import { plural } from '../format.ts';
import { defaultHome, type HomePaths, shownPath } from '../home.ts';
import { policyOf } from '../policy.ts';
import { startProgress } from '../progress.ts';
import { type CommonOptions, Session } from '../session.ts';

interface Options extends CommonOptions {
  readonly genesis?: string;
}

export async function run(options: Options, folder: string): Promise<void> {
  const { output, paths, settings } = new Session(options);
  const genesis = expectedGenesis(paths, options.genesis);
  const policy = policyOf(paths, options.policy, genesis);
  const node = await reachableNode(options.node ?? settings.nodes);
  const progress = await startProgress(output, 'export', 0);
  try {
    const summary = await exportArchive(new ApiSource(node), folder);
    const unmet = policy && (await unmetBy(folder, policy));
    output.data({ folder, ...summary, ...(policy === undefined ? {} : { policyMet: unmet === undefined }) }, () =>
      [
        `${plural(summary.entries, 'entry', 'entries')} in ${plural(summary.files, 'file')} of ${folder}`,
        `Check it: daybook audit verify ${folder}${genesisOption(options, paths)}`,
      ].join('\n'),
    );
    if (unmet !== undefined) {
      const next = `The archive was written: \`daybook audit import ${folder} LINES\` adds what is missing.`;
      throw new CliError('verification', `the checkpoint of ${folder}: policy: ${unmet}`, next, 'policy');
    }
  } catch (error) {
    throw error instanceof ArchiveError ? new CliError('usage', error.message) : auditProblem(error);
  } finally {
    progress.stop();
  }
}

/** Without it the check that is advised would be held against the genesis of another home, or none. */
function genesisOption({ genesis, home }: Options, paths: HomePaths): string {
  if (genesis !== undefined) return ` --genesis ${genesis}`;
  if (!existsSync(paths.genesis)) return ' --genesis FILE';
  return home === undefined || home === defaultHome ? '' : ` --home ${shownPath(paths.folder)}`;
}

/** The policy alone: whether the checkpoint is the validators', `audit verify` says. */
async function unmetBy(folder: string, policy: Policy): Promise<string | undefined> {
  const bytes = await new ArchiveSource(folder).checkpoints.newest();
  if (bytes === undefined) return 'there is no checkpoint yet';
  try {
    const { checkpoint, note } = readCheckpoint(bytes, { height: 0 });
    return policyProblem(policy, checkpoint, note);
  } catch (error) {
    if (error instanceof FindingError) return error.message;
    throw error;
  }
}
