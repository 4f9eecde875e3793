// Files of payments through the real API: single and bulk, again and in the other mode, skipped and refused lines.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { findAccount } from '../../cli/accounts.ts';
import { ApiProblem } from '../../cli/client.ts';
import { importAccounts } from '../../cli/commands/account-import.ts';
import { submitPaymentsFile, summaryText, unpaidError } from '../../cli/commands/batch-submit.ts';
import { CliError } from '../../cli/exit-codes.ts';
import type { SubmitMode } from '../../cli/file-submission.ts';
import { checkResults, defaultResults } from '../../cli/results-file.ts';
import { Session } from '../../cli/session.ts';
import { toHex } from '../../node/ledger/hash.ts';
import { fileIn, folderOf, quietOutput, type Served, served } from './_home.ts';

class TestSession extends Session {
  readonly #api: Served;
  readonly #isDevnet: boolean;
  constructor(home: string, api: Served, yes = true, isDevnet = false) {
    super({ home, yes, node: [api.url] }, quietOutput());
    this.#api = api;
    this.#isDevnet = isDevnet;
  }
  override get settings() {
    return { nodes: [this.#api.url], ...(this.#isDevnet ? { demoPassphrase: 'demo' } : {}) };
  }
  override get ledger() {
    return this.#api.ledger;
  }
  override async signer() {
    return this.#api.key;
  }
}

const head = 'reference,date,from,to,amount,currency,purpose';
const lines = [
  'R1,2026-01-31,A,B,60.00,CZK,first',
  'R2,2026-01-31,A,B,60.00,CZK,too much',
  'R3,2026-01-31,D,A,50.00,CZK,comes too late for R2',
  'R4,2026-01-31,A,B,60.00,CZK,fits again',
  'R5,2026-01-31,NOBODY,B,1.00,CZK,unknown',
  'R6,2026-01-31,B,D,120.00,CZK,all of it',
];
const outcomes = ['OK', 'AM04', 'OK', 'OK', 'AC02', 'OK'];

interface Trial {
  readonly session: TestSession;
  readonly folder: string;
  submit(content: readonly string[], mode: SubmitMode, skipBad?: boolean): ReturnType<typeof submitPaymentsFile>;
}

async function trial(t: Parameters<typeof folderOf>[0]): Promise<Trial & { readonly api: Served }> {
  const folder = folderOf(t);
  const api = await served(t, 5);
  const session = new TestSession(join(folder, 'home'), api);
  return {
    api,
    session,
    folder,
    submit(content, mode, skipBad = false) {
      const file = fileIn(folder, 'p.csv', `${[head, ...content].join('\n')}\n`);
      return submitPaymentsFile(session, { file, mode, results: join(folder, 'results.csv'), skipBad });
    },
  };
}

for (const mode of ['single', 'bulk'] as const)
  test(`a file as ${mode} has the outcome of line by line, and its results say so`, async (t) => {
    const { api, folder, submit } = await trial(t);
    const summary = await submit(lines, mode);
    t.like(summary, { accepted: 4, refused: 2, bad: 0, alreadyPaid: 0 });
    t.deepEqual(
      summary.lines.map(({ outcome }) => outcome),
      outcomes,
    );
    t.is((await findAccount(api.client, 'A'))?.balance, '30.00');
    t.is((await findAccount(api.client, 'B'))?.balance, '0.00');
    const results = readFileSync(join(folder, 'results.csv'), 'utf8').split('\n');
    t.is(results[0], 'line,reference,outcome,text,height,index');
    t.regex(results[2] ?? '', /^3,R2,AM04,The balance/);

    const before = api.node.ledger.executor.head.height;
    const again = await submit(lines, mode);
    t.deepEqual(again.lines, summary.lines, 'again: the same results');
    t.like(again, { accepted: 4, alreadyPaid: 4, refused: 2 });
    t.regex(summaryText(again), /^4 lines accepted, 4 of them paid before, 2 refused/);
    t.is(api.node.ledger.executor.head.height, before, 'and nothing was sent');
  });

for (const [first, second] of [
  ['bulk', 'single'],
  ['single', 'bulk'],
] as const)
  test(`a file as ${second} after ${first} pays nothing twice and shows the first outcomes`, async (t) => {
    const { api, submit } = await trial(t);
    const one = await submit(lines, first);
    const two = await submit(lines, second);
    t.like(two, { accepted: 4, alreadyPaid: 4, refused: 2 });
    t.deepEqual(
      two.lines.map(({ outcome, height, index }) => [outcome, height, index]),
      one.lines.map(({ outcome, height, index }) => [outcome, height, index]),
    );
    t.is(two.lines[0]?.text, 'already paid');
    t.is((await findAccount(api.client, 'A'))?.balance, '30.00');
  });

test('a reference that paid something else is DU04, and not taken for paid', async (t) => {
  const { submit } = await trial(t);
  await submit(['R1,2026-01-31,D,B,1.00,CZK,x'], 'single');
  for (const mode of ['single', 'bulk'] as const) {
    const { lines: results, alreadyPaid } = await submit(['R1,2026-01-31,D,B,2.00,CZK,x'], mode);
    t.is(alreadyPaid, 0);
    t.is(results[0]?.outcome, 'DU04');
  }
});

test('a file with a bad line sends nothing, unless bad lines are to be skipped', async (t) => {
  const { api, submit, session } = await trial(t);
  const content = ['R1,2026-01-31,D,B,1.00,CZK,x', 'R2,2026-01-31,D,B,1.005,CZK,x'];
  const error = await t.throwsAsync(submit(content, 'bulk'), { instanceOf: CliError, message: /line 3: amount/ });
  t.is(error?.exitCode, 2);
  t.false(existsSync(session.paths.outbox));
  const summary = await submit(content, 'bulk', true);
  t.like(summary, { accepted: 1, bad: 1 });
  t.like(summary.lines[1], { line: 3, reference: 'R2', outcome: 'bad' });
  t.is((await findAccount(api.client, 'B'))?.balance, '1.00');
  // Exit code 0 says that every line was accepted.
  t.like(unpaidError(summary), { exitCode: 5, message: `1 bad line of ${summary.file} was left out` });
  t.regex(
    unpaidError({ ...summary, refused: 2 })?.message ?? '',
    /^the ledger refused 2 lines of .*, and 1 bad line of /,
  );
  t.is(unpaidError({ ...summary, bad: 0 }), undefined);
});

test('without --yes and without a terminal nothing is signed', async (t) => {
  const { api, folder } = await trial(t);
  const session = new TestSession(join(folder, 'other'), api, false);
  const file = fileIn(folder, 'q.csv', `${head}\n${lines[0]}\n`);
  const asked = submitPaymentsFile(session, { file, mode: 'bulk', results: join(folder, 'r.csv'), skipBad: false });
  const error = await t.throwsAsync(asked, { instanceOf: CliError, message: /1 payment of .* 60\.00 CZK/ });
  t.is(error?.exitCode, 3);
  const devnet = new TestSession(join(folder, 'devnet'), api, false, true);
  const summary = await submitPaymentsFile(devnet, {
    file,
    mode: 'bulk',
    results: join(folder, 'r.csv'),
    skipBad: false,
  });
  t.is(summary.accepted, 1, "a devnet's keys sign where nobody can be asked");
});

test('accounts are opened once, the same are left alone, other terms and surplus money are refused', async (t) => {
  const { api, folder, session } = await trial(t);
  const columns = 'account,branch,currency,overdraft_limit,opening_balance';
  const rows = [
    'A,NORTH,CZK,0.00,100.00',
    'N-1,NORTH,CZK,none,0.00',
    'S-1,SOUTH,EUR,5.00,0.00',
    'S-2,SOUTH,CZK,0.00,7.00',
  ];
  const file = (content: readonly string[]) => fileIn(folder, 'a.csv', `${[columns, ...content].join('\n')}\n`);
  t.deepEqual(await importAccounts(session, file(rows), false), { branches: 0, opened: 3, existing: 1 });
  t.deepEqual(await importAccounts(session, file(rows), false), { branches: 0, opened: 0, existing: 4 });
  t.like(await findAccount(api.client, 'S-1'), { branch: 'SOUTH', currency: 'EUR', overdraftLimit: '5.00' });
  t.is((await findAccount(api.client, 'S-2'))?.balance, '7.00');
  t.is(readdirSync(session.paths.outbox).length, 0);
  const refused = [
    [['N-1,SOUTH,CZK,none,0.00'], /line 2: N-1 exists with other terms/],
    [['X,NORTH,EUR,0,1.00'], /genesis allows 0\.00 EUR/],
    [['X,NORTH,CZK,0,999999999.00'], /genesis allows 1000000\.00 CZK/],
    [['X,ELSEWHERE,CZK,0,0'], /no members of the consortium: ELSEWHERE/],
  ] as const;
  for (const [content, message] of refused)
    await t.throwsAsync(importAccounts(session, file(content), false), { instanceOf: CliError, message });
});

test('where the officers’ keys are elsewhere, new branches are proposed on paper only', async (t) => {
  const { folder, session, api } = await trial(t);
  const file = fileIn(folder, 'a.csv', 'account,branch,currency,overdraft_limit,opening_balance\nX,EAST-2,CZK,0,0\n');
  const error = await t.throwsAsync(importAccounts(session, file, true), { instanceOf: CliError });
  t.is(error?.exitCode, 4);
  const { shown } = session.output as ReturnType<typeof quietOutput>;
  t.like(shown[0], { method: 'propose', changes: [{ kind: 'add-member', id: 'EAST-2' }] });
  t.is(toHex(api.key.publicKey).length, 64);
});

test('where reads are closed branches are proposed on paper too, and no file is sent', async (t) => {
  const folder = folderOf(t);
  const api = await served(t, 5, { openReads: false });
  const session = new TestSession(join(folder, 'home'), api);
  const columns = 'account,branch,currency,overdraft_limit,opening_balance';
  const accounts = fileIn(folder, 'a.csv', `${columns}\nN-1,NORTH,CZK,none,0.00\nX,EAST-2,CZK,0,0\n`);
  const proposed = await t.throwsAsync(importAccounts(session, accounts, true), { instanceOf: CliError });
  t.is(proposed?.exitCode, 4);
  t.like((session.output as ReturnType<typeof quietOutput>).shown[0], { changes: [{ id: 'EAST-2' }] });
  const file = fileIn(folder, 'p.csv', `${head}\n${lines[0]}\n`);
  const paid = submitPaymentsFile(session, { file, mode: 'bulk', results: join(folder, 'r.csv'), skipBad: false });
  await t.throwsAsync(paid, { instanceOf: ApiProblem, message: /are closed on this node/ });
  t.is(api.node.waiting.size, 0);
});

test('where results cannot be written nothing is paid; from a read-only folder they go to the home', async (t) => {
  const { api, folder, session } = await trial(t);
  const file = fileIn(folder, 'p.csv', `${[head, ...lines].join('\n')}\n`);
  for (const results of [join(folder, 'none', 'r.csv'), folder]) {
    const submitted = submitPaymentsFile(session, { file, mode: 'bulk', results, skipBad: false });
    const error = await t.throwsAsync(submitted, { instanceOf: CliError, message: /no results can be written/ });
    t.is(error?.exitCode, 2);
  }
  t.is((await findAccount(api.client, 'B'))?.balance, '0.00');
  t.is(defaultResults(file, session.paths), `${file}.results.csv`);
  const elsewhere = defaultResults(join(folder, 'none', 'p.csv'), session.paths);
  t.is(elsewhere, join(session.paths.folder, 'results', 'p.csv.results.csv'));
  t.notThrows(() => checkResults(elsewhere));
});
