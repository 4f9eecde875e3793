// What an auditor does with the command line: export, verify an archive and a node, and find what was changed.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { decodeEntry } from '../../node/ledger/entry.ts';
import { decodeBundle } from '../../node/ledger/tile-layout.ts';
import { decodeTransaction } from '../../node/ledger/transaction.ts';
import { prng } from '../_prng.ts';
import { makeBank } from './_bank.ts';
import { Home } from './_daybook.ts';

const home = new Home();
const archive = join(home.folder, 'archive');

test.before(async () => {
  await home.up();
  const bank = makeBank({ seed: 3, customers: 10, payments: 300, prefix: 'P' });
  await home.json('account', 'import', home.file('accounts.csv', bank.accountsCsv), '--yes');
  await home.run('batch', 'submit', home.file('payments.csv', bank.paymentsCsv), '--yes');
});
test.after.always(() => home.remove());

test.serial('an exported archive and a node verify from the genesis of the home: OK, exit code 0', async (t) => {
  const exported = await home.run('audit', 'export', archive);
  t.is(exported.code, 0, exported.stderr);
  t.regex(exported.stdout, / --home home\n$/, 'the check that is advised knows the genesis');
  for (const args of [[archive], ['--node', home.urls()[2] ?? '']]) {
    const { code, stdout, stderr } = await home.run('audit', 'verify', ...args);
    t.is(code, 0, stderr);
    t.is(stdout.trim().split('\n').length, 1, 'one line');
    t.regex(stdout, /^OK: .*CZK balances sum to 0\.00/);
  }
  const again = await home.run('audit', 'export', archive);
  t.not(again.code, 0, 'an archive is not written over');
});

test.serial(
  'receipts of a transaction and of a line verify without any network, and a changed one does not',
  async (t) => {
    const bundle = readdirSync(join(archive, 'tile/entries'), { recursive: true, encoding: 'utf8' });
    t.true(bundle.includes('000'), 'at least 256 entries');
    const entries = decodeBundle(readFileSync(join(archive, 'tile/entries/000')), 256).map(decodeEntry);
    const found = entries.find((each) => each.kind === 1);
    const line = entries.findLast((each) => each.kind === 2);
    if (found?.kind !== 1 || line?.kind !== 2) return t.fail('no entry to prove');
    const batch = entries[line.batch];
    const { member } = decodeTransaction(batch?.kind === 1 ? batch.transaction : found.transaction).body;
    const genesis = ['--genesis', home.paths.genesis];
    const elsewhere = new Home();
    try {
      for (const name of [[decodeTransaction(found.transaction).id], [line.reference, '--member', member]]) {
        const { code, stdout, stderr } = await home.run('receipt', 'get', ...name);
        t.is(code, 0, stderr);
        t.true(stdout.length < 4_096);
        const good = await elsewhere.run('receipt', 'verify', elsewhere.file('r.tlog-proof', stdout), ...genesis);
        t.is(good.code, 0, good.stderr);
        t.regex(good.stdout, /^OK: entry \d+ \(.*: OK\) is in the log of \d+ entries/);
        const changed = stdout.replace(/index (\d+)/, (_, index: string) => `index ${Number(index) + 1}`);
        const bad = await elsewhere.run('receipt', 'verify', elsewhere.file('r.tlog-proof', changed), ...genesis);
        t.is(bad.code, 7, bad.stdout);
        t.regex(bad.stderr, /proof-path/);
      }
    } finally {
      await elsewhere.remove();
    }
  },
);

test.serial('an auditor’s policy is enforced on an archive', async (t) => {
  const own = readFileSync(join(archive, 'policy.txt'), 'utf8');
  const good = await home.run('audit', 'verify', archive, '--policy', join(archive, 'policy.txt'));
  t.is(good.code, 0, good.stdout);
  const strict = home.file('strict.txt', own.replace('validators 3', 'validators 4'));
  const bad = await home.run('audit', 'verify', archive, '--policy', strict);
  t.is(bad.code, 7);
  t.regex(bad.stdout, /FAILED at height \d+: policy: /);
  t.is((await home.run('audit', 'verify', archive, '--policy', home.file('no.txt', 'quorum all\n'))).code, 2);
});

test.serial(
  'a balance, and an absence, are proved by a node and by an archive, and judged without a network',
  async (t) => {
    const [first] = await home.json<readonly { account: string; balance: string }[]>('account', 'list');
    const account = first?.account ?? '';
    const elsewhere = new Home();
    const file = join(elsewhere.folder, 'balance.proof');
    try {
      for (const [named, says] of [
        [[account], `${account} holds ${first?.balance} CZK`],
        [[account, '--at', '1'], `there is no account ${account}`],
        [['NOBODY', '--archive', archive], 'there is no account NOBODY'],
      ] as const) {
        const { code, stdout, stderr } = await home.run('audit', 'balance', ...named, '--output', file);
        t.is(code, 0, stderr);
        t.true(stdout.startsWith(`OK: ${says}`), stdout);
        const judged = ['audit', 'balance', '--verify', file, '--genesis', home.paths.genesis];
        t.is((await elsewhere.run(...judged)).stdout, stdout);
        const bytes = readFileSync(file);
        bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
        writeFileSync(file, bytes);
        t.is((await elsewhere.run(...judged)).code, 7);
      }
    } finally {
      await elsewhere.remove();
    }
  },
);

test.serial('a statement is complete, two checkpoints are of one log, and events alone make the state', async (t) => {
  const accounts = await home.json<readonly { account: string; balance: string }[]>('account', 'list');
  const { account = '', balance } = accounts[1] ?? {};
  for (const from of [[], ['--archive', archive]]) {
    const { code, stdout, stderr } = await home.run('statement', account, '--from', '2020-01-01', ...from);
    t.is(code, 0, stderr);
    t.regex(stdout, new RegExp(`OK: provably complete: \\d+ postings? .* of ${account} .* to ${balance} CZK`));
  }
  const url = home.urls()[1] ?? '';
  const checkpoint = join(archive, 'checkpoint');
  for (const args of [
    ['consistency', checkpoint, url],
    ['compare', checkpoint, url, archive, home.urls()[0] ?? ''],
    ['replay', archive],
  ]) {
    const { code, stdout, stderr } = await home.run('audit', ...args);
    t.is(code, 0, stderr + stdout);
    t.regex(stdout, /^OK: /);
  }
  const report = await home.json('audit', 'evidence', archive, checkpoint, '--user', 'clearing', '--yes');
  t.like(report, { guilty: [], recorded: [], moreThanFaulty: false, signedBy: { user: 'clearing' } });
  const signed = home.file('report.json', JSON.stringify(report));
  t.regex(
    (await home.run('audit', 'evidence', '--verify', signed)).stdout,
    /^OK: 0 accusations proved, signed by the key/,
  );
  const { signature } = report as { readonly signature: string };
  const other = { ...report, signature: signature.replace(/^./, (first) => (first === 'A' ? 'B' : 'A')) };
  t.is((await home.run('audit', 'evidence', '--verify', home.file('other.json', JSON.stringify(other)))).code, 7);
});

test.serial('without a genesis to compare the verdict says so and prints the hash', async (t) => {
  const elsewhere = new Home();
  try {
    const { code, stdout } = await elsewhere.run('audit', 'verify', archive);
    t.is(code, 0);
    t.regex(stdout, /^consistent, genesis not checked/);
    const replayed = await elsewhere.run('audit', 'replay', archive);
    t.is(replayed.code, 0);
    for (const said of [stdout, replayed.stdout])
      t.regex(said, /^Any ledger passes so.*--genesis FILE or its hash\.$/m);
    t.like(await elsewhere.json('audit', 'verify', archive), { ok: true, genesisChecked: false });
    const [hash = ''] = /[0-9a-f]{64}/.exec(stdout.slice(stdout.indexOf('genesis not checked'))) ?? [];
    t.regex(hash, /^[0-9a-f]{64}$/);
    const named = await elsewhere.run('audit', 'verify', archive, '--genesis', hash);
    t.is(named.code, 0);
    t.regex(named.stdout, /^OK/);
    const other = await elsewhere.run('audit', 'verify', archive, '--genesis', `${'0'.repeat(63)}1`);
    t.is(other.code, 7, other.stdout + other.stderr);
  } finally {
    await elsewhere.remove();
  }
});

test.serial('a flipped byte in any file is found: exit code 7', async (t) => {
  const files = readdirSync(archive, { recursive: true, encoding: 'utf8' })
    .map((name) => join(archive, name))
    .filter((path) => statSync(path).isFile());
  const random = prng(17);
  for (let i = 0; i < 6; i++) {
    const path = random.pick(files);
    const bytes = readFileSync(path);
    const changed = Buffer.from(bytes);
    const at = random.int(bytes.length);
    changed[at] = (changed[at] ?? 0) ^ (1 << random.int(8));
    writeFileSync(path, changed);
    const { code, stdout, stderr } = await home.run('audit', 'verify', archive);
    t.is(code, 7, `${path} at ${at}: ${stdout}${stderr}`);
    writeFileSync(path, bytes);
  }
  t.is((await home.run('audit', 'verify', archive)).code, 0);
});

test.serial('a node that does not answer ends with 69, a folder that is no archive is refused', async (t) => {
  t.is((await home.run('audit', 'verify', '--node', 'http://127.0.0.1:9')).code, 69);
  const { code, stderr } = await home.run('audit', 'verify', home.folder);
  t.true(code === 2 || code === 7, `${code}: ${stderr}`);
  t.is((await home.run('audit', 'verify')).code, 2);
});
