// Accounts and single payments through the command line: what is shown, what is refused and with which exit code.
import { readFileSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { type Account, Home, until } from './_daybook.ts';

const home = new Home();

test.before(async (t) => {
  t.log(`four validators ready after ${await home.up({ currency: 'EUR', amount: 1_000_000n })} ms`);
});
test.after.always(() => home.remove());

const pay = (reference: string, amount: string, ...more: string[]) => [
  ...['transfer', 'create', '--from', 'TILL', '--to', 'ALICE', '--amount', amount, '--currency', 'EUR'],
  ...['--reference', reference, '--date', '2026-03-02', '--yes', ...more],
];

test.serial('the first operation on a new chain is final within moments of `ready`', async (t) => {
  const open = ['account', 'open', 'TILL', '--currency', 'EUR', '--branch', 'BRANCH-1', '--overdraft-limit', 'none'];
  const { code, ms, stderr } = await home.run(...open, '--yes');
  t.is(code, 0, stderr);
  t.log(`final ${ms} ms after ready, the start of the command included`);
  t.true(ms < 3_000, `${ms} ms`);
});

test.serial('account open, show and list say what stands in the ledger', async (t) => {
  await home.json('account', 'open', 'ALICE', '--currency', 'EUR', '--branch', 'BRANCH-2', '--yes');
  const limited = ['account', 'open', 'BOB', '--currency', 'EUR', '--branch', 'BRANCH-3', '--overdraft-limit', '50'];
  const opened = await home.json(...limited, '--yes');
  t.is(opened['outcome'], 'OK');
  t.is(opened['verified'], true);
  const bob = { account: 'BOB', branch: 'BRANCH-3', currency: 'EUR', balance: '0.00', overdraftLimit: '50.00' };
  t.like(await home.json('account', 'show', 'BOB'), { ...bob, verified: false }, 'one node says so');
  const list = await home.json<readonly Account[]>('account', 'list');
  const keys = ['account', 'branch', 'currency', 'balance', 'overdraftLimit'];
  for (const each of list)
    for (const key of keys) t.is(typeof each[key as keyof Account], 'string', `${each.account} ${key}`);
  t.like(
    list.find(({ account }) => account === 'BOB'),
    bob,
  );
  t.deepEqual(
    list.map(({ account }) => account),
    ['ALICE', 'BOB', 'ISSUED-EUR', 'TILL'],
  );
  const none = await home.run('account', 'show', 'NOBODY');
  t.is(none.code, 1);
  t.regex(none.stderr, /there is no account NOBODY/);
});

test.serial('transfer create ends with a checked receipt, and transfer show proves it again', async (t) => {
  const made = await home.json(...pay('R-1', '12.50'));
  t.like(made, { outcome: 'OK', verified: true, already: false, reference: 'R-1', amount: '12.50' });
  const byReference = await home.json('transfer', 'show', 'R-1');
  t.like(byReference, { outcome: 'OK', from: 'TILL', to: 'ALICE', amount: '12.50', currency: 'EUR', id: made['id'] });
  const byId = await home.json('transfer', 'show', String(made['id']));
  t.like(byId, { reference: 'R-1', height: made['height'], index: made['index'] });
  t.is((await home.balances()).get('ALICE'), '12.50');
});

test.serial('the same reference for the same payment gives the first outcome and pays nothing', async (t) => {
  const first = await home.json('transfer', 'show', 'R-1');
  const again = await home.json(...pay('R-1', '12.50'));
  t.like(again, { outcome: 'OK', height: first['height'], index: first['index'], id: first['id'] });
  t.is((await home.balances()).get('ALICE'), '12.50');
});

test.serial('the same reference for another payment is refused: DU04, exit code 5', async (t) => {
  const { code, stderr } = await home.run(...pay('R-1', '13.00'));
  t.is(code, 5);
  t.regex(stderr, /DU04/);
  t.is((await home.balances()).get('ALICE'), '12.50');
});

test.serial('lack of money is refused and recorded: AM04, exit code 5, and for ever', async (t) => {
  const spend = ['transfer', 'create', '--from', 'ALICE', '--to', 'BOB', '--amount', '100', '--currency', 'EUR'];
  const command = [...spend, '--reference', 'R-2', '--date', '2026-03-02', '--yes'];
  const { code, stderr } = await home.run(...command);
  t.is(code, 5);
  t.regex(stderr, /AM04/);
  await home.json(...pay('R-3', '500'));
  t.is((await home.run(...command)).code, 5, 'money that came later does not change the outcome');
  t.like(await home.json('transfer', 'show', 'R-2'), { outcome: 'AM04', verified: true });
  t.is((await home.run(...command.map((each) => (each === 'R-2' ? 'R-4' : each)))).code, 0);
});

test.serial('what the ledger refuses ends with 5 and names the reason', async (t) => {
  const command = (from: string, to: string, currency: string) => [
    ...['transfer', 'create', '--from', from, '--to', to, '--amount', '1', '--currency', currency, '--yes'],
  ];
  const cases = [
    [command('TILL', 'NOBODY', 'EUR'), /AC03|AC01|unknown|no account/i],
    [command('NOBODY', 'ALICE', 'EUR'), /AC02|AC01|unknown|no account/i],
    [command('TILL', 'ALICE', 'CZK'), /AM03|AC09|currency/i],
    [command('TILL', 'TILL', 'EUR'), /ED\d\d|BE\d\d|same|itself/i],
    [[...command('TILL', 'ALICE', 'EUR'), '--user', 'branch-2.teller'], /DS0H|not allowed/i],
  ] as const;
  for (const [args, reason] of cases) {
    const { code, stderr } = await home.run(...args);
    t.is(code, 5, `${args.join(' ')}: ${stderr}`);
    t.regex(stderr, reason);
    t.log(stderr.split('\n')[0]);
  }
});

test.serial('what is no payment ends with 2, and nothing is sent', async (t) => {
  const before = await home.json<{ nodes: { height: number }[] }>('node', 'status');
  for (const amount of ['0', '-1', '1.001', '1e3', '1,00', '10000000000000000000', 'x']) {
    const { code, stderr } = await home.run(...pay('R-BAD', amount));
    t.is(code, 2, `${amount}: ${stderr}`);
    t.regex(stderr, /amount|argument|option/);
  }
  t.is((await home.run(...pay('R'.repeat(36), '1'))).code, 2);
  t.is((await home.run('transfer', 'create', '--from', 'TILL')).code, 2);
  t.is((await home.run('transfers')).code, 2);
  const after = await home.json<{ nodes: { height: number }[] }>('node', 'status');
  t.is(after.nodes[0]?.height, before.nodes[0]?.height);
});

test.serial("without a terminal nothing is asked: a devnet's keys sign, others end with 3", async (t) => {
  const { settings } = home.paths;
  const stored = readFileSync(settings, 'utf8');
  const { demoPassphrase, ...others } = JSON.parse(stored) as { demoPassphrase: string };
  const passphrase = home.file('passphrase', demoPassphrase);
  writeFileSync(settings, JSON.stringify(others));
  const unasked = (reference: string) => pay(reference, '0.01').filter((each) => each !== '--yes');
  const { code, stderr } = await home.run(...unasked('R-9'), '--passphrase-file', passphrase);
  writeFileSync(settings, stored);
  t.is(code, 3, stderr);
  t.is((await home.run('transfer', 'show', 'R-9')).code, 1, 'nothing was signed');
  t.is((await home.run(...unasked('R-10'))).code, 0);
});

test.serial('an opening balance needs what genesis allows to be issued', async (t) => {
  const open = (account: string, balance: string, currency = 'EUR') => [
    ...['account', 'open', account, '--currency', currency, '--branch', 'BRANCH-1', '--opening-balance', balance],
    '--yes',
  ];
  t.is((await home.run(...open('RICH', '9999.99'))).code, 0);
  t.is((await home.balances()).get('ISSUED-EUR'), '-9999.99');
  const over = await home.run(...open('RICHER', '0.02'));
  t.is(over.code, 5, over.stderr);
  const other = await home.run(...open('ANY', '1', 'USD'));
  t.is(other.code, 5, other.stderr);
});

test.serial(
  'no validator that answers ends with 69, no quorum with 6, and the payment is made once all the same',
  async (t) => {
    const nowhere = await home.run('account', 'list', '--node', 'http://127.0.0.1:9');
    t.is(nowhere.code, 69, nowhere.stderr);
    await home.kill(3, 4);
    const [first = ''] = home.urls();
    await until(
      'the first has seen that it lacks a quorum',
      async () => (await fetch(`${first}/readyz`)).status === 503,
    );
    const timeout = await home.run(...pay('R-5', '1', '--timeout-ms', '1000'));
    t.is(timeout.code, 6, timeout.stderr);
    t.regex(timeout.stderr, /safe|only once|never paid twice/);
    for (const each of ['3', '4']) t.is((await home.run('devnet', 'restart', each)).code, 0);
    const again = await home.json(...pay('R-5', '1'));
    t.like(again, { outcome: 'OK' });
    const alice = (await home.balances()).get('ALICE');
    await home.json(...pay('R-5', '1'));
    t.is((await home.balances()).get('ALICE'), alice, 'paid once');
  },
);
