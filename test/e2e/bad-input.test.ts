// What an auditor may be handed: archives that are cut, mixed, emptied or full of junk, checkpoints of another log,
// unsigned and under-signed, receipts of another chain, files of another kind. Each command ends with 7 (or 2 for a
// mistake of form), names a rule or says what is missing, and never shows a stack.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { transferArguments } from '../../contracts/payments.ts';
import { formatGenesis } from '../../genesis/genesis-text.ts';
import { proofAt } from '../../node/api/proof.ts';
import { StoreSource } from '../../node/audit/source.ts';
import { formatNote, parseNote } from '../../node/ledger/note.ts';
import { encodeAs } from '../../node/ledger/schema.ts';
import { setLinksSchema } from '../../node/ledger/set-chain.ts';
import { TestNode } from '../api/_node.ts';
import { buildChain, buildChangedChain, setLinksOf } from '../audit/_chain.ts';
import { TestArchive } from '../audit/_folder.ts';
import { clearing, TestLedger as Ledger, type TestLedger, testGenesis } from '../execution/_ledger.ts';
import { type Ended, Home } from './_daybook.ts';

const home = new Home();
test.after.always(() => home.remove());

const ledger = buildChangedChain(1);
const other = buildChangedChain(1, new Ledger({ ...testGenesis(), name: 'daybook.example/other' }));
class Node extends TestNode {
  override readonly ledger: TestLedger;
  constructor(of: TestLedger) {
    super();
    this.ledger = of;
  }
}
const genesis = ['--genesis', home.file('genesis.json', formatGenesis(ledger.genesis))];
const account = 'ACCOUNT-0';

function tidy(t: ExecutionContext, { code, stdout, stderr }: Ended, what: string, wanted = 7): string {
  const said = stdout + stderr;
  t.is(code, wanted, `${what}: ${said}`);
  t.false(/^ +at /m.test(said), `${what} shows a stack`);
  t.true(said.trim().length > 0, what);
  return said;
}

const commandsOn = (folder: string): readonly (readonly string[])[] => [
  ['audit', 'verify', folder],
  ['audit', 'replay', folder],
  ['audit', 'compare', folder, folder],
  ['audit', 'balance', account, '--archive', folder],
  ['statement', account, '--archive', folder],
];

/** Every command that reads the whole archive; `verify` alone where the others have no need of what is damaged. */
async function expectRefused(t: ExecutionContext, folder: string, what: string, isAll: boolean, rule: RegExp) {
  const commands = commandsOn(folder).slice(0, isAll ? 5 : 1);
  const ended = await Promise.all(commands.map((args) => home.run(...args, ...genesis)));
  for (const [i, each] of ended.entries()) {
    const said = tidy(t, each, `${what}: ${commands[i]?.join(' ')}`);
    if (i === 0) t.regex(said, rule, what);
  }
}

const junk = new Uint8Array(300).fill(255);

test.serial('archives that are cut, emptied, mixed or full of junk', async (t) => {
  t.timeout(170_000);
  const archive = await TestArchive.of(t, new StoreSource(ledger.store));
  const theirs = await TestArchive.of(t, new StoreSource(other.store));
  const paths = await archive.paths();
  const bundle = paths.find((path) => path.startsWith('tile/entries')) ?? '';
  const entries = await archive.read(bundle);
  const cases: readonly (readonly [string, string, Uint8Array | undefined, boolean, RegExp])[] = [
    ['half a bundle', bundle, entries.slice(0, entries.length >> 1), true, /FAILED at height \d+: source/],
    ['no bundle', bundle, undefined, true, /FAILED at height 0: source/],
    ['junk for a bundle', bundle, junk, true, /FAILED at height \d+: source/],
    ['a bundle of another ledger', bundle, await theirs.read(bundle).catch(() => junk), true, /FAILED at height 0/],
    ['an empty checkpoint', 'checkpoint', new Uint8Array(0), true, /checkpoint-form|file-sum/],
    ['junk for a checkpoint', 'checkpoint', junk, true, /checkpoint-form|file-sum/],
    ['a checkpoint of another ledger', 'checkpoint', await theirs.read('checkpoint'), true, /checkpoint-origin/],
    ['no certificate', 'certificate', undefined, false, /FAILED at height \d+: (source|certificate)/],
    ['junk for a certificate', 'certificate', junk, false, /FAILED at height \d+: certificate/],
    ['junk for MANIFEST', 'MANIFEST', junk, false, /manifest/],
    ['no genesis.json', 'genesis.json', undefined, false, /file-missing|genesis-file|source/],
  ];
  for (const [what, path, bytes, isAll, rule] of cases)
    await archive.with(path, bytes, () => expectRefused(t, archive.folder, what, isAll, rule));
});

test.serial('checkpoints that are of another log, unsigned or under-signed', async (t) => {
  const good = ledger.checkpointNote(ledger.store.head().height) ?? new Uint8Array(0);
  const note = parseNote(good);
  const file = (name: string, bytes: Uint8Array) => {
    writeFileSync(join(home.folder, name), bytes);
    return join(home.folder, name);
  };
  const right = file('right', good);
  const text = Buffer.from(good).toString();
  const sets = ['--sets', file('changes', encodeAs(setLinksSchema, setLinksOf(ledger)))];
  const stranger = other.checkpointNote(3) ?? junk;
  for (const [what, bytes, rule] of [
    ['of another log', stranger, /checkpoint-origin/],
    ['unsigned', Buffer.from(text.slice(0, text.indexOf('\n\n') + 1)), /checkpoint-form/],
    ['under-signed', formatNote({ ...note, signatures: note.signatures.slice(0, 1) }), /checkpoint-quorum/],
    ['with a line too many', Buffer.from(text.replace('\n\n', '\nmore\n\n')), /checkpoint-form/],
    ['of junk', junk, /checkpoint-form/],
  ] as const) {
    const wrong = file('wrong', bytes);
    for (const args of [
      ['audit', 'compare', right, wrong],
      ['audit', 'consistency', wrong, right],
    ])
      t.regex(tidy(t, await home.run(...args, ...genesis, ...sets), `${what}: ${args[1]}`), rule, what);
  }
  const founders = tidy(t, await home.run('audit', 'compare', right, right, ...genesis), 'without the changes');
  t.regex(founders, /checkpoint-quorum: .* of the validators of epoch 0/);
  t.regex(founders, /^If validators have changed since then, give the changes: --sets FILE/m);
  t.is((await home.run('audit', 'compare', right, right, ...genesis, ...sets)).code, 0);
});

test.serial(
  'two archives of a fork that more than f made: each of them is named, and the report stands alone',
  async (t) => {
    const sides = [await sideOf(t, 1), await sideOf(t, 2)];
    const found = await home.run('audit', 'evidence', ...sides, ...genesis);
    const said = tidy(t, found, 'a fork');
    for (const name of ['node-0 of NORTH', 'node-1 of SOUTH', 'node-2 of EAST'])
      t.true(said.includes(`GUILTY: ${name}`), name);
    t.regex(said, /3 validators of epoch 0 lied, and the ledger bears 1: more than its rules can hold/);
    const { stdout } = await home.run('audit', 'evidence', ...sides, ...genesis, '--json');
    t.like(JSON.parse(stdout), { moreThanFaulty: true, epochs: [{ epoch: 0, guilty: 3, faulty: 1 }] });
    const report = home.file('report.json', stdout);
    const judged = await home.run('audit', 'evidence', '--verify', report, ...genesis);
    t.is(judged.code, 0, judged.stderr);
    t.regex(judged.stdout, /OK: 3 accusations proved, unsigned/);
    const stranger = ['--genesis', home.file('other.json', formatGenesis(other.genesis))];
    t.regex(
      tidy(t, await home.run('audit', 'evidence', '--verify', report, ...stranger), 'another chain'),
      /header-chain/,
    );
    tidy(t, await home.run('audit', 'evidence', '--verify', home.file('none', 'nonsense'), ...genesis), 'no report');
    rmSync(join(sides[1] ?? '', 'checkpoint'));
    const damaged = tidy(t, await home.run('audit', 'evidence', ...sides, ...genesis), 'a damaged side');
    t.is(damaged.match(/^GUILTY: /gm)?.length, 3);
    t.true(damaged.includes(`NOT READ: ${sides[1]}: checkpoint is missing`));
    const alone = tidy(t, await home.run('audit', 'evidence', sides[1] ?? '', ...genesis), 'nothing but a gap');
    t.regex(alone, /no contradiction besides what is recorded, as far as could be read/);
  },
);

test.serial(
  'a side of a fork that changed no validators is compared under its own, and never taken for good',
  async (t) => {
    const steady = (await TestArchive.of(t, new StoreSource(buildChain(30).store))).folder;
    const changed = (await TestArchive.of(t, new StoreSource(ledger.store))).folder;
    for (const args of [
      ['compare', steady, changed],
      ['consistency', changed, steady],
    ])
      t.regex(
        tidy(t, await home.run('audit', ...args, ...genesis), args.join(' ')),
        /^FORK: .* cosigned by node-2 of EAST$/m,
      );
    t.is((await home.run('audit', 'compare', steady, steady, ...genesis)).code, 0, 'nothing is known of another side');
    writeFileSync(join(home.folder, 'changes'), encodeAs(setLinksSchema, setLinksOf(ledger)));
    const sets = ['--sets', join(home.folder, 'changes')];
    const known = await home.run('audit', 'compare', steady, steady, ...genesis, ...sets);
    t.regex(tidy(t, known, 'beside the changes of the other side'), /proof-consistency: .* of two/);
    t.is((await home.run('audit', 'compare', changed, changed, ...genesis, ...sets)).code, 0);
  },
);

test.serial('a checkpoint that came alone hides nothing of the rest, and is said to be judged or not', async (t) => {
  const steady = (await TestArchive.of(t, new StoreSource(buildChain(30).store))).folder;
  const note = parseNote(ledger.checkpointNote(ledger.store.head().height) ?? junk);
  const alone = { ...note, signatures: note.signatures.filter(({ name }) => name.endsWith('/node-1')) };
  const stray = join(home.folder, 'stray');
  writeFileSync(stray, formatNote(alone));
  writeFileSync(join(home.folder, 'changes'), encodeAs(setLinksSchema, setLinksOf(ledger)));
  const run = (...more: readonly string[]) => home.run('audit', 'evidence', steady, stray, ...more, ...genesis);
  const open = tidy(t, await run(), 'a stray of a side that is not known');
  t.regex(open, /^NOT JUDGED: .* in the name \S+node-1 under the key \w+, which no known validator has/m);
  t.regex(open, /^no contradiction besides what is recorded, as far as could be read$/m);
  const sets = ['--sets', join(home.folder, 'changes')];
  const told = tidy(t, await run(...sets), 'with the changes of that side');
  t.regex(told, /^FORK: .*cosigned by node-1 of SOUTH; .* proves /m);
  t.is(told.match(/^GUILTY: /gm)?.length, 3);
  const { forks, unjudged } = JSON.parse((await run(...sets, '--json')).stdout);
  t.deepEqual([forks.length, unjudged.length], [1, 0]);
});

test.serial('a purpose or an account that a spreadsheet would run is no formula in a statement as CSV', async (t) => {
  const side = buildChain(2);
  const formula = '=HYPERLINK("http://x.example","y")';
  for (const account of ['-1-2', 'PAYER'])
    side.settle(side.transaction(clearing, 'payments', 'open', [account, 'NORTH', 'CZK', [], 0]));
  const fields = { from: 'PAYER', to: '-1-2', amount: 2500n, currency: 'CZK', purpose: formula, date: '2026-01-02' };
  side.settle(side.transaction(clearing, 'payments', 'transfer', transferArguments(fields)));
  const { folder } = await TestArchive.of(t, new StoreSource(side.store));
  const { code, stdout, stderr } = await home.run('statement', 'PAYER', '--archive', folder, '--csv', ...genesis);
  t.is(code, 0, stderr);
  t.regex(stdout, /^\d+,1,2026-01-02,'-1-2,-25\.00,-25\.00,"'=HYPERLINK\(""http:\/\/x\.example"",""y""\)"$/m);
  const { lines } = JSON.parse(
    (await home.run('statement', 'PAYER', '--archive', folder, '--json', ...genesis)).stdout,
  );
  t.like(lines.at(-1), { counterparty: '-1-2', amount: '-25.00', purpose: formula });
});

/** Of the founders' chain; the seed decides what is paid. */
async function sideOf(t: ExecutionContext, seed: number): Promise<string> {
  return (await TestArchive.of(t, new StoreSource(buildChain(4, seed).store))).folder;
}

test.serial('receipts of another chain, and files that are none', async (t) => {
  const node = new Node(other);
  const write = (name: string, bytes: Uint8Array | string) => {
    writeFileSync(join(home.folder, name), bytes);
    return join(home.folder, name);
  };
  const foreign = write('foreign', proofAt(node, 3) ?? '');
  const own = write('own', proofAt(new Node(ledger), ledger.store.head().logSize - 2) ?? '');
  const sets = write('sets', encodeAs(setLinksSchema, setLinksOf(other)));
  const none = write('junk', junk);
  const empty = write('empty', '');
  const run = (...args: readonly string[]) => home.run(...args, ...genesis);
  t.regex(tidy(t, await run('receipt', 'verify', foreign), 'a foreign receipt'), /checkpoint-origin/);
  const early = tidy(t, await run('receipt', 'verify', own), 'without the changes');
  t.regex(early, /checkpoint-quorum.*epoch 0\nIf validators have changed since then, give the changes: --sets FILE/);
  t.regex(tidy(t, await run('receipt', 'verify', own, '--sets', sets), 'the sets of another chain'), /another chain/);
  for (const wrong of [none, empty]) {
    t.regex(tidy(t, await run('receipt', 'verify', wrong), 'no receipt'), /proof-form/);
    tidy(t, await run('receipt', 'verify', own, '--sets', wrong), 'no sets');
    t.regex(tidy(t, await run('audit', 'balance', '--verify', wrong), 'no balance proof'), /proof-form/);
    t.regex(tidy(t, await run('audit', 'evidence', wrong), 'no checkpoint'), /checkpoint-form/);
    tidy(t, await home.run('audit', 'import', own, wrong, '--policy', wrong), 'no policy', 2);
    tidy(t, await run('receipt', 'verify', own, '--policy', wrong), 'no policy', 2);
  }
  tidy(t, await run('receipt', 'verify', join(home.folder, 'nowhere')), 'no file', 2);
});
