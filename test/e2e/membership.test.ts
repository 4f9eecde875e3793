// Real processes: governance adds a validator, re-keys one and removes one on a running network, by the command line.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { readDevnet } from '../../cli/devnet-files.ts';
import { freePorts } from '../../cli/free-ports.ts';
import { Home, type Running, statusOf, until } from './_daybook.ts';

const home = new Home();
let fifth: Running;
let url = '';
let payments = 0;
const proposals: string[] = [];

test.before(async () => {
  await home.up({ currency: 'EUR', amount: 1_000_000n });
  for (const account of ['TILL', 'ALICE'])
    await home.json('account', 'open', account, '--currency', 'EUR', '--overdraft-limit', 'none', '--yes');
});
test.after.always(() => home.remove());

async function pay(): Promise<void> {
  const transfer = ['transfer', 'create', '--from', 'TILL', '--to', 'ALICE', '--amount', '1.00', '--currency', 'EUR'];
  payments += 1;
  const { outcome, verified } = await home.json(...transfer, '--reference', `E-${payments}`, '--yes');
  if (outcome !== 'OK' || verified !== true) throw new Error(`payment ${payments}: ${outcome}`);
}

const heightAt = async (at: string) => {
  const status = await statusOf(at).catch(() => undefined);
  return Number(status?.['height'] ?? 0);
};

/** Proposed by the officer of one branch and approved by those of the others. */
async function govern(change: string, what: string): Promise<unknown> {
  const officer = (branch: number) => ['--user', `branch-${branch}.officer`, '--yes'];
  const { proposal } = await home.json('governance', 'propose', change, what, ...officer(1));
  proposals.push(String(proposal));
  const approve = (branch: number) => home.json('governance', 'approve', String(proposal), ...officer(branch));
  await Promise.all([approve(2), approve(3)]);
  return (await approve(4))['status'];
}

test.serial('a learner follows, is added, and votes', async (t) => {
  const [peerPort = 0, apiPort = 0] = await freePorts(2);
  const peers = (readDevnet(home.paths)?.validators ?? []).map((each) => `${each.id}=127.0.0.1:${each.peerPort}`);
  const at = ['--listen', `127.0.0.1:${peerPort}`, '--api', `127.0.0.1:${apiPort}`];
  await home.json('node', 'init', 'validator-5', '--member', 'BRANCH-1', ...at, ...peers.flatMap((p) => ['--peer', p]));
  fifth = home.spawn('node', 'start', 'validator-5');
  url = `http://127.0.0.1:${apiPort}`;
  t.is(await govern('add-learner', join(home.paths.validators, 'validator-5', 'validator.json')), 'enacted');
  await until('the learner has caught up', async () => (await heightAt(url)) > 5);
  t.is((await statusOf(url))['mode'], 'observing', fifth.said());
  t.is(await govern('add-validator', 'validator-5'), 'enacted');
  await until('it votes', async () => (await statusOf(url))['mode'] === 'normal');
  await pay();
  t.like(await statusOf(url), { epoch: 1, index: 4, validators: 5, quorum: 4 });
  t.regex(fifth.said(), /has no vote/);
  const shown = await home.json('governance', 'show', proposals.at(-1) ?? '');
  t.like(shown, { status: 'enacted', changes: ['add-validator validator-5'] });
});

test.serial('a running validator is re-keyed, and another removed, without a pause', async (t) => {
  const [, second = '', , fourth = ''] = home.urls();
  const { publicFile } = await home.json('key', 'rotate', 'validator-2', '--member', 'BRANCH-2');
  const finish = () => home.run('key', 'rotate', 'validator-2', '--member', 'BRANCH-2', '--finish');
  const early = await finish();
  t.is(early.code, 2, 'the keys are not in force yet');
  t.regex(early.stderr, /not in force/);
  t.is(await govern('rotate-validator-keys', String(publicFile)), 'enacted');
  await until('it votes with its next keys', async () => {
    const { epoch, mode, peers } = await statusOf(second);
    return epoch === 2 && mode === 'normal' && (peers as unknown[]).length === 4;
  });
  t.is((await finish()).code, 0);
  await pay();
  t.is(await govern('remove-validator', 'validator-4'), 'enacted');
  await until('it follows', async () => (await statusOf(fourth))['mode'] === 'observing');
  for (let i = 0; i < 3; i++) await pay();
  t.like(await statusOf(url), { epoch: 3, index: 3, validators: 4 });
  await home.kill(1);
  await pay();
  t.pass('without validator-1 the re-keyed and the added one are needed, and vote');
});

test.serial('who is refused, asks a node that left or names no proposal is told why, and nothing else', async (t) => {
  const officer = ['--user', 'branch-1.officer', '--yes'];
  const twice = await home.run('governance', 'propose', 'add-validator', 'validator-2', ...officer);
  t.is(twice.code, 5, twice.stderr);
  t.regex(twice.stdout, /DUPVAL/);
  t.notRegex(twice.stdout + twice.stderr, /governance approve/);
  const [, , , left = ''] = home.urls();
  const gone = await home.run('governance', 'propose', 'remove-validator', 'validator-3', '--node', left, ...officer);
  t.is(gone.code, 69);
  t.regex(gone.stderr, /no validator takes this now \(.*no validator now.*\)\nTry again in a moment, or name another/);
  const none = await home.run('governance', 'show', 'BRANCH-1/G-none');
  t.is(none.code, 1);
  t.regex(none.stderr, /there is no proposal BRANCH-1\/G-none\nWrite it as `daybook governance propose` printed it/);
});

test.serial('an audit judges the log across all changes', async (t) => {
  const [, node = ''] = home.urls();
  const { ok, head } = await home.json<{ readonly ok: boolean; readonly head: object }>(
    'audit',
    'verify',
    '--node',
    node,
  );
  t.true(ok, JSON.stringify(head));
  const folder = join(home.folder, 'archive');
  await home.json('audit', 'export', folder, '--node', node);
  t.true((await home.json<{ readonly ok: boolean }>('audit', 'verify', folder)).ok);
  t.true((await home.json<{ readonly ok: boolean }>('audit', 'replay', folder)).ok);
  const proof = join(home.folder, 'alice.proof');
  for (const source of [
    ['--node', node],
    ['--archive', folder],
  ]) {
    const proven = await home.json('audit', 'balance', 'ALICE', '--output', proof, ...source);
    t.like(proven, { present: true, balance: `${payments}.00`, seq: payments });
    t.is((await home.run('audit', 'balance', '--verify', proof)).code, 0, 'with genesis alone: it holds the changes');
    t.is((await home.run('statement', 'ALICE', ...source)).code, 0);
  }
  const evidence = await home.run('audit', 'evidence', folder);
  t.is(evidence.code, 0, evidence.stderr);
  const compared = await home.run('audit', 'compare', folder, ...home.urls().slice(1, 3));
  t.is(compared.code, 0, compared.stderr + compared.stdout);
});

test.serial(
  'a receipt of the latest epoch verifies without a network, with the proved changes beside it',
  async (t) => {
    const { proof } = await home.json('receipt', 'get', `E-${payments}`);
    const { changes, sets } = await home.json('receipt', 'sets');
    t.is(changes, 3);
    const bytes = Buffer.from(String(sets), 'hex');
    t.true(bytes.length / 3 < 4_096, `${bytes.length} bytes for three changes`);
    const file = (name: string, content: string | Buffer) => {
      writeFileSync(join(home.folder, name), content);
      return join(home.folder, name);
    };
    const receipt = file('r.tlog-proof', String(proof));
    const verified = await home.run('receipt', 'verify', receipt, '--sets', file('sets', bytes));
    t.is(verified.code, 0, verified.stderr);
    t.is((await home.run('receipt', 'verify', receipt)).code, 0, 'this home has learnt them');
    const alone = await home.run('receipt', 'verify', receipt, '--genesis', home.paths.genesis);
    t.is(alone.code, 7, 'the validators of genesis have no say any more');
    t.regex(alone.stderr, /--sets FILE/);
    const cut = Buffer.from(bytes);
    cut[bytes.length >> 1] = (cut[bytes.length >> 1] ?? 0) ^ 1;
    t.is((await home.run('receipt', 'verify', receipt, '--sets', file('cut', cut))).code, 7);
  },
);
