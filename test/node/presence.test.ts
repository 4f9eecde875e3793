// Stores that are older than what their key has said, and keys that run twice: the others know which start was last.
import test from 'ava';
import { openArguments } from '../../contracts/payments.ts';
import { contracts } from '../../contracts/registry.ts';
import { encodeRecord, firstRecord } from '../../node/consensus/record.ts';
import { genesisCommit } from '../../node/execution/genesis-commit.ts';
import { type Claim, claimMessage, claimSchema } from '../../node/ledger/claim.ts';
import { decodeAs, encodeAs } from '../../node/ledger/schema.ts';
import { sign } from '../../node/ledger/signature.ts';
import { type MemoryImage, MemoryStore } from '../../node/store/memory-store.ts';
import { clearing } from '../execution/_ledger.ts';
import { MemoryCluster } from './_memory-cluster.ts';
import { chainId, presenceOf, turn, voteKey, voteSeed } from './_presence.ts';

async function started(): Promise<MemoryCluster> {
  const cluster = new MemoryCluster();
  for (let i = 0; i < 4; i++) cluster.start(i);
  await ready(cluster, [0, 1, 2, 3]);
  return cluster;
}

function ready(cluster: MemoryCluster, of: readonly number[]): Promise<number> {
  return cluster.run(() => of.every((each) => cluster.nodes[each]?.status().ready));
}

function imageOf(cluster: MemoryCluster, index: number): MemoryImage {
  const store = cluster.stores[index];
  if (!(store instanceof MemoryStore)) throw new Error('a memory store');
  return store.snapshot();
}

function restore(cluster: MemoryCluster, index: number, image: MemoryImage): void {
  const store = cluster.stores[index];
  if (store instanceof MemoryStore) store.restore(image);
}

async function silenced(cluster: MemoryCluster, index: number): Promise<string> {
  await cluster.run(() => cluster.nodes[index]?.silence !== undefined);
  return cluster.nodes[index]?.silence ?? '';
}

test('[R5] a copy of a stopped store is silent where the validator has run since', async (t) => {
  const cluster = await started();
  cluster.kill(3);
  const copy = imageOf(cluster, 3);
  cluster.start(3);
  await ready(cluster, [3]);
  cluster.kill(3);
  restore(cluster, 3, copy);
  // Nobody has signed anything: no vote could show it.
  cluster.start(3);
  t.regex(await silenced(cluster, 3), /knows another run of this key, with start number 2 \(here 2\)/);
  t.regex(cluster.nodes[3]?.status().reason ?? '', /older copy, or the key runs in two places/);
  cluster.kill(3);
  cluster.start(3);
  t.is(cluster.nodes[3]?.status().mode, 'silenced', 'no further start gives the voice back');
  const args = openArguments({
    account: 'A',
    branch: 'NORTH',
    currency: 'CZK',
    overdraftLimit: undefined,
    openingBalance: 0n,
  });
  cluster.nodes[1]?.submit(cluster.transaction(clearing, 'open', args).bytes);
  await cluster.run(() => cluster.height(0) === 1);
  await cluster.run(() => cluster.height(3) === 1);
  cluster.kill(3);
  cluster.cut(3);
  cluster.nodes[1]?.submit(cluster.transaction(clearing, 'open', args).bytes);
  await cluster.run(() => cluster.height(0) === 2);
  cluster.heal();
  cluster.start(3);
  await cluster.run(() => cluster.height(3) === 2);
  t.is(cluster.nodes[3]?.status().mode, 'silenced', 'it follows');
});

test('[R5] the others remember over their own restarts', async (t) => {
  const cluster = await started();
  cluster.kill(3);
  const copy = imageOf(cluster, 3);
  cluster.start(3);
  await ready(cluster, [3]);
  for (let i = 0; i < 4; i++) cluster.kill(i);
  restore(cluster, 3, copy);
  for (let i = 0; i < 4; i++) cluster.start(i);
  t.regex(await silenced(cluster, 3), /start number 2/);
  await ready(cluster, [0, 1, 2]);
});

test('[R3, R5] what a peer holds of the own key counts, also before that peer knows of this start', async (t) => {
  const cluster = await started();
  const copy = imageOf(cluster, 3); // of a running store, and nothing starts in its place
  const terms = { branch: 'NORTH', currency: 'CZK', overdraftLimit: undefined, openingBalance: 0n };
  const args = openArguments({ account: 'A', ...terms });
  cluster.nodes[1]?.submit(cluster.transaction(clearing, 'open', args).bytes);
  await cluster.run(() => cluster.height(0) === 1);
  cluster.kill(3);
  restore(cluster, 3, copy);
  cluster.losesRequests = true;
  cluster.start(3);
  t.regex(await silenced(cluster, 3), /holds a message of this key that its record does not cover/);
});

test('[R5] an empty store under a key that has run is silent', async (t) => {
  const cluster = await started();
  cluster.kill(2);
  const { commit } = genesisCommit(cluster.genesis, contracts);
  const vote = { record: encodeRecord(firstRecord()), putBodies: [], deleteBodies: [] };
  const identity = cluster.stores[2]?.identity;
  if (identity === undefined) return t.fail();
  cluster.stores[2] = new MemoryStore(identity, commit, vote);
  cluster.start(2);
  t.regex(await silenced(cluster, 2), /knows another run of this key, with start number 1/);
});

test('[R5] a validator waits until a quorum holds the claim of its start', async (t) => {
  const cluster = await started();
  cluster.kill(3);
  cluster.losesRequests = true;
  cluster.start(3);
  let ticks = 0;
  await cluster.run(() => ++ticks > 40);
  t.is(cluster.nodes[3]?.status().mode, 'listening', 'statuses alone give no voice');
  cluster.losesRequests = false;
  await ready(cluster, [3]);
});

test('[R5] of two starts that do not know each other the first is kept, however often the second starts', async (t) => {
  const other = presenceOf(1, 9, () => undefined);
  const answer = (claim: Claim) => other.presence.note(0, claim);
  const first = presenceOf(0, 1, answer);
  const second = presenceOf(0, 2, answer);
  first.presence.ask(1);
  await turn();
  second.presence.ask(1);
  await turn();
  t.deepEqual(first.told, ['known to 1']);
  t.regex(second.told.join(), /another run of this key, with start number 1 \(here 1\)/);
  const again = presenceOf(0, 3, answer, second.store);
  again.presence.ask(1);
  await turn();
  t.regex(again.told.join(), /another run of this key, with start number 1 \(here 2\)/);
  // A copy of the running store knows its start: the one that runs hears of it.
  const copy = presenceOf(0, 4, answer, first.store);
  copy.presence.ask(1);
  await turn();
  t.deepEqual(copy.told, ['known to 1']);
  first.presence.ask(1);
  await turn();
  t.regex(first.told.at(-1) ?? '', /with start number 2/);
});

test('[R5] nobody can silence a validator with a claim that its key did not sign', async (t) => {
  const forged = { start: 99, sessions: [new Uint8Array(16)] };
  const signature = sign(claimMessage(chainId, forged), voteSeed(1));
  const liar = presenceOf(0, 1, () => encodeAs(claimSchema, { ...forged, signature }));
  liar.presence.ask(1);
  await turn();
  t.deepEqual(liar.told, []);
  const other = presenceOf(1, 9, () => undefined);
  t.is(other.presence.note(0, { ...forged, signature }), undefined);
});

test('[R5] a peer that claims start after start is answered no more for a while', (t) => {
  const { presence, store } = presenceOf(1, 9, () => undefined);
  const claim = (start: number): Claim => {
    // Each knows the ones before.
    const claimed = { start: 40 + start, sessions: Array.from({ length: 32 }, () => new Uint8Array(16)) };
    return { ...claimed, signature: sign(claimMessage(chainId, claimed), voteSeed(0)) };
  };
  const answers = Array.from({ length: 12 }, (_, at) => presence.note(0, claim(at + 1)));
  t.is(answers.filter((each) => each !== undefined).length, 8);
  const held = store.claim(voteKey(0));
  t.is(held && decodeAs(claimSchema, held).start, 48);
});
