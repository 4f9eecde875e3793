// Files of accounts and payments through the command line: single and bulk, again, after a kill, and with wrong lines.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { decimal, makeBank } from './_bank.ts';
import { Home, statusOf, until } from './_daybook.ts';

const home = new Home();

test.before(() => home.up({ currency: 'EUR', amount: 100_000n }).then(() => undefined));
test.after.always(() => home.remove());

interface Summary {
  readonly accepted: number;
  readonly alreadyPaid: number;
  readonly refused: number;
  readonly bad: number;
  readonly results: string;
}

const accountsHead = 'account,branch,currency,overdraft_limit,opening_balance\n';
const paymentsHead = 'reference,date,from,to,amount,currency,purpose\n';

/** Refusals for lack of money end a run with 5: that is the file's outcome, not a failure of the run. */
async function submit(t: ExecutionContext, file: string, ...more: string[]): Promise<Summary> {
  const { code, stdout, stderr } = await home.run('batch', 'submit', file, '--yes', '--json', ...more);
  t.true(code === 0 || code === 5, `exit code ${code}: ${stderr}`);
  const summary = JSON.parse(stdout) as Summary;
  t.is(code, summary.refused + summary.bad === 0 ? 0 : 5);
  return summary;
}

async function balancesAre(t: ExecutionContext, expected: ReadonlyMap<string, bigint>): Promise<void> {
  const found = await home.balances();
  for (const [account, balance] of expected) t.is(found.get(account), decimal(balance), account);
}

const bank = makeBank({ seed: 7, customers: 24, payments: 900, prefix: 'B' });

test.serial('accounts of branches that are none yet need --create-branches', async (t) => {
  const rows = 'TILL-N,NORTH,EUR,none,0.00\nN-1,NORTH,EUR,10.00,0.00\nS-1,SOUTH,EUR,0.00,0.00\n';
  const file = home.file('branches.csv', accountsHead + rows);
  const refused = await home.run('account', 'import', file, '--yes');
  t.is(refused.code, 2, refused.stderr);
  t.regex(refused.stderr, /NORTH, SOUTH/);
  t.like(await home.json('account', 'import', file, '--create-branches', '--yes'), { branches: 2, opened: 3 });
  t.like(await home.json('account', 'import', file, '--create-branches', '--yes'), { opened: 0, existing: 3 });
  const teller = ['--user', 'north.teller', '--yes'];
  const pay = ['transfer', 'create', '--from', 'TILL-N', '--to', 'N-1', '--amount', '5', '--currency', 'EUR'];
  t.is((await home.run(...pay, ...teller)).code, 0, 'the new branch has a teller who may pay');
});

test.serial('opening balances in a file need what genesis allows', async (t) => {
  const within = home.file('within.csv', `${accountsHead}E-1,BRANCH-1,EUR,0.00,600.00\n`);
  t.like(await home.json('account', 'import', within, '--yes'), { opened: 1 });
  const over = home.file('over.csv', `${accountsHead}E-2,BRANCH-1,EUR,0.00,400.01\n`);
  const { code, stderr } = await home.run('account', 'import', over, '--yes');
  t.true(code === 2 || code === 5, stderr);
  t.regex(stderr, /issue/);
  const none = home.file('none.csv', `${accountsHead}E-3,BRANCH-1,CZK,0.00,0.01\n`);
  t.is((await home.run('account', 'import', none, '--yes')).code, 2);
  const balances = await home.balances();
  t.deepEqual(
    ['E-1', 'E-2', 'E-3'].map((name) => balances.get(name)),
    ['600.00', undefined, undefined],
  );
});

test.serial('a bulk file comes out as line by line, and a second run pays nothing', async (t) => {
  const accounts = home.file('accounts.csv', bank.accountsCsv);
  t.like(await home.json('account', 'import', accounts, '--yes'), { opened: 26 });
  const file = home.file('payments.csv', bank.paymentsCsv);
  const first = await submit(t, file, '--bulk');
  t.like(first, { accepted: bank.payments - bank.refused, refused: bank.refused });
  await balancesAre(t, bank.balances);
  const results = readFileSync(first.results, 'utf8').trim().split('\n');
  t.is(results.length, 1 + bank.payments, 'one row a line');
  t.is(results.filter((row) => row.includes(',AM04,')).length, bank.refused);
  const again = await submit(t, file, '--bulk');
  t.like(again, { accepted: first.accepted, alreadyPaid: first.accepted, refused: first.refused });
  await balancesAre(t, bank.balances);
});

test.serial('the same file line by line after bulk, without its outbox too, pays nothing', async (t) => {
  const file = join(home.folder, 'payments.csv');
  const again = await submit(t, file, '--single');
  t.is(again.accepted, bank.payments - bank.refused);
  t.is(again.alreadyPaid, again.accepted);
  await balancesAre(t, bank.balances);
});

test.serial('a command killed in the middle goes on where it stopped: nothing is lost or paid twice', async (t) => {
  for (const mode of ['--single', '--bulk']) {
    const payments = mode === '--single' ? 1_200 : 2_500;
    const part = makeBank({ seed: 11, customers: 30, payments, prefix: `K${mode}` });
    const own = (text: string) => text.replaceAll(/\b(C|CASH)-(\d+)/g, `$1${mode === '--single' ? 'S' : 'B'}-$2`);
    const accounts = home.file(`accounts${mode}.csv`, own(part.accountsCsv));
    await home.json('account', 'import', accounts, '--yes');
    const file = home.file(`payments${mode}.csv`, own(part.paymentsCsv));
    const [url = ''] = home.urls();
    const height = async () => Number((await statusOf(url))['height']);
    const before = await height();
    const running = home.spawn('batch', 'submit', file, mode, '--yes');
    await until('it has begun', async () => (await height()) > before || running.child.exitCode !== null);
    running.child.kill('SIGKILL');
    t.is((await running.ended).code, undefined, `${mode}: killed before its end`);
    t.false(existsSync(`${file}.results.csv`));
    const rest = await submit(t, file, mode);
    t.like(rest, { accepted: part.payments - part.refused, refused: part.refused }, mode);
    await balancesAre(t, new Map([...part.balances].map(([name, balance]) => [own(name), balance])));
  }
});

test.serial('bulk after an interrupted single run of the same file pays no line twice', async (t) => {
  const part = makeBank({ seed: 13, customers: 30, payments: 1_200, prefix: 'M' });
  const own = (text: string) => text.replaceAll(/\b(C|CASH)-(\d+)/g, '$1M-$2');
  await home.json('account', 'import', home.file('accounts-m.csv', own(part.accountsCsv)), '--yes');
  const file = home.file('payments-m.csv', own(part.paymentsCsv));
  const [url = ''] = home.urls();
  const before = Number((await statusOf(url))['height']);
  const running = home.spawn('batch', 'submit', file, '--single', '--yes');
  await until('it has begun', async () => Number((await statusOf(url))['height']) > before);
  running.child.kill('SIGKILL');
  t.is((await running.ended).code, undefined);
  await until('what was sent is settled', async () => {
    const { mempool } = (await statusOf(url)) as { mempool: { transactions: number } };
    return mempool.transactions === 0;
  });
  const rest = await submit(t, file, '--bulk');
  t.like(rest, { accepted: part.payments - part.refused, refused: part.refused });
  t.true(rest.alreadyPaid > 0);
  t.log(`${rest.alreadyPaid} lines had been paid one by one`);
  await balancesAre(t, new Map([...part.balances].map(([name, balance]) => [own(name), balance])));
});

test.serial('a bad line is named and nothing is sent, unless --skip-bad', async (t) => {
  const rows =
    'X-1,2026-03-02,CASH-1,C-1,1.00,CZK,\nX-2,2026-02-30,CASH-1,C-1,1.00,CZK,\nX-3,2026-03-02,CASH-1,C-1,1.005,CZK,\n';
  const file = home.file('bad.csv', paymentsHead + rows);
  const { code, stderr } = await home.run('batch', 'submit', file, '--yes');
  t.is(code, 2);
  t.regex(stderr, /line 3: .*2026-02-30/);
  t.regex(stderr, /line 4: .*1\.005/);
  t.is((await home.run('transfer', 'show', 'X-1')).code, 1, 'nothing was sent');
  t.like(await submit(t, file, '--skip-bad'), { accepted: 1, bad: 2 });
  t.is((await home.run('transfer', 'show', 'X-1')).code, 0);
});

test.serial('a pain.001 file is paid; one whose sums disagree or with a DTD is refused whole', async (t) => {
  const source = new URL('../../../genesis/examples/payroll.xml', import.meta.url);
  const text = readFileSync(source, 'utf8');
  const wrongSum = home.file('sum.xml', text.replace(/<CtrlSum>[\d.]+</, '<CtrlSum>1.00<'));
  const wrongCount = home.file('count.xml', text.replace(/<NbOfTxs>\d+</, '<NbOfTxs>1<'));
  const withDtd = home.file('dtd.xml', text.replace(/\?>/, '?>\n<!DOCTYPE x [<!ENTITY a "b">]>'));
  for (const [file, reason] of [
    [wrongSum, /CtrlSum/],
    [wrongCount, /NbOfTxs/],
    [withDtd, /DOCTYPE|DTD/i],
  ] as const) {
    const { code, stderr } = await home.run('batch', 'submit', file, '--yes');
    t.is(code, 2, stderr);
    t.regex(stderr, reason);
  }
  // Its accounts are unknown here: every line is refused, and recorded.
  t.like(await submit(t, home.file('payroll.xml', text)), { accepted: 0 });
});
