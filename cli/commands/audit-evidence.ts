// Lists the evidence in archives, and finds more of it between archives and checkpoints that contradict one another. A
// report of what is found can be signed. Ends with 7 where a contradiction is found that is not just recorded.
import type { Genesis } from '../../genesis/genesis.ts';
import { logNameOf } from '../../node/audit/anchor.ts';
import { ArchiveProofs } from '../../node/audit/archive-proofs.ts';
import { ArchiveSource } from '../../node/audit/archive-source.ts';
import {
  type BlameReport,
  blame,
  CollectedLog,
  type EpochGuilt,
  guiltText,
  judgeStray,
  type Suspicion,
} from '../../node/audit/blame.ts';
import type { Cosigner, GivenCheckpoint } from '../../node/audit/consistency.ts';
import { judgeReport } from '../../node/audit/report-check.ts';
import { SetHistories } from '../../node/audit/set-histories.ts';
import { checkpointsPerPage } from '../../node/audit/source.ts';
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
    const logs: CollectedLog[] = [];
    const notes: GivenCheckpoint[] = [];
    const strays: GivenCheckpoint[] = [];
    const changes: (readonly SetLink[])[] = [];
    for (const name of names) {
      if (!isFolder(name)) {
        strays.push({ name, bytes: checkpointIn(readInput(name)) });
        continue;
      }
      const source = new ArchiveSource(name);
      logs.push(await collect(name, source));
      notes.push(...(await notesOf(name, source, logs.at(-1)?.height ?? 0)));
      changes.push(await (await ArchiveProofs.open(source)).setChanges());
    }
    const sets = new SetHistories(genesis, [givenLinks(session, options, genesis), ...changes]);
    if (options.verify !== undefined) return showJudged(session, options.verify, genesis, sets);
    for (const stray of strays) judgeStray(genesis, sets, stray);
    const report = blame(genesis, sets, logs, [...notes, ...strays]);
    const { chainId } = logNameOf(genesis);
    const encoded = encodeEvidenceReport({ chainId: digestBytes(chainId), accused: report.guilty });
    const signature = options.user === undefined ? {} : await signed(session, options.user, encoded);
    const view = { ...viewOf(report), chainId, report: toBase64(encoded), ...signature };
    session.output.data(view, () => textOf(report).join('\n'));
    if (report.guilty.length > 0 || report.suspicions.length > 0) process.exitCode = exitCodes.verification;
  } catch (error) {
    throw proofProblem(error, 'file');
  }
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

async function collect(name: string, source: ArchiveSource): Promise<CollectedLog> {
  const log = new CollectedLog(name);
  const { logSize, certificate } = await source.head();
  for await (const run of source.entries(0, logSize)) for (const entry of run) log.push(entry);
  log.finish(certificate);
  return log;
}

/** The archived checkpoint of every height, and the newest. */
async function notesOf(name: string, source: ArchiveSource, heights: number): Promise<GivenCheckpoint[]> {
  const notes = [await source.checkpoints.newest()];
  for (let index = 0; index * checkpointsPerPage < heights; index++)
    notes.push(...(await source.checkpoints.page(index)));
  return notes.flatMap((bytes) => (bytes === undefined ? [] : [{ name, bytes }]));
}

async function signed(session: Session, user: string, encoded: Uint8Array) {
  const { member, publicKey, seed } = await session.key(user);
  const signature = toBase64(sign(evidenceReportMessage(encoded), seed));
  return { signedBy: { user, member, publicKey: toHex(publicKey) }, signature };
}

function viewOf({ recorded, guilty, suspicions, epochs, unread }: BlameReport) {
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
  };
}

const named = ({ validator, member }: Cosigner) => `${validator} of ${member}`;

const isOver = ({ guilty, faulty }: EpochGuilt) => guilty > faulty;

function textOf({ recorded, guilty, suspicions, epochs, unread }: BlameReport): string[] {
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
  const verdict = guilty.length === 0 ? ['no contradiction besides what is recorded'] : verdicts;
  const left = `${plural(unread, 'piece')} could not be read: \`daybook audit verify\` says what is wrong`;
  const doubts = [...suspicions.map(doubtText), ...(unread === 0 ? [] : [left])];
  return [...known, ...guilty.map((each) => `GUILTY: ${guiltText(each)}`), ...doubts, ...verdict];
}

function doubtText({ height, views, validators }: Suspicion): string {
  const who = validators.map(named).join(', ');
  const what = `height ${height} has two certified blocks, in views ${views.join(' and ')}`;
  return `FORK: ${what}; ${who} signed both; who lied is in the view changes between them`;
}
