// Validators killed as by a power cut while payments run: nothing is lost, nothing is paid twice.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { decimal, makeBank } from './_bank.ts';
import { Home, rootsOnceLevel, statusOf, until } from './_daybook.ts';

const home = new Home();
test.before(() => home.up().then(() => undefined));
test.after.always(() => home.remove());

type Bank = ReturnType<typeof makeBank>;

function prepare(name: string, seed: number, payments: number): { bank: Bank; accounts: string; file: string } {
  const made = makeBank({ seed, customers: 40, payments, prefix: `${name}-` });
  const own = (text: string) => text.replaceAll(/\b(C|CASH)-(\d+)/g, `${name}$1-$2`);
  const balances = new Map([...made.balances].map(([account, balance]) => [own(account), balance]));
  return {
    bank: { ...made, balances },
    accounts: home.file(`${name}-accounts.csv`, own(made.accountsCsv)),
    file: home.file(`${name}-payments.csv`, own(made.paymentsCsv)),
  };
}

async function settled(t: ExecutionContext, bank: Bank): Promise<void> {
  const found = await home.balances();
  for (const [account, balance] of bank.balances) t.is(found.get(account), decimal(balance), account);
  const sum = [...found.values()].reduce((all, balance) => all + BigInt(balance.replace('.', '')), 0n);
  t.is(sum, 0n, 'money is conserved');
}

test.serial('the primary is killed under load and comes back', async (t) => {
  const { bank, accounts, file } = prepare('P', 21, 1_500);
  await home.json('account', 'import', accounts, '--yes');
  const [first = ''] = home.urls();
  const { height, primary } = await statusOf(first);
  const running = home.spawn('batch', 'submit', file, '--single', '--yes', '--json');
  await until('blocks are made', async () => Number((await statusOf(first))['height']) > Number(height));
  const number = Number(primary) + 1;
  await home.kill(number);
  const killedAt = Date.now();
  const other = home.urls().at(number % 4) ?? '';
  const { height: then } = await statusOf(other);
  await until('the others go on', async () => Number((await statusOf(other))['height']) > Number(then) + 1);
  t.log(`blocks again ${Date.now() - killedAt} ms after the kill`);
  t.is((await home.run('devnet', 'restart', String(number))).code, 0);
  const { code, stdout, stderr } = await running.ended;
  t.is(code, bank.refused === 0 ? 0 : 5, stderr);
  t.like(JSON.parse(stdout), { accepted: bank.payments - bank.refused, refused: bank.refused });
  t.is((await rootsOnceLevel(home)).size, 1);
  await settled(t, bank);
});

interface Acknowledged {
  readonly line: number;
  readonly outcome: string;
}

/** What the command had been told, with proof, when it was killed: its journal in the outbox. */
function acknowledged(reference: string): Acknowledged[] {
  return readdirSync(home.paths.outbox)
    .filter((name) => name.endsWith('.jsonl'))
    .map((name) => readFileSync(join(home.paths.outbox, name), 'utf8'))
    .filter((text) => text.includes(reference))
    .flatMap((text) => text.split('\n').slice(0, -1))
    .map((line) => JSON.parse(line) as { kind: string; outcome: Acknowledged })
    .filter(({ kind }) => kind === 'outcome')
    .map(({ outcome }) => outcome);
}

test.serial('all four are killed at once: every acknowledged payment is there after the restart', async (t) => {
  const { bank, accounts, file } = prepare('A', 22, 1_500);
  await home.json('account', 'import', accounts, '--yes');
  const [first = ''] = home.urls();
  const { height } = await statusOf(first);
  const running = home.spawn('batch', 'submit', file, '--single', '--yes');
  await until('blocks are made', async () => Number((await statusOf(first))['height']) > Number(height) + 10);
  await home.kill(1, 2, 3, 4);
  running.child.kill('SIGKILL');
  t.is((await running.ended).code, undefined, 'killed before its end');
  const outcomes = acknowledged(file);
  t.true(outcomes.length > 0);

  t.log(`${outcomes.length} payments were acknowledged; up again after ${await home.up()} ms`);
  const rows = readFileSync(file, 'utf8').split('\n');
  const [url = ''] = home.urls();
  for (const { line, outcome } of outcomes) {
    const [reference = ''] = (rows[line + 1] ?? '').split(',');
    const answer = await fetch(`${url}/v1/references/CLEARING/${reference}`);
    const found = (await answer.json()) as { outcome?: string };
    if (found.outcome !== outcome) t.fail(`${reference}: acknowledged ${outcome}, now ${JSON.stringify(found)}`);
  }
  const { stdout, stderr } = await home.run('batch', 'submit', file, '--single', '--yes', '--json');
  t.like(JSON.parse(stdout), { accepted: bank.payments - bank.refused, refused: bank.refused }, stderr);
  t.is((await rootsOnceLevel(home)).size, 1);
  await settled(t, bank);
});

test.serial('the chain that came of it verifies from genesis', async (t) => {
  const { code, stdout, stderr } = await home.run('audit', 'verify', '--node', home.urls()[3] ?? '');
  t.is(code, 0, stdout + stderr);
  t.log(stdout.trim());
});
