// A policy on the command line: the home's is demanded by every command that shows a receipt, outside witnesses are
// brought in by import, and one that cannot be met is refused before anything is sent.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { parseCheckpointText } from '../../node/ledger/checkpoint.ts';
import { cosignatureMessage, encodeTimed } from '../../node/ledger/cosignature.ts';
import { sha256 } from '../../node/ledger/hash.ts';
import { formatNote, parseNote } from '../../node/ledger/note.ts';
import { publicKeyOf, sign } from '../../node/ledger/signature.ts';
import { parseProof } from '../../node/ledger/tlog-proof.ts';
import { formatVerifierKey, verifierKey } from '../../node/ledger/verifier-key.ts';
import { Home } from './_daybook.ts';

const home = new Home();
const archive = join(home.folder, 'archive');
const seed = sha256(new TextEncoder().encode('an outside witness'));
const witness = verifierKey('witness.example/w1', 'cosignature', publicKeyOf(seed));
let validators = '';
let outside = '';

test.before(async () => {
  await home.up();
  await home.json('account', 'open', 'A-1', '--currency', 'CZK', '--user', 'clearing', '--yes');
  await home.run('audit', 'export', archive);
  validators = readFileSync(join(archive, 'policy.txt'), 'utf8').replace(/^log .*\n/m, '');
  outside =
    validators.replace('quorum validators\n', '') +
    `witness w1 ${formatVerifierKey(witness)} https://witness.example/add-checkpoint\n` +
    'group bank all validators w1\nquorum bank\n';
});
test.after.always(() => home.remove());

/** What a tlog-witness answers: its signature line over that checkpoint. */
function cosigned(note: Uint8Array): string {
  const { text } = parseNote(note);
  const time = 1_800_000_000;
  const signature = encodeTimed({ time, signature: sign(cosignatureMessage(parseCheckpointText(text), time), seed) });
  const { name, keyId } = witness;
  const whole = Buffer.from(formatNote({ text, signatures: [{ name, keyId, signature }] })).toString();
  return home.file('lines', whole.slice(text.length + 1));
}

const open = (account: string) => ['account', 'open', account, '--currency', 'CZK', '--user', 'clearing', '--yes'];

test.serial('the home’s policy is demanded after each receipt, and its checkpoint is named', async (t) => {
  writeFileSync(home.paths.policy, validators);
  const { code, stdout, stderr } = await home.run(...open('A-2'), '--reference', 'OPEN-A2');
  t.is(code, 0, stderr);
  t.regex(stdout, /receipt verified; policy met by the checkpoint of \d+ entries\n$/);
  const shown = await home.json('transfer', 'show', 'OPEN-A2', '--member', 'CLEARING');
  t.true(Number((shown['policy'] as { size: number }).size) > Number(shown['index']));
  for (const args of [
    ['audit', 'verify', archive],
    ['audit', 'replay', archive],
    ['audit', 'balance', 'A-2'],
    ['statement', 'A-2'],
    ['audit', 'consistency', join(archive, 'checkpoint'), home.urls()[0] ?? ''],
    ['receipt', 'get', 'OPEN-A2', '--member', 'CLEARING'],
    ['receipt', 'sets'],
  ])
    t.is((await home.run(...args)).code, 0, args.join(' '));
});

test.serial(
  'an outside witness is waited for by hand: nothing counts before its cosignature is imported',
  async (t) => {
    writeFileSync(home.paths.policy, outside);
    const first = await home.run(...open('A-3'), '--reference', 'OPEN-A3');
    t.is(first.code, 6, first.stdout);
    t.is(first.stdout, '');
    t.regex(first.stderr, /bank has 1 of the 2 that it needs, without w1 \(witness\.example\/w1\)/);
    t.regex(first.stderr, /\(https:\/\/witness\.example\/add-checkpoint\).*audit import .*checkpoint LINES/);
    const lines = cosigned(readFileSync(home.paths.checkpoint));
    t.is((await home.run('audit', 'import', home.paths.checkpoint, lines)).code, 0);
    const again = await home.run(...open('A-3'), '--reference', 'OPEN-A3');
    t.is(again.code, 0, again.stderr);
    t.regex(again.stdout, /nothing was done again.*policy met by the checkpoint/);
  },
);

test.serial(
  'a receipt and an archive are written without the witness, say so, and are met once it is added',
  async (t) => {
    await home.json(...open('A-4'), '--reference', 'OPEN-A4', '--policy', home.file('validators.txt', validators));
    const got = await home.run('receipt', 'get', 'OPEN-A4', '--member', 'CLEARING');
    t.is(got.code, 7);
    t.regex(got.stderr, /without w1/);
    const receipt = home.file('r.tlog-proof', got.stdout);
    const before = await home.run('receipt', 'verify', receipt);
    t.is(before.code, 7);
    t.regex(before.stderr, /policy: .* without w1/);
    t.regex(before.stderr, /audit import FILE LINES/);
    t.is((await home.run('audit', 'import', receipt, cosigned(parseProof(readFileSync(receipt)).note))).code, 0);
    t.is((await home.run('receipt', 'verify', receipt)).code, 0);
    const folder = join(home.folder, 'second');
    const exported = await home.run('audit', 'export', folder);
    t.is(exported.code, 7);
    t.regex(exported.stderr, /policy: .* without w1/);
    t.regex((await home.run('audit', 'verify', folder)).stdout, /^FAILED at height \d+: policy: .* without w1/);
    t.is((await home.run('audit', 'import', folder, cosigned(readFileSync(join(folder, 'checkpoint'))))).code, 0);
    t.is((await home.run('audit', 'verify', folder)).code, 0, 'MANIFEST agrees');
    const compared = await home.run('audit', 'compare', join(archive, 'checkpoint'), folder);
    t.is(compared.code, 0, compared.stderr);
    const newest = await home.run(
      'audit',
      'compare',
      join(archive, 'checkpoint'),
      '--archive',
      folder,
      join(archive, 'checkpoint'),
    );
    t.is(newest.code, 7);
    t.regex(newest.stderr, /the largest, of \d+ entries: .* without w1/);
  },
);

test.serial(
  'a policy that cannot be met is refused up front: 7 for another ledger’s, 2 for one without a meaning',
  async (t) => {
    const key = formatVerifierKey(verifierKey('other.example/log', 'note', publicKeyOf(seed)));
    const elsewhere = home.file('elsewhere.txt', `log ${key}\n${validators}`);
    const stranger = formatVerifierKey(verifierKey('other.example/validator/v', 'cosignature', publicKeyOf(seed)));
    const strangers = home.file('strangers.txt', `witness v1 ${stranger}\nquorum v1\n`);
    const broken = home.file('broken.txt', validators.replace('validators 3', 'validators 5'));
    for (const [policy, wanted, why] of [
      [elsewhere, 7, /policy-fit: the policy is for the log other\.example\/log/],
      [strangers, 7, /policy-fit: .*validators of another ledger/],
      [broken, 2, /line \d+ of the policy: the threshold/],
      [join(home.folder, 'nowhere.txt'), 2, /nowhere\.txt/],
    ] as const)
      for (const args of [
        open('NEVER'),
        ['audit', 'verify', archive],
        ['audit', 'balance', 'A-1'],
        ['statement', 'A-1'],
        ['audit', 'compare', archive, archive],
        ['receipt', 'get', 'OPEN-A2', '--member', 'CLEARING'],
      ]) {
        const { code, stderr } = await home.run(...args, '--policy', policy);
        t.is(code, wanted, `${args.join(' ')}: ${stderr}`);
        t.regex(stderr, why);
        t.false(/\n +at /.test(stderr), 'no stack');
      }
    writeFileSync(home.paths.policy, validators);
    t.is((await home.run('transfer', 'show', 'NEVER')).code === 0, false, 'nothing was sent');
  },
);
