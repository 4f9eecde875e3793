// A sample bank day on four validators: what `npm start` shows. Every step is one of the commands that a user has.
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ApiSource } from '../node/audit/api-source.ts';
import { exportArchive } from '../node/audit/archive.ts';
import { ArchiveSource } from '../node/audit/archive-source.ts';
import { verify } from '../node/audit/audit.ts';
import { type Verdict, verdictLine } from '../node/audit/finding.ts';
import { openingSums, readAccountsFile } from './account-import.ts';
import { requestNode } from './client.ts';
import { importAccounts } from './commands/account-import.ts';
import { type FileSummary, submitPaymentsFile, summaryText } from './commands/batch-submit.ts';
import { apiUrl } from './devnet-files.ts';
import { startDevnet } from './devnet-processes.ts';
import type { SubmitMode } from './file-submission.ts';
import { isObject } from './files.ts';
import { plural } from './format.ts';
import { type HomePaths, shownPath } from './home.ts';
import { type Output, paint } from './output.ts';
import { Session } from './session.ts';

const examples = fileURLToPath(new URL('../../genesis/examples/', import.meta.url));

export interface DemoReport {
  readonly home: string;
  readonly nodes: readonly string[];
  readonly files: readonly FileSummary[];
  readonly finality: { readonly p50: number; readonly p99: number } | undefined;
  readonly verdict: Verdict;
  /** Resolves when the validators have ended. */
  readonly ended: Promise<void>;
}

/** Settles the sample day on a new chain in `paths`, an empty folder, and audits it. The validators go on running. */
export async function runDemo(paths: HomePaths, output: Output): Promise<DemoReport> {
  output.note(`A new chain begins in ${shownPath(paths.folder)}; what an earlier demo left there is gone.`);
  const issuance = [...openingSums(readAccountsFile(join(examples, 'accounts.csv')))].map(([currency, amount]) => {
    return { currency, amount };
  });
  const began = Date.now();
  const { state, ended } = await startDevnet(paths, { validators: 4, issuance, keeper: 'channel' });
  const nodes = state.validators.map(apiUrl);
  output.note(`4 validators are ready after ${seconds(began)} s:`);
  for (const each of state.validators)
    output.note(`  ${each.id}  API ${apiUrl(each)}  peers 127.0.0.1:${each.peerPort}  pid ${each.process?.pid}`);

  const session = new Session({ home: paths.folder, yes: true }, output);
  const imported = await importAccounts(session, join(examples, 'accounts.csv'), true);
  output.note(`accounts.csv: ${plural(imported.opened, 'account')} opened in ${imported.branches} new branches`);
  const files: FileSummary[] = [];
  for (const [name, mode] of [
    ['payments.csv', 'bulk'],
    ['payroll.xml', 'single'],
  ] as const)
    files.push(await settle(session, name, mode));

  const node = nodes[0] ?? '';
  const finality = await finalityOf(nodes);
  const archive = join(paths.folder, 'audit');
  await exportArchive(new ApiSource(node), archive);
  const verdict = await verify(new ArchiveSource(archive), { genesis: session.ledger.genesis });
  return { home: paths.folder, nodes, files, finality, verdict, ended };
}

async function settle(session: Session, name: string, mode: SubmitMode): Promise<FileSummary> {
  const results = join(session.paths.folder, `${name}.results.csv`);
  const summary = await submitPaymentsFile(session, { file: join(examples, name), mode, results, skipBad: false });
  const how = mode === 'bulk' ? 'in batches under one signature' : 'each under its own signature';
  session.output.note(`${name}, ${how}: ${summaryText({ ...summary, results: shownPath(results) })}`);
  return summary;
}

async function finalityOf(nodes: readonly string[]): Promise<DemoReport['finality']> {
  const answers = await Promise.all(
    nodes.map((node) => requestNode(node, 'GET', '/v1/status', {}).catch(() => undefined)),
  );
  const known = answers.filter(isObject);
  const worst = (name: string) =>
    Math.max(...known.map((answer) => Number(answer[name] ?? Number.NaN)).filter(Number.isFinite));
  const p50 = worst('finalityMsP50');
  const p99 = worst('finalityMsP99');
  return Number.isFinite(p50) && Number.isFinite(p99) ? { p50, p99 } : undefined;
}

/** What happened, and what to try next; `isOnce`: nobody is up to try it on. */
export function demoText({ home, nodes, files, finality, verdict }: DemoReport, isOnce: boolean): string {
  const { counts, head, sums } = verdict;
  const folder = shownPath(home);
  const daybook = 'node cli/daybook.mjs';
  const payment = '--from CASH-NORTH --to NORTH-1001 --amount 12.50 --currency CZK --yes';
  const ms = (value: number) => `${value.toFixed(0)} ms`;
  const latency = finality === undefined ? 'not measured' : `p50 ${ms(finality.p50)}, p99 ${ms(finality.p99)}`;
  const rows: (readonly [string, string])[] = [
    ['height', `${head.height}; ${head.logSize} entries in the log`],
    ['transactions', `${counts.transactions}, and ${counts.lines} lines of batches`],
    ['outcomes', `${counts.accepted} accepted, ${counts.refused} refused`],
    ['finality', latency],
    ...sums.map(
      (sum) => [sum.currency, `balances sum to ${sum.balances}; issued ${sum.issued}, moved ${sum.moved}`] as const,
    ),
    ...files.map((file) => [basename(file.file), `${file.accepted} accepted, ${file.refused} refused`] as const),
    ['verdict', paint(verdict.ok ? 'green' : 'red', verdictLine(verdict))],
    ['API', nodes.join('  ')],
  ];
  return [
    '',
    ...rows.map(([name, text]) => `${name.padEnd(14)}${text}`),
    '',
    ...(isOnce
      ? [
          'The validators end now; their chain stays. Try:',
          `  ${daybook} audit verify ${folder}/audit --home ${folder}`,
          `  ${daybook} devnet up --home ${folder}     (until Ctrl-C; then, in another terminal:)`,
          `  ${daybook} transfer create ${payment} --home ${folder}`,
        ]
      : [
          'Try, in another terminal:',
          `  ${daybook} account list --home ${folder}`,
          `  ${daybook} transfer create ${payment} --home ${folder}`,
          `  ${daybook} devnet kill 1 --home ${folder}     (then pay again: three of four are enough)`,
        ]),
  ].join('\n');
}

function seconds(since: number): string {
  return ((Date.now() - since) / 1_000).toFixed(1);
}
