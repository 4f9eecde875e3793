// One real year of a bank through four validator processes: 1,231 accounts, 28,205 payments, and balances that were
// computed independently. Then again with the primary killed in the middle, and with arrival through all nodes at once.
// With every payment under a signature of its own the year takes minutes: that run is for DAYBOOK_YEAR_SINGLE=1.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ArchiveSource } from '../../node/audit/archive-source.ts';
import { decodeEntry } from '../../node/ledger/entry.ts';
import { dataPath, readData, serialTestWithData } from '../_data.ts';
import { decimal } from '../e2e/_bank.ts';
import { type Ended, Home, minor, rootsOnceLevel, statusOf, until } from '../e2e/_daybook.ts';
import { SecondLedger } from '../model/second-ledger.ts';

const year = 'berka-1993';
const testWithYear = serialTestWithData(year, 'payments.csv');
const path = (name: string) => dataPath(year, name) ?? '';
const rowsOf = (text: string) => text.trim().split('\n').slice(1);

const homes = new Set<Home>();
test.after.always(() => Promise.all([...homes].map((home) => home.remove())));

async function open(t: ExecutionContext): Promise<Home> {
  const home = new Home();
  homes.add(home);
  const readyMs = await home.up();
  const began = Date.now();
  const imported = await home.json('account', 'import', path('accounts.csv'), '--create-branches', '--yes');
  t.like(imported, { branches: 78, opened: 1_231, existing: 0 });
  t.log(`ready after ${readyMs} ms; 78 branches and 1,231 accounts in ${Date.now() - began} ms`);
  return home;
}

type Mode = '--bulk' | '--single';

const submit = (home: Home, file: string, name: string, mode: Mode = '--bulk', more: readonly string[] = []) => {
  const results = ['--results', join(home.folder, `${name}.results.csv`)];
  return home.spawn('batch', 'submit', file, mode, '--user', 'clearing', '--yes', '--json', ...results, ...more);
};

/** Every line accepted, none of them found paid already; gives their number. */
function accepted(t: ExecutionContext, { code, stdout, stderr }: Ended): number {
  t.is(code, 0, stderr);
  const summary = JSON.parse(stdout) as { accepted: number; refused: number; bad: number; alreadyPaid: number };
  t.like(summary, { refused: 0, bad: 0, alreadyPaid: 0 });
  return summary.accepted;
}

/** Each line has one row in the results, and an entry of its own. */
function onceEach(t: ExecutionContext, results: readonly string[]): void {
  const rows = results.flatMap((file) => rowsOf(readFileSync(file, 'utf8'))).map((row) => row.split(','));
  t.is(rows.length, 28_205);
  t.is(new Set(rows.map((row) => row[1])).size, 28_205, 'references');
  t.is(new Set(rows.map((row) => row.at(-1))).size, 28_205, 'entries');
}

async function balanced(t: ExecutionContext, home: Home): Promise<void> {
  t.is((await rootsOnceLevel(home)).size, 1, 'the four agree');
  const found = await home.balances();
  const expected = rowsOf(readData(year, 'expected-balances.csv')).map((row) => row.split(','));
  t.is(expected.length, 1_231);
  const wrong = expected.filter(([account = '', balance = '']) => found.get(account) !== decimal(minor(balance)));
  t.deepEqual(wrong, [], 'to the haler');
  t.is(
    [...found.values()].reduce((sum, balance) => sum + minor(balance), 0n),
    0n,
    'the sum of all balances, what was issued among them',
  );
}

async function audited(t: ExecutionContext, home: Home): Promise<void> {
  const archive = join(home.folder, 'archive');
  const began = Date.now();
  t.is((await home.run('audit', 'export', archive)).code, 0);
  const exportedMs = Date.now() - began;
  const { code, stdout, stderr, ms } = await home.run('audit', 'verify', archive);
  t.is(code, 0, stdout + stderr);
  // The year's lines, the accounts', one transaction that proposes the branches and three that approve them.
  t.regex(stdout, /^OK: .*29440 accepted, 0 refused.*CZK balances sum to 0\.00/);
  t.log(`exported in ${exportedMs} ms, verified in ${ms} ms: ${stdout.trim()}`);
  await judgedAgain(t, archive);
}

/** A second execution that shares no code with the node's comes to the same entries and roots. */
async function judgedAgain(t: ExecutionContext, archive: string): Promise<void> {
  const source = new ArchiveSource(archive);
  const { logSize } = await source.head();
  const began = Date.now();
  let second: SecondLedger | undefined;
  let block: Uint8Array[] = [];
  for await (const run of source.entries(0, logSize))
    for (const entry of run) {
      if (second === undefined) {
        second = new SecondLedger(entry, { stateRootEvery: 10 });
        continue;
      }
      block.push(entry);
      if (decodeEntry(entry).kind !== 3) continue;
      second.block(block);
      block = [];
    }
  t.is(block.length, 0, 'the log ends with a header');
  t.true((second?.outcomes.get('OK') ?? 0) >= 28_205 + 1_231);
  t.log(`judged again by the model in ${Date.now() - began} ms`);
}

async function close(home: Home): Promise<void> {
  await home.remove();
  homes.delete(home);
}

testWithYear('a real year settles to the haler, and an auditor agrees', async (t) => {
  t.timeout(180_000);
  const home = await open(t);
  const run = await submit(home, path('payments.csv'), 'year').ended;
  t.is(accepted(t, run), 28_205);
  t.log(`28,205 payments in ${run.ms} ms: ${Math.round((28_205 / run.ms) * 1_000)} a second`);
  onceEach(t, [join(home.folder, 'year.results.csv')]);
  await balanced(t, home);
  await audited(t, home);
  await close(home);
});

async function yearWithKill(t: ExecutionContext, mode: Mode, heights: number): Promise<void> {
  const home = await open(t);
  const [first = '', second = ''] = home.urls();
  const { height, view } = await statusOf(first);
  t.is(view, 0, 'validator 1 is the primary');
  const running = submit(home, path('payments.csv'), 'year', mode);
  const reached = async () => Number((await statusOf(first))['height']) >= Number(height) + heights;
  await until('payments are settled', reached, 120_000);
  await home.kill(1);
  await until('another primary', async () => Number((await statusOf(second))['view']) > 0);
  t.is(running.child.exitCode, null, 'killed in the middle');
  t.is((await home.run('devnet', 'restart', '1')).code, 0);
  const run = await running.ended;
  t.is(accepted(t, run), 28_205);
  const rate = Math.round((28_205 / run.ms) * 1_000);
  t.log(`${mode}: 28,205 payments in ${run.ms} ms, ${rate} a second, the change of the primary included`);
  onceEach(t, [join(home.folder, 'year.results.csv')]);
  await balanced(t, home);
  await audited(t, home);
  await close(home);
}

testWithYear('the same year with the primary killed in the middle and started again', async (t) => {
  t.timeout(180_000);
  await yearWithKill(t, '--bulk', 3);
});

if (process.env['DAYBOOK_YEAR_SINGLE'] === '1')
  testWithYear('the same year and kill, every payment its own signed transaction', async (t) => {
    t.timeout(600_000);
    await yearWithKill(t, '--single', 100);
  });

/**
 * Four files for four clients, each at a node of its own first. A customer's lines stay in one file and in order, since
 * they depend on each other; between customers only accounts without limit are shared, so that any order must do.
 */
function shuffled(home: Home): string[] {
  const [head = '', ...rows] = readData(year, 'payments.csv').trim().split('\n');
  const parts: string[][] = [[], [], [], []];
  for (const row of rows) {
    const customer = Number(/CUST-(\d+)/.exec(row)?.[1] ?? 0);
    parts[customer % 4]?.push(row);
  }
  return parts.map((part, i) => home.file(`part-${i + 1}.csv`, [head, ...part, ''].join('\n')));
}

testWithYear('the same year, arriving through all four nodes at once in whatever order', async (t) => {
  t.timeout(180_000);
  const home = await open(t);
  const urls = home.urls();
  const began = Date.now();
  const runs = await Promise.all(
    shuffled(home).map((file, i) => {
      const order = [...urls.slice(i), ...urls.slice(0, i)].flatMap((url) => ['--node', url]);
      return submit(home, file, `part-${i + 1}`, '--bulk', order).ended;
    }),
  );
  const counts = runs.map((run) => accepted(t, run));
  t.is(
    counts.reduce((sum, count) => sum + count, 0),
    28_205,
  );
  t.log(`28,205 payments by four clients in ${Date.now() - began} ms`);
  onceEach(
    t,
    [1, 2, 3, 4].map((i) => join(home.folder, `part-${i}.results.csv`)),
  );
  await balanced(t, home);
  await audited(t, home);
  await close(home);
});
