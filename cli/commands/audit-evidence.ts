// Lists the evidence in archives, and finds more of it between archives and checkpoints that contradict one another. A
// report of what is found can be signed. Ends with 7 where a contradiction is found that is not just recorded, and
// where an archive cannot be read as a whole.
import type { Genesis } from '../../genesis/genesis.ts';
import { logNameOf } from '../../node/audit/anchor.ts';
import { ArchiveSource } from '../../node/audit/archive-source.ts';
import {
  type BlameReport,
  blame,
  CollectedLog,
  type EpochGuilt,
  guiltText,
  type Suspicion,
} from '../../node/audit/blame.ts';
import { collectArchive } from '../../node/audit/collect.ts';
import type { Cosigner, GivenCheckpoint } from '../../node/audit/consistency.ts';
import { judgeReport } from '../../node/audit/report-check.ts';
import { SetHistories, type SetList } from '../../node/audit/set-histories.ts';
import { judgeStrays, type KnownLog, type StrayReport, strayForkText, unjudgedText } from '../../node/audit/strays.ts';
import { toBase64 } from '../../node/ledger/base64.ts';
import { encodeEvidenceReport, evidenceReportMessage } from '../../node/ledger/evidence-report.ts';
import { digestBytes, toHex } from '../../node/ledger/hash.ts';
import type { SetLink } from '../../node/ledger/set-chain.ts';
import { sign } from '../../node/ledger/signature.ts';
import { givenLinks, neededGenesis, proofProblem } from '../audit.ts';
import { checkpointIn, isFolder } from '../checkpoints.ts';
import { readReport } from '../evidence-report.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { readInput } from '../files.ts';
import { plural } from '../format.ts';
import { type CommonOptions, Session } from '../session.ts';

interface Options extends CommonOptions {
  readonly genesis?: string;
  readonly sets?: string;
  readonly verify?: string;
}

export async function run(options: Options, ...names: string[]): Promise<void> {
  const session = new Session(options);
  const genesis = neededGenesis(session.paths, options.genesis);
  if (names.length === 0 && options.verify === undefined)
    throw new CliError(
      'usage',
      'name archives or checkpoints, or --verify FILE',
      'For example daybook audit evidence DIR.',
    );
  try {
    const links = givenLinks(session, options, genesis);
    const logs: CollectedLog[] = [certifiedBy(links)];
    const archives: KnownLog[] = [];
    const strays: GivenCheckpoint[] = [];
    const changes: SetList[] = [{ links }];
    for (const name of names) {
      if (!isFolder(name)) {
        strays.push({ name, bytes: checkpointIn(readInput(name)) });
        continue;
      }
      const archive = await collectArchive(name, new ArchiveSource(name));
      logs.push(archive.log);
      archives.push({ name, ...archive });
      changes.push(archive.changes);
    }
    const sets = new SetHistories(genesis, changes);
    if (options.verify !== undefined) return showJudged(session, options.verify, genesis, sets);
    const beside = await judgeStrays(genesis, sets, strays, archives);
    const report = blame(genesis, sets, logs, [...archives.flatMap(({ notes }) => notes), ...strays]);
    const { chainId } = logNameOf(genesis);
    const encoded = encodeEvidenceReport({ chainId: digestBytes(chainId), accused: report.guilty });
    const signature = options.user === undefined ? {} : await signed(session, options.user, encoded);
    const view = { ...viewOf(report), ...beside, chainId, report: toBase64(encoded), ...signature };
    session.output.data(view, () => textOf(report, beside).join('\n'));
    if (!isClean(report, beside)) process.exitCode = exitCodes.verification;
  } catch (error) {
    throw proofProblem(error, 'file');
  }
}

/** Each change is a certified block, of which another side has another. */
function certifiedBy(links: readonly SetLink[]): CollectedLog {
  const log = new CollectedLog('the known changes of the validators');
  for (const { certificate } of links) log.certify(certificate);
  return log;
}

/** A report that somebody else made. The sources, if there are any, only say who the validators were. */
function showJudged({ output }: Session, file: string, genesis: Genesis, sets: SetHistories): void {
  const { report, signedBy } = readReport(file);
  const guilty = judgeReport(report, genesis, sets);
  const by = signedBy === undefined ? 'unsigned' : `signed by the key ${signedBy}`;
  const view = guilty.map((each) => ({ validator: each.validator, member: each.member, epoch: each.epoch }));
  output.data({ ok: true, guilty: view, signedBy }, () =>
    [
      ...guilty.map((each) => `GUILTY: ${guiltText(each)}`),
      `OK: ${plural(guilty.length, 'accusation')} proved, ${by}`,
    ].join('\n'),
  );
}

async function signed(session: Session, user: string, encoded: Uint8Array) {
  const { member, publicKey, seed } = await session.key(user);
  const signature = toBase64(sign(evidenceReportMessage(encoded), seed));
  return { signedBy: { user, member, publicKey: toHex(publicKey) }, signature };
}

/** Nothing was found in all that there is to read. */
function isClean({ guilty, suspicions, unread }: BlameReport, { forks, unjudged }: StrayReport): boolean {
  const found = [guilty, suspicions, forks, unjudged];
  return found.every(({ length }) => length === 0) && unread === 0;
}

function viewOf({ recorded, guilty, suspicions, epochs, unread, missing }: BlameReport) {
  return {
    recorded,
    guilty: guilty.map((each) => {
      const { validator, member, epoch, evidence } = each;
      return { validator, member, epoch, kind: evidence.type === 0 ? 'votes' : 'cosignatures', text: guiltText(each) };
    }),
    suspicions,
    epochs,
    moreThanFaulty: epochs.some(isOver),
    unread,
    missing,
  };
}

const named = ({ validator, member }: Cosigner) => `${validator} of ${member}`;

const isOver = ({ guilty, faulty }: EpochGuilt) => guilty > faulty;

function textOf(report: BlameReport, { forks, unjudged }: StrayReport): string[] {
  const { recorded, guilty, suspicions, epochs, unread, missing } = report;
  const known = recorded.map(
    (each) => `recorded in ${each.log}, entry ${each.index}: ${named(each)}, epoch ${each.epoch}`,
  );
  const verdicts = epochs.map((each) => {
    const liars = `${plural(each.guilty, 'validator')} of epoch ${each.epoch} lied`;
    const bound = `${liars}, and the ledger bears ${each.faulty}`;
    return isOver(each)
      ? `${bound}: more than its rules can hold, so no checkpoint alone says which side of a fork is true`
      : bound;
  });
  const isWhole = unread === 0 && unjudged.length === 0;
  const none = `no contradiction besides what is recorded${isWhole ? '' : ', as far as could be read'}`;
  const nobody = 'two sides of a fork, and no two signatures here that say who lied';
  const isForked = suspicions.length + forks.length > 0;
  const verdict = guilty.length === 0 ? [isForked ? nobody : none] : verdicts;
  const left = `${plural(unread, 'piece')} could not be read: \`daybook audit verify\` says what is wrong`;
  const gaps = missing.map(({ log, what }) => `NOT READ: ${log}: ${what}`);
  const sides = [...suspicions.map(doubtText), ...forks.map((fork) => `FORK: ${strayForkText(fork)}`)];
  const open = unjudged.map((each) => `NOT JUDGED: ${unjudgedText(each)}`);
  const doubts = [...sides, ...open, ...gaps, ...(unread === 0 ? [] : [left])];
  return [...known, ...guilty.map((each) => `GUILTY: ${guiltText(each)}`), ...doubts, ...verdict];
}

function doubtText({ height, views, validators }: Suspicion): string {
  const who = validators.map(named).join(', ');
  const what = `height ${height} has two certified blocks, in views ${views.join(' and ')}`;
  return `FORK: ${what}; ${who} signed both; who lied is in the view changes between them`;
}
