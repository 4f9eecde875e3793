// Event sourcing shown to be true: the state is made again from events alone, no decision is taken twice, and every
// state root in the log is compared with what comes out.
import { rebuild } from '../../node/audit/audit.ts';
import { auditProblem, expectedGenesis, sourceOf, verdictText } from '../audit.ts';
import { exitCodes } from '../exit-codes.ts';
import { plural } from '../format.ts';
import { policyOf } from '../policy.ts';
import { startProgress } from '../progress.ts';
import { type CommonOptions, Session } from '../session.ts';

interface Options extends CommonOptions {
  readonly genesis?: string;
}

export async function run(options: Options, folder: string): Promise<void> {
  const session = new Session(options);
  const genesis = expectedGenesis(session.paths, options.genesis);
  const progress = await startProgress(session.output, 'replay', 1);
  try {
    const verdict = await rebuild(sourceOf(folder, undefined), {
      genesis,
      policy: policyOf(session.paths, options.policy, genesis),
      onProgress: ({ stage, done, total }) => progress.update(total === 0 ? 0 : done / total, stage),
    });
    progress.stop();
    const { head, counts, ok } = verdict;
    session.output.data({ ...verdict, replayed: false, rebuilt: ok }, () => {
      const whole = verdictText({ ...verdict, replayed: false });
      if (!ok) return whole;
      const roots = plural(counts.blocks, 'state root');
      return `${whole}\nstate rebuilt from events alone: ${roots} agree, the last one ${head.stateRoot}`;
    });
    if (!ok) process.exitCode = exitCodes.verification;
  } catch (error) {
    progress.stop();
    throw auditProblem(error);
  }
}
