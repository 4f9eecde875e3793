// The command line as a process: help, exit codes, what goes to stdout and what to stderr.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { CliError, exitCodes } from '../../cli/exit-codes.ts';
import { explained } from '../../cli/explained.ts';
import { unreadable } from '../../cli/files.ts';
import { statusRow, statusTable } from '../../cli/node-table.ts';
import { refuseTerminal, reportError, table, toJson } from '../../cli/output.ts';
import { formatGenesis } from '../../genesis/genesis-text.ts';
import { StoreSource } from '../../node/audit/source.ts';
import { buildChain } from '../audit/_chain.ts';
import { TestArchive } from '../audit/_folder.ts';
import { testGenesis } from '../execution/_ledger.ts';
import { fileIn, folderOf } from './_home.ts';

const main = fileURLToPath(new URL('../../cli/main.js', import.meta.url));

function daybook(...args: string[]) {
  const began = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    encoding: 'utf8',
    env: { ...process.env, DAYBOOK_PASSPHRASE: 'a test', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { status, stdout, stderr, ms: performance.now() - began };
}

test('help names every command, on stdout, in a blink', (t) => {
  const runs = Array.from({ length: 3 }, () => daybook('--help'));
  t.is(runs[0]?.status, 0);
  for (const name of ['demo', 'devnet', 'genesis', 'key', 'node', 'account', 'transfer', 'batch', 'audit', 'explain'])
    t.regex(runs[0]?.stdout ?? '', new RegExp(`^  ${name}`, 'm'));
  const bareMs = Math.min(...Array.from({ length: 3 }, bare));
  // On a busy machine a bare Node is slow too: what we add to it is ours.
  t.true(Math.min(...runs.map(({ ms }) => ms)) < 200 + bareMs);
});

function bare(): number {
  const began = performance.now();
  spawnSync(process.execPath, ['-e', '0']);
  return performance.now() - began;
}

test('a wrong command line is exit code 2, with a suggestion', (t) => {
  for (const args of [
    ['acount', 'list'],
    ['account', 'lst'],
    ['account', 'list', '--jsn'],
    ['transfer', 'create'],
  ]) {
    const { status, stdout, stderr } = daybook(...args);
    t.is(status, exitCodes.usage, args.join(' '));
    t.is(stdout, '');
    t.regex(stderr, /Did you mean|required option/);
  }
  const json = daybook('account', 'lst', '--json');
  t.is(json.status, exitCodes.usage);
  t.like(JSON.parse(json.stderr), { error: { exitCode: exitCodes.usage } });
});

test('a home without a chain is told what to do; with --json the error is JSON on stderr', (t) => {
  const home = join(folderOf(t), 'home');
  const { status, stderr } = daybook('account', 'list', '--home', home);
  t.is(status, exitCodes.usage);
  t.regex(stderr, /names no validator to ask\nGive --node URL/);
  const json = daybook('account', 'list', '--home', home, '--json', '--node', 'http://127.0.0.1:9');
  t.is(json.status, exitCodes.usage);
  t.like(JSON.parse(json.stderr), { error: { exitCode: 2 } });
  t.is(json.stdout, '');
});

test('keys are made and listed; a key is never written over', (t) => {
  const home = join(folderOf(t), 'home');
  t.is(daybook('key', 'new', 'anna', '--member', 'BRANCH-1', '--home', home).status, 0);
  t.is(daybook('key', 'new', 'anna', '--member', 'BRANCH-1', '--home', home).status, exitCodes.usage);
  t.is(daybook('key', 'new', 'bert', '--member', 'branch', '--home', home).status, exitCodes.usage);
  const { stdout } = daybook('key', 'list', '--home', home, '--json');
  t.like(JSON.parse(stdout), [{ name: 'anna', member: 'BRANCH-1' }]);
});

test('every code is explained, in any case, and so are the exit codes', (t) => {
  t.is(daybook('explain', 'am04').stdout, 'AM04: The balance and the overdraft limit do not cover the amount.\n');
  const codes = JSON.parse(daybook('explain', 'exit-codes', '--json').stdout) as { code: number }[];
  t.deepEqual(
    codes.map(({ code }) => code),
    Object.values(exitCodes),
  );
  for (const code of ['verification', 'Verification', '7'])
    t.regex(daybook('explain', code).stdout, /: exit code 7 \(verification\): a chain/, code);
  t.is(daybook('explain', 'nonsense').status, exitCodes.usage);
});

test('an archive that is none, and a command that needs one, end with their codes', (t) => {
  const folder = folderOf(t);
  t.is(daybook('audit', 'verify', '--home', folder).status, exitCodes.usage);
  t.is(daybook('audit', 'verify', join(folder, 'none'), '--home', folder).status, exitCodes.usage);
  const empty = daybook('audit', 'verify', folder, '--home', folder);
  t.is(empty.status, exitCodes.verification);
  t.regex(empty.stdout, /^FAILED at height 0/m);
  t.is(daybook('audit', 'verify', '--node', 'http://127.0.0.1:9', '--home', folder).status, exitCodes.unreachable);
  const file = fileIn(folder, 'notes.txt', 'no archive');
  for (const args of [
    ['verify', file],
    ['replay', file],
  ] as const) {
    const { status, stderr } = daybook('audit', ...args, '--home', folder);
    t.is(status, exitCodes.usage, args[0]);
    t.regex(stderr, /notes\.txt is a file, and an archive is a folder\nName the folder/);
  }
  t.is(daybook('devnet', 'status', '--home', folder).status, exitCodes.usage);
  t.is(daybook('node', 'start', 'v1', '--home', folder).status, exitCodes.usage);
});

test('what is asked for in a way that means nothing is refused with the reason and the next step', (t) => {
  const home = folderOf(t);
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['audit', 'verify'], /folder or --node URL\n/],
    [['audit', 'verify', home, '--node', 'http://127.0.0.1:9'], /--node URL, not both\n/],
    [['audit', 'verify', home, '--genesis', '25832ef0'], /--genesis 25832ef0: there is no such file, and .* 64 hex/],
    [['statement', 'A', '--from', '2026-12-05', '--to', '2026-12-01'], /--from 2026-12-05 is after --to 2026-12-01\n/],
    [
      ['statement', 'A', '--from', '2026-12-05', '--to', '2026-12-05'],
      /there is no \S+genesis\.json to judge by\nName /,
    ],
    [['account', 'open', 'alice', '--currency', 'EUR'], /account "alice": write 1 to 34 capital letters, digits and /],
    [['account', 'open', 'A', '--branch', 'b', '--currency', 'EUR'], /branch "b": write .* like NORTH-1001\nNothing/],
    [['account', 'open', 'A', '--currency', 'EUR'], /there are no keys in .*\nIs it the right --home\? /],
    [['key', 'list', '--home', join(home, 'none')], /there is no home .*\n.*--home/],
    [['node', 'start', 'v1', '--home', home], /daybook node init v1 --home \S+\n/],
    [['account', 'list', '--timeout-ms', '5'], /unknown option '--timeout-ms'/],
    [['audit', 'evidence', home, '--node', 'http://127.0.0.1:9'], /unknown option '--node'/],
  ];
  for (const [args, said] of cases) {
    const { status, stdout, stderr } = daybook(...args, ...(args.includes('--home') ? [] : ['--home', home]));
    t.is(status, exitCodes.usage, args.join(' '));
    t.is(stdout, '');
    t.regex(stderr, said);
  }
});

test('a statement says when its log ends, plainly where the days that were asked for go on', async (t) => {
  const ledger = buildChain(4);
  const { folder } = await TestArchive.of(t, new StoreSource(ledger.store));
  const at = new Date(ledger.store.head().timestamp);
  const [end, day] = [at.toISOString(), at.toISOString().slice(0, 10)];
  const rest = ['--archive', folder, '--genesis', join(folder, 'genesis.json'), '--home', folderOf(t)];
  const statement = (...range: string[]) => daybook('statement', 'ACCOUNT-0', ...range, ...rest);
  const log = `checkpoint of ${ledger.store.head().logSize} entries (block ${ledger.store.head().height}, ${end})`;
  for (const range of [[], ['--to', `${ledger.store.head().logSize}`]]) {
    const { stdout, stderr } = statement(...range, '--json');
    t.like(JSON.parse(stdout), { rangeCovered: true, checkpoint: { timestamp: end } }, stderr);
  }
  t.regex(statement().stdout, /^OK: provably complete: /m);
  t.true(statement().stdout.includes(log));
  const limit = `up to ${end} only (the log that was shown ends there)`;
  for (const range of [
    ['--to', day],
    ['--to', '2999-12-31'],
    ['--from', '2999-12-31'],
  ]) {
    t.true(statement(...range).stdout.includes(`OK: provably complete ${limit}: `), range.join(' '));
    t.like(JSON.parse(statement(...range, '--json').stdout), { complete: true, rangeCovered: false });
  }
  const nobody = daybook('statement', 'NOBODY', '--to', day, ...rest);
  t.true(nobody.stderr.includes(`in that range, and that is proved ${limit}`), nobody.stderr);
  t.regex(statement('--to', '2000-01-01').stderr, /in that range, and that is proved\n/);
});

test('a comparison that lacks the later log says how to name it', async (t) => {
  const [early, late] = await Promise.all([3, 5].map((n) => TestArchive.of(t, new StoreSource(buildChain(n).store))));
  const file = (archive: TestArchive | undefined, name: string) => join(archive?.folder ?? '', name);
  const checkpoints = [file(early, 'checkpoint'), file(late, 'checkpoint')];
  const rest = ['--genesis', file(late, 'genesis.json'), '--home', folderOf(t)];
  const unproved = daybook('audit', 'compare', ...checkpoints, ...rest);
  t.is(unproved.status, exitCodes.verification, unproved.stderr);
  t.regex(
    unproved.stdout,
    /^not proved from \d+ to \d+ entries: no source .*\nName where .*--node URL, or --archive DIR/,
  );
  t.is(daybook('audit', 'compare', ...checkpoints, '--archive', file(late, ''), ...rest).status, exitCodes.ok);
});

test('what this user may not read or write is said in words, with what to do', (t) => {
  const named = unreadable('policy.txt', 'EACCES');
  t.is(named.message, 'cannot read policy.txt: permission denied');
  t.regex(named.next ?? '', /^Give the user/);
  t.is(unreadable('policy.txt', 'ENOENT').next, 'Check the path.');
  const raw = Object.assign(new Error('EACCES: x'), { code: 'EACCES', path: 'day/tile/0/000', syscall: 'open' });
  t.like(explained(raw), { exit: 'failed', message: 'permission denied: day/tile/0/000 (open)', next: named.next });
  const other = Object.assign(new Error('x'), { code: 'EIO' });
  t.is(explained(other), other);
});

test('a long reason stands below the table of validators, not in it', (t) => {
  const silenced = {
    validator: 'v3',
    index: 2,
    primary: 0,
    ready: false,
    reason: 'what it signed is forgotten '.repeat(9),
  };
  const [, first = '', , below = ''] = statusTable([
    statusRow('x', silenced),
    statusRow('y', { validator: 'v4', ready: false, reason: 'no quorum' }),
  ]).split('\n');
  t.regex(first, /^v3 +0 {2}not ready, see below +0/);
  t.true(first.length < 100);
  t.regex(below, /^v3: not ready: what it signed is forgotten/);
});

test('an address without http:// and a name that no account can have are wrong command lines', (t) => {
  const home = folderOf(t);
  fileIn(home, 'genesis.json', formatGenesis(testGenesis()));
  const bare = '127.0.0.1:9';
  for (const args of [
    ['node', 'status'],
    ['account', 'list'],
    ['audit', 'export', join(home, 'day')],
    ['audit', 'verify'],
    ['audit', 'balance', 'A'],
    ['audit', 'compare', home, home],
    ['receipt', 'sets'],
  ]) {
    const { status, stderr } = daybook(...args, '--node', bare, '--home', home);
    t.is(status, exitCodes.usage, args.join(' '));
    t.regex(stderr, /^error: "127.0.0.1:9" is no address of a node's API\nWrite http:\/\/127.0.0.1:9\.$/m);
  }
  fileIn(home, 'home.json', '{"nodes": ["nowhere at all"]}');
  t.regex(
    daybook('account', 'list', '--home', home).stderr,
    /"nowhere at all" is no address.*\nWrite http:\/\/HOST:PORT/,
  );
  for (const name of ['nobody', 'N_1', 'N'.repeat(35)])
    for (const command of [['audit', 'balance'], ['statement']])
      for (const from of [[], ['--node', `http://${bare}`], ['--archive', home]]) {
        const { status, stderr } = daybook(...command, name, ...from, '--home', home);
        t.is(status, exitCodes.usage, [...command, name, ...from].join(' '));
        t.regex(stderr, /cannot be the name of an account\nNames are 1 to 34 capital letters, digits and hyphens/);
      }
});

test('an error of ours gives its exit code, any other is 1', (t) => {
  const write = process.stderr.write;
  process.stderr.write = () => true;
  t.teardown(() => {
    process.stderr.write = write;
  });
  for (const [name, code] of Object.entries(exitCodes))
    t.is(reportError(new CliError(name as keyof typeof exitCodes, 'x'), true), code);
  t.is(reportError(new Error('x'), false), exitCodes.failed);
});

test('amounts in JSON are text, and tables line up', (t) => {
  t.is(toJson({ amount: 12n }), '{"amount":"12"}');
  t.is(
    table(
      ['a', 'sum'],
      [
        ['xyz', '1.00'],
        ['y', '10.00'],
      ],
      [1],
    ),
    'a      sum\nxyz   1.00\ny    10.00',
  );
});

test('a reader that goes away makes no success of a failure', async (t) => {
  const folder = folderOf(t);
  fileIn(folder, 'MANIFEST', 'nothing\n');
  const verify = () =>
    spawn(process.execPath, [main, 'audit', 'verify', folder], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [reading, gone] = [verify(), verify()];
  reading.stdout.resume();
  gone.stdout.destroy();
  gone.stderr.destroy();
  const codeOf = async (child: typeof gone) => (await once(child, 'exit'))[0];
  t.deepEqual(await Promise.all([codeOf(reading), codeOf(gone)]), [exitCodes.verification, exitCodes.verification]);
});

test('bytes that are no text are not written to a terminal', (t) => {
  t.notThrows(() => refuseTerminal({}, 'the sets', 'Use a file.'));
  const error = t.throws(() => refuseTerminal({ isTTY: true }, 'the sets', 'Use a file.'), { instanceOf: CliError });
  t.like(error, {
    exitCode: exitCodes.usage,
    message: 'the sets are bytes, and this is a terminal',
    next: 'Use a file.',
  });
});

test('a file of an archive writes no verdict of its own', (t) => {
  const folder = folderOf(t);
  fileIn(folder, 'a\u001b[2J\u001b[H\nOK: 5 blocks', '');
  const { status, stdout } = daybook('audit', 'verify', folder);
  t.is(status, exitCodes.verification);
  t.regex(stdout, /^FAILED at height 0: [^\n]*\n$/);
  t.notRegex(stdout, /\p{Cc}(?!$)/u);
});
