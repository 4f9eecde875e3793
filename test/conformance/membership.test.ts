// The same verifiers on a log whose validators have changed: one joined, one got new keys, one left. Four whole
// validators in one process made it; each checkpoint is judged by the keys of the set of its own time.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  verifyMembership as confioMembership,
  verifyNonMembership as confioNonMembership,
  ics23,
  tendermintSpec,
} from '@confio/ics23';
import test from 'ava';
import type { Epoch } from '../../contracts/consortium-state.ts';
import { proofAt } from '../../node/api/proof.ts';
import { accountKey } from '../../node/audit/account-log.ts';
import { ArchiveProofs } from '../../node/audit/archive-proofs.ts';
import { ArchiveSource } from '../../node/audit/archive-source.ts';
import { verify } from '../../node/audit/audit.ts';
import { StoreSource } from '../../node/audit/source.ts';
import { allEpochs } from '../../node/execution/validator-sets.ts';
import { cosignerKey, type LogName, originOf, parseCheckpointText } from '../../node/ledger/checkpoint.ts';
import { cosignatureMessage, decodeTimed } from '../../node/ledger/cosignature.ts';
import { decodeHeader } from '../../node/ledger/entry.ts';
import { decodeStateProof } from '../../node/ledger/ics23.ts';
import { parseNote } from '../../node/ledger/note.ts';
import { parseProof } from '../../node/ledger/tlog-proof.ts';
import { quorumOf } from '../../node/ledger/validators.ts';
import { formatVerifierKey, parseVerifierKey } from '../../node/ledger/verifier-key.ts';
import type { Store } from '../../node/store/store.ts';
import { serialTestUnless } from '../_data.ts';
import { TestNode } from '../api/_node.ts';
import { buildChangedChain } from '../audit/_chain.ts';
import { TestArchive } from '../audit/_folder.ts';
import { Bank } from '../node/_bank.ts';
import { buildVerifier } from './_go.ts';
import { missingOpenssl, opensslVerifies, sigstoreReads } from './_others.ts';

const root = mkdtempSync(join(tmpdir(), 'daybook-membership-'));
test.after.always(() => rmSync(root, { recursive: true, force: true }));

const verifier = buildVerifier();
test.after.always(() => (typeof verifier === 'string' ? undefined : verifier.remove()));
const missingGo = typeof verifier === 'string' ? verifier : undefined;
const go = (args: readonly string[]) => {
  if (typeof verifier === 'string') throw new Error(verifier);
  return verifier.run(args);
};

let store: Store;
let log: LogName;
let epochs: readonly Epoch[];

test.before('four validators, one of whom is re-keyed and one removed after a fifth has joined', async () => {
  const bank = new Bank();
  await bank.begin();
  const five = bank.add('node-4', 'node-4');
  bank.start(five);
  await bank.govern([0, 1, 2, 3], bank.learner('node-4'));
  await bank.loaded(() => bank.height(five) >= bank.height(0) - 4 && bank.height(five) > 0, 0);
  await bank.govern([0, 1, 2, 3], { kind: 'add-validator', id: 'node-4' });
  await bank.loaded(() => bank.nodes[five]?.status().mode === 'normal', 0);
  bank.machines[1]?.keys.push('second keys');
  await bank.govern([0, 1, 2, 3], bank.learner('node-1', 'second keys', 'SOUTH'), {
    kind: 'rotate-validator-keys',
    id: 'node-1',
  });
  await bank.loaded(() => bank.nodes.every((node) => node?.status().epoch === 2), 0);
  await bank.govern([1, 2, 3, 4], { kind: 'remove-validator', id: 'node-0' });
  const last = bank.height(1);
  await bank.loaded(() => bank.nodes[1]?.status().epoch === 3 && bank.height(1) > last + 3, 1);
  const found = bank.stores[1];
  if (found === undefined) throw new Error('no store');
  await bank.run(() => found.lastCheckpoint()?.size === found.head().logSize);
  store = found;
  log = { ledger: bank.genesis.name, chainId: store.identity.chainId };
  epochs = allEpochs(store);
});

const keysOf = ({ validators }: Epoch) => validators.map((each) => formatVerifierKey(cosignerKey(log, each)));
const quorumIn = ({ validators }: Epoch) => String(quorumOf(validators.length).size);
const epochAt = (height: number) => epochs.findLast(({ from }) => from <= height) as Epoch;

/** Archived checkpoints by height. */
async function notes(): Promise<Map<number, Uint8Array>> {
  const page = (await new StoreSource(store).checkpoints?.page(0)) ?? [];
  return new Map(page.flatMap((note, i) => (note === undefined ? [] : [[i + 1, note] as const])));
}

test('the log went through all three kinds of change, and our own audit accepts it', async (t) => {
  t.is(epochs.length, 4);
  const verdict = await verify(new StoreSource(store));
  t.true(verdict.ok, verdict.finding?.detail);
});

serialTestUnless(missingGo)('golang.org/x/mod reads the archive under the keys of the last set alone', async (t) => {
  const { folder } = await TestArchive.of(t, new StoreSource(store));
  const [first, last] = [epochs[0], epochs.at(-1)] as [Epoch, Epoch];
  const { code, output } = await go([folder, '-', quorumIn(last), ...keysOf(last)]);
  t.is(code, 0, output);
  t.regex(output, new RegExp(`^OK ${store.head().logSize} entries, 3 cosignatures$`));
  t.is((await go([folder, '-', quorumIn(first), ...keysOf(first)])).code, 1, 'two of the founders are left');
});

serialTestUnless(missingGo)('golang.org/x/mod proves consistency across every change', async (t) => {
  const { folder } = await TestArchive.of(t, new StoreSource(store));
  const file = join(root, 'older');
  const judged = new Set<number>();
  for (const [height, note] of await notes()) {
    const epoch = epochAt(height);
    // The last two heights of an epoch, its first two, and every fourth besides.
    const isEdge = [-1, 0, 1].some((by) => epochAt(Math.max(1, height + by)) !== epoch);
    if (!isEdge && height % 4 !== 0) continue;
    writeFileSync(file, note);
    const { code, output } = await go(['continues', folder, file, quorumIn(epoch), ...keysOf(epoch)]);
    t.is(code, 0, `height ${height}: ${output}`);
    judged.add(epoch.number);
    // The first set and the last share too few keys for one to speak for the other.
    if (epoch.number !== 0 && epoch.number !== 3) continue;
    const other = epochs[3 - epoch.number] as Epoch;
    t.is((await go(['continues', folder, file, quorumIn(other), ...keysOf(other)])).code, 1, `height ${height}`);
  }
  t.deepEqual([...judged], [0, 1, 2, 3]);
});

class ChangedNode extends TestNode {
  override readonly ledger = buildChangedChain(3);
}

test('@sigstore/verify reads receipts of every epoch', (t) => {
  const node = new ChangedNode();
  const logKey = parseVerifierKey(node.logKey);
  for (let index = 0; index < node.store.head().logSize; index++) {
    const { path, note } = parseProof(Buffer.from(proofAt(node, index) ?? ''));
    const envelope = Buffer.from(note).toString();
    const entry = node.store.entry(index) ?? new Uint8Array(0);
    t.is(sigstoreReads({ entry, index, path, envelope }, logKey).origin, originOf(node.ledger.logName));
  }
});

test('@confio/ics23 accepts a balance and an absence under the last header', async (t) => {
  const { folder } = await TestArchive.of(t, new StoreSource(store));
  const proofs = await ArchiveProofs.open(new ArchiveSource(folder));
  for (const account of ['A', 'B', 'NOBODY']) {
    const { anchor, state } = await proofs.state(account);
    const { stateRoot } = decodeHeader(anchor.header);
    const [key, stock, decoded] = [accountKey(account), ics23.CommitmentProof.decode(state), decodeStateProof(state)];
    if ('exist' in decoded) {
      t.true(confioMembership(stock, tendermintSpec, stateRoot, key, decoded.exist.value));
      t.false(confioMembership(stock, tendermintSpec, stateRoot, key, Buffer.from('other')));
    } else t.true(confioNonMembership(stock, tendermintSpec, stateRoot, key));
    t.is('exist' in decoded, account !== 'NOBODY');
  }
});

serialTestUnless(missingOpenssl())('openssl verifies each cosignature of one checkpoint an epoch', async (t) => {
  const found = await notes();
  for (const epoch of epochs) {
    const note = parseNote(found.get(epoch.from + 1) ?? new Uint8Array(0));
    const checkpoint = parseCheckpointText(note.text);
    let count = 0;
    for (const validator of epoch.validators) {
      const { name, keyId, publicKey } = cosignerKey(log, validator);
      const line = note.signatures.find((each) => each.name === name && each.keyId === keyId);
      if (line === undefined) continue;
      const { time, signature } = decodeTimed(line.signature);
      const message = cosignatureMessage(checkpoint, time);
      t.regex(opensslVerifies(root, { key: publicKey, message, signature }), /Verified Successfully/);
      count++;
    }
    t.is(count, quorumOf(epoch.validators.length).size, `epoch ${epoch.number}`);
  }
});
