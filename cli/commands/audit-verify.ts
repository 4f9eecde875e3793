// Judges an archive, or a node's whole chain, believing nobody. Ends with one line, and with 0 or 7.
import { verify } from '../../node/audit/audit.ts';
import { verdictLine } from '../../node/audit/finding.ts';
import { auditProblem, expectedGenesis, sourceOf } from '../audit.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { policyOf } from '../policy.ts';
import { startProgress } from '../progress.ts';
import { type CommonOptions, Session } from '../session.ts';

interface Options extends Omit<CommonOptions, 'node'> {
  readonly node?: string;
  readonly genesis?: string;
}

export async function run(options: Options, folder?: string): Promise<void> {
  const { node, ...common } = options;
  const session = new Session(common);
  if ((folder === undefined) === (node === undefined))
    throw new CliError('usage', 'name an archive folder or --node URL', 'For example daybook audit verify DIR.');
  const genesis = expectedGenesis(session.paths, options.genesis);
  const policy = policyOf(session.paths, options.policy, genesis);
  const progress = await startProgress(session.output, 'verify', 1);
  let stage = '';
  try {
    const verdict = await verify(sourceOf(folder, node), {
      genesis,
      policy,
      onProgress: ({ stage: now, done, total }) => {
        stage = now;
        progress.update(total === 0 ? 0 : done / total, stage);
      },
    });
    progress.stop();
    session.output.data(verdict, () => verdictLine(verdict));
    if (!verdict.ok) process.exitCode = exitCodes.verification;
  } catch (error) {
    progress.stop();
    throw auditProblem(error);
  }
}
