// Judges an archive, or a node's whole chain, believing nobody. Ends with one line, and with 0 or 7.
import { verify, verifyFast } from '../../node/audit/audit.ts';
import type { Verdict } from '../../node/audit/finding.ts';
import { ForeignResumeError } from '../../node/audit/resume.ts';
import type { SaverOptions } from '../../node/audit/saver.ts';
import { defaultThreads, SignaturePool } from '../../node/audit/signature-pool.ts';
import { AuditStopped, type VerifyOptions } from '../../node/audit/verify.ts';
import { version } from '../../node/version.ts';
import { auditProblem, expectedGenesis, sourceOf, verdictText } from '../audit.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { plural } from '../format.ts';
import type { Output } from '../output.ts';
import { policyOf } from '../policy.ts';
import { type Progress, startProgress } from '../progress.ts';
import { type CommonOptions, Session } from '../session.ts';

interface Options extends Omit<CommonOptions, 'node'> {
  readonly node?: string;
  readonly genesis?: string;
  readonly fast?: boolean;
  readonly threads?: number;
  readonly resume?: string;
}

export async function run(options: Options, folder?: string): Promise<void> {
  const { node, threads = defaultThreads(), resume, fast = false, ...common } = options;
  const session = new Session(common);
  if ((folder === undefined) === (node === undefined))
    throw new CliError(
      'usage',
      `name an archive folder or --node URL${folder === undefined ? '' : ', not both'}`,
      'For example daybook audit verify DIR.',
    );
  const genesis = expectedGenesis(session.paths, options.genesis);
  const policy = policyOf(session.paths, options.policy, genesis);
  const source = sourceOf(folder, node);
  const pool = threads > 1 ? new SignaturePool({ workers: threads - 1 }) : undefined;
  const progress = await startProgress(session.output, 'verify', 100);
  const stop = new AbortController();
  // A second one ends the process at once.
  process.once('SIGINT', () => stop.abort());
  try {
    const verdict = await (fast ? verifyFast : verify)(source, {
      ...{ genesis, policy, pool, signal: stop.signal },
      resume: resume === undefined ? undefined : keptIn(resume, session.output),
      onProgress: shownOn(progress),
    });
    progress.stop();
    const { lost = 0 } = pool ?? {};
    if (lost > 0) session.output.note(`${plural(lost, 'thread')} ended early; others did their work`);
    tell(session.output, verdict);
  } catch (error) {
    progress.stop();
    throw stoppedOr(error, resume);
  } finally {
    await pool?.close();
  }
}

function tell(output: Output, verdict: Verdict): void {
  output.data(verdict, () => verdictText(verdict));
  if (!verdict.ok) process.exitCode = exitCodes.verification;
}

function keptIn(file: string, output: Output): SaverOptions {
  return { file, version, onNote: (text) => output.note(text) };
}

/** In hundredths: a bar of entries would jump where one stage ends and the next begins. */
function shownOn(progress: Progress): NonNullable<VerifyOptions['onProgress']> {
  return ({ stage, done, total }) => {
    const what = stage === 'files' ? `${done} of ${total} files summed` : `${done} of ${total} entries`;
    progress.update(total === 0 ? 0 : Math.floor((100 * done) / total), what);
  };
}

function stoppedOr(error: unknown, resume: string | undefined): unknown {
  if (error instanceof ForeignResumeError)
    return new CliError('usage', error.message, 'Name another file with --resume; this one stays as it is.');
  if (!(error instanceof AuditStopped)) return auditProblem(error);
  return new CliError(
    'cancelled',
    `${error.message}: no verdict`,
    resume === undefined
      ? 'With --resume FILE the next audit can go on from where one was stopped.'
      : 'The same command goes on from what was kept.',
  );
}
