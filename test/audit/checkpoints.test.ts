// What an archive's checkpoints, keys and policy must be, each broken alone; and policies, read and evaluated.
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ArchiveSource } from '../../node/audit/archive-source.ts';
import type { Rule } from '../../node/audit/finding.ts';
import { parsePolicy, policyProblem, validatorPolicy } from '../../node/audit/policy.ts';
import { type Source, StoreSource } from '../../node/audit/source.ts';
import { type Checkpoint, parseCheckpointText } from '../../node/ledger/checkpoint.ts';
import { DecodeError } from '../../node/ledger/codec.ts';
import { formatNote, type Note, parseNote } from '../../node/ledger/note.ts';
import { encodeBundle } from '../../node/ledger/tile-layout.ts';
import { dataPath, readData, testWithData } from '../_data.ts';
import { TestLedger, testGenesis } from '../execution/_ledger.ts';
import { buildChain, chainIdOfLedger } from './_chain.ts';
import { flipped, TestArchive } from './_folder.ts';
import { verify } from './_verify.ts';

const ledger = buildChain(6);
const genesis = chainIdOfLedger(ledger);
const other = buildChain(6, 2);
const note = (height: number): Note => parseNote(ledger.checkpointNote(height) ?? new Uint8Array(0));
const newest = note(6);

async function judged(t: ExecutionContext, path: string, bytes: Uint8Array) {
  const archive = await TestArchive.of(t, new StoreSource(ledger.store));
  await archive.write(path, bytes);
  await archive.remanifest();
  return verify(new ArchiveSource(archive.folder), { genesis });
}

const utf8 = (text: string) => new TextEncoder().encode(text);
const lines = (count: number) => formatNote({ ...newest, signatures: newest.signatures.slice(0, count) });
const elsewhere = new TestLedger({ ...testGenesis(), name: 'daybook.example/other' });

const wrong: readonly (readonly [what: string, bytes: Uint8Array, rule: Rule, affected: boolean])[] = [
  ['is no note', utf8('nothing'), 'checkpoint-form', false],
  ['has an extension line', formatNote({ ...newest, text: `${newest.text}more\n` }), 'checkpoint-form', false],
  [
    'is of another ledger',
    formatNote({ ...newest, text: newest.text.replace('/test/', '/other/') }),
    'checkpoint-origin',
    false,
  ],
  ['is under-signed', lines(2), 'checkpoint-quorum', false],
  [
    'has one signature that does not verify',
    formatNote({ ...newest, text: newest.text.replace(/\n\d+\n/, '\n9\n') }),
    'checkpoint-quorum',
    false,
  ],
  ['is of an older block', formatNote(note(5)), 'checkpoint-size', true],
  ['is of another chain under the same name', other.checkpointNote(6) ?? new Uint8Array(0), 'checkpoint-root', true],
];
for (const [what, bytes, rule, affected] of wrong)
  test(`a checkpoint that ${what} has its own finding`, async (t) => {
    const verdict = await judged(t, 'checkpoint', bytes);
    t.is(verdict.finding?.rule, rule, verdict.finding?.detail);
    t.is(verdict.archive?.ledgerAffected, affected);
  });

test('a tail cut at the end of a block is seen, because a quorum has cosigned more', async (t) => {
  const short = buildChain(6);
  const whole: Source = new StoreSource(short.store);
  const upTo = (short.store.block(4)?.headerIndex ?? 0) + 1;
  const certificate = short.store.certificate(4);
  const cut = new StoreSource({
    head: () => ({ height: 4, logSize: upTo }),
    entries: (from, to) => short.store.entries(from, Math.min(to, upTo)),
    certificate: () => certificate,
    checkpoint: (height) => (height > 4 ? undefined : short.store.checkpoint(height)),
    lastCheckpoint: () => short.store.checkpoint(4),
  });
  const archive = await TestArchive.of(t, cut);
  t.true((await verify(new ArchiveSource(archive.folder), { genesis })).ok, 'an older archive is whole in itself');
  await archive.write('checkpoint', (await whole.checkpoints?.newest()) ?? new Uint8Array(0));
  await archive.remanifest();
  const verdict = await verify(new ArchiveSource(archive.folder), { genesis });
  t.is(verdict.finding?.rule, 'checkpoint-size');
  t.regex(verdict.finding?.detail ?? '', /the end of the log is missing/);
  t.is(verdict.archive?.ledgerAffected, true);
});

test('archived checkpoints are judged one by one, and none lies beyond the log', async (t) => {
  const notes = [1, 2, 3, 4, 5, 6].map((height) => ledger.checkpointNote(height) ?? new Uint8Array(0));
  const bad = notes.with(2, flipped(notes[2] ?? new Uint8Array(0), 300));
  const verdict = await judged(t, 'checkpoints/000.p/6', encodeBundle(bad));
  t.is(verdict.finding?.height, 3);
  t.regex(verdict.finding?.rule ?? '', /^checkpoint-(form|quorum)$/);
  const swapped = await judged(
    t,
    'checkpoints/000.p/6',
    encodeBundle([...notes.slice(1), notes[0] ?? new Uint8Array(0)]),
  );
  t.like(swapped.finding, { rule: 'checkpoint-size', height: 1 });
  const gap = await judged(t, 'checkpoints/000.p/6', encodeBundle(notes.with(2, new Uint8Array(0))));
  t.true(gap.ok, 'not every block has one');
  t.is(gap.checkpoints, 6);
});

test('there are as many pages of archived checkpoints as the log has blocks for', async (t) => {
  const archive = await TestArchive.of(t, new StoreSource(ledger.store));
  const page = 'checkpoints/000.p/6';
  const notes = [1, 2, 3, 4, 5, 6].map((height) => ledger.checkpointNote(height) ?? new Uint8Array(0));
  const none = Array.from({ length: 250 }, () => new Uint8Array(0));
  const damaged = async () => {
    await archive.remanifest();
    const { finding, archive: files } = await verify(new ArchiveSource(archive.folder), { genesis });
    t.is(files?.ledgerAffected, false);
    t.is(finding?.rule, files?.filesDamaged[0]?.rule);
    return files?.filesDamaged.map(({ path, rule }) => `${path} ${rule}`);
  };
  await archive.with(page, undefined, async () => {
    await archive.write('checkpoints/000.p/5', encodeBundle(notes.slice(0, 5)));
    t.deepEqual(await damaged(), ['checkpoints/000.p/5 file-surplus', `${page} file-missing`]);
    await archive.remove('checkpoints/000.p/5');
    await archive.write('checkpoints/000', encodeBundle([...notes, ...none]));
    await mkdir(join(archive.folder, 'checkpoints/001.p'));
    await archive.write('checkpoints/001.p/7', utf8('bytes of no form, which no block asks for'));
    const surplus = ['checkpoints/000 file-surplus', 'checkpoints/001.p/7 file-surplus'];
    t.deepEqual(await damaged(), [...surplus, `${page} file-missing`]);
  });
});

test('keys.txt and policy.txt say what the validators of the log are, and nothing else', async (t) => {
  const archive = await TestArchive.of(t, new StoreSource(ledger.store));
  for (const [path, rule] of [
    ['keys.txt', 'keys-file'],
    ['policy.txt', 'policy-file'],
  ] as const) {
    const text = Buffer.from(await archive.read(path)).toString();
    for (const changed of [`${text}\n`, text.replace('node-1', 'node-7'), ''])
      t.like((await judged(t, path, utf8(changed))).finding, { rule, height: 0 }, path);
  }
  const weaker = Buffer.from(await archive.read('policy.txt'))
    .toString()
    .replace('validators 3', 'validators 1');
  t.is((await judged(t, 'policy.txt', utf8(weaker))).finding?.rule, 'policy-file');
});

test('every byte of a checkpoint counts, though MANIFEST agrees', async (t) => {
  const archive = await TestArchive.of(t, new StoreSource(ledger.store));
  const bytes = await archive.read('checkpoint');
  for (let at = 0; at < bytes.length; at += 7) {
    await archive.write('checkpoint', flipped(bytes, at, 1 << (at % 7)));
    await archive.remanifest();
    const verdict = await verify(new ArchiveSource(archive.folder), { genesis });
    t.false(verdict.ok, `byte ${at}`);
  }
});

test('a policy that is given is enforced, and the validators’ own is met', async (t) => {
  const source = new StoreSource(ledger.store);
  const own = validatorPolicy(ledger.logName, ledger.genesis.validators, undefined);
  t.true((await verify(source, { genesis, policy: parsePolicy(utf8(own)) })).ok);
  const all = own.replace('validators 3', 'validators all');
  const verdict = await verify(source, { genesis, policy: parsePolicy(utf8(all)) });
  t.is(verdict.finding?.rule, 'policy');
  const strangers = validatorPolicy(elsewhere.logName, elsewhere.genesis.validators, undefined);
  t.is((await verify(source, { genesis, policy: parsePolicy(utf8(strangers)) })).finding?.rule, 'policy-fit');
});

const sample = ['vectors', 'tlog', 'sample-log'];

testWithData(...sample)('the policy of the sample log is met by its checkpoint, and by nothing less', (t) => {
  const text = readData(...sample, 'aux', 'policy.txt');
  const policy = parsePolicy(utf8(text));
  t.is(policy.witnesses.length, 6);
  const signed = parseNote(new Uint8Array(readFileSync(dataPath(...sample, 'checkpoint') ?? '')));
  const checkpoint: Checkpoint = parseCheckpointText(signed.text);
  t.is(policyProblem(policy, checkpoint, signed), undefined);
  for (let drop = 0; drop < signed.signatures.length; drop++) {
    const signatures = signed.signatures.filter((_, i) => i !== drop);
    t.is(typeof policyProblem(policy, checkpoint, { ...signed, signatures }), 'string', `without line ${drop}`);
  }
  t.is(typeof policyProblem(policy, { ...checkpoint, size: 599 }, signed), 'string');
  const none = parsePolicy(utf8(text.replace('quorum bank', 'quorum none')));
  t.is(policyProblem(none, checkpoint, { ...signed, signatures: signed.signatures.slice(0, 1) }), undefined);
  const eitherOr = parsePolicy(utf8(text.replace('group bank all', 'group bank any')));
  t.is(
    policyProblem(eitherOr, checkpoint, { ...signed, signatures: [0, 4].flatMap((i) => signed.signatures[i] ?? []) }),
    undefined,
  );
});

testWithData(...sample)(
  'a checkpoint under one key of the whole quorum is read like any other, under its own policy',
  (t) => {
    const policy = parsePolicy(utf8(readData(...sample, 'aux', 'policy.frost.txt')));
    const whole = parseNote(new Uint8Array(readFileSync(dataPath(...sample, 'aux', 'checkpoint.frost') ?? '')));
    const single = parseNote(new Uint8Array(readFileSync(dataPath(...sample, 'checkpoint') ?? '')));
    const checkpoint = parseCheckpointText(whole.text);
    t.is(policyProblem(policy, checkpoint, whole), undefined);
    t.regex(policyProblem(policy, checkpoint, single) ?? '', /signed by no log of the policy/);
    t.is(typeof policyProblem(policy, { ...checkpoint, size: 601 }, whole), 'string');
  },
);

testWithData(...sample)('a policy has a meaning or is refused, line by line', (t) => {
  const text = readData(...sample, 'aux', 'policy.txt');
  const line = (start: string) => text.split('\n').find((each) => each.startsWith(start)) ?? '';
  const bad: readonly (readonly [string, string])[] = [
    ['no quorum', text.replace('quorum bank\n', '')],
    ['two quorums', `${text}quorum none\n`],
    ['a quorum that is not defined', text.replace('quorum bank', 'quorum bench')],
    ['a member that is not defined', text.replace('any a1 a2', 'any a1 a3')],
    [
      'a member that is defined later',
      text.replace('group validators', `group early any later\n${'group validators'}`),
    ],
    ['a member of two groups', text.replace('any a1 a2', 'any a1 v2')],
    ['a member twice', text.replace('any a1 a2', 'any a1 a1')],
    ['a threshold of 0', text.replace('validators 3', 'validators 0')],
    ['a threshold beyond its members', text.replace('validators 3', 'validators 5')],
    ['a threshold of another form', text.replace('validators 3', 'validators 03')],
    ['a group of nobody', `${text}group empty any\n`],
    ['the name none', text.replace('group validators 3', 'group none 3')],
    ['a name twice', `${line('witness v1')}\n${text}`],
    ['a key twice', text.replace('quorum bank', `${line('witness v1').replace('v1', 'v9')}\nquorum bank`)],
    ['a log twice', `${line('log')}\n${text}`],
    ['a witness with a log’s key', text.replace(/witness v1 \S+/, `witness v1 ${line('log').split(' ')[1]}`)],
    ['a key whose id is not its own', text.replace('+ce27ef4d+', '+ce27ef4e+')],
    ['a line of another kind', `${text}allow all\n`],
    ['a word too many', text.replace('quorum bank', 'quorum bank now')],
    ['a carriage return', text.replace('quorum bank\n', 'quorum bank\r\n')],
  ];
  for (const [what, changed] of bad) t.throws(() => parsePolicy(utf8(changed)), { instanceOf: DecodeError }, what);
  const spaced = text.replaceAll(' ', ' \t ').replaceAll('\n', ' \n\n');
  t.is(parsePolicy(utf8(`  # a comment in ${'čeština'}\n${spaced}`)).witnesses.length, 6);
});
