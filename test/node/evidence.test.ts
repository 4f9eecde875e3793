// From two votes under one key to an entry that an audit names, through whole validators.
import test from 'ava';
import { openArguments } from '../../contracts/payments.ts';
import { Accusations } from '../../node/accusations.ts';
import { blockView } from '../../node/api/block-view.ts';
import { verify } from '../../node/audit/audit.ts';
import { verdictLine } from '../../node/audit/finding.ts';
import { StoreSource } from '../../node/audit/source.ts';
import { encodeCheckpointMessage } from '../../node/consensus/checkpoint-messages.ts';
import { encodeMessage, type Message } from '../../node/consensus/messages.ts';
import { evidenceFrame } from '../../node/intake.ts';
import { decodeEntry, type EvidenceEntry } from '../../node/ledger/entry.ts';
import type { Evidence } from '../../node/ledger/evidence.ts';
import { cosignedBy, digestNamed, doubleCommit, statementBy } from '../execution/_evidence.ts';
import { clearing } from '../execution/_ledger.ts';
import { MemoryCluster } from './_memory-cluster.ts';

async function startedCluster(): Promise<MemoryCluster> {
  const cluster = new MemoryCluster();
  for (let i = 0; i < 4; i++) cluster.start(i);
  await cluster.run(() => cluster.nodes.every((node) => node?.status().ready));
  return cluster;
}

function accountArguments(account: string) {
  return openArguments({ account, branch: 'NORTH', currency: 'CZK', overdraftLimit: 0n, openingBalance: 0n });
}

function submit(cluster: MemoryCluster, node: number, account: string): void {
  cluster.nodes[node]?.submit(cluster.transaction(clearing, 'open', accountArguments(account)).bytes);
}

function accusations(cluster: MemoryCluster, store = 1): EvidenceEntry[] {
  const source = cluster.stores[store];
  const entries = source?.entries(0, source.head().logSize) ?? [];
  return entries.map((bytes) => decodeEntry(bytes)).filter((entry) => entry.kind === 4);
}

const isAccused = (cluster: MemoryCluster) => cluster.stores.every((_, i) => accusations(cluster, i).length > 0);

test('[A5] the double vote of a twin, seen by one validator alone, ends as an entry that an audit names', async (t) => {
  const cluster = await startedCluster();
  submit(cluster, 0, 'A');
  await cluster.run(() => cluster.stores.every((store) => store.head().height === 1));
  // What a second process with the key of validator 3 says, to one validator alone.
  const at = { epoch: 0, view: 0, height: 1, digest: digestNamed('of the twin') };
  const { signature } = statementBy(cluster.chainId, 3, 'commit', at);
  const message: Message = { type: 'commit', ...at, validator: 3, signature };
  cluster.nodes[2]?.receive(3, 'votes', encodeMessage(message));
  await cluster.run(() => isAccused(cluster));
  t.is(cluster.nodes[2]?.accusationsWaiting, 0, 'it waits no more');
  const [entry] = accusations(cluster);
  t.deepEqual(entry?.events[0]?.payload, [0, 'node-3']);
  const store = cluster.stores[1];
  if (store === undefined) return t.fail();
  t.like(blockView(store, 2), { accused: 'node-3', transactions: 0 });
  const verdict = await verify(new StoreSource(store), { genesis: cluster.genesis });
  t.true(verdict.ok && verdict.replayed);
  t.like(verdict.accused, [{ validator: 'node-3', epoch: 0, height: 2 }]);
  t.regex(verdictLine(verdict), /node-3 contradicted itself in epoch 0/);
  cluster.nodes[2]?.receive(3, 'votes', encodeMessage(message));
  submit(cluster, 0, 'B');
  await cluster.run(() => cluster.stores.every((each) => each.head().height === 3));
  t.is(accusations(cluster).length, 1, 'once an epoch');
});

test('[A4] two roots that a validator cosigned for one size become an entry too', async (t) => {
  const cluster = await startedCluster();
  submit(cluster, 0, 'A');
  await cluster.run(() => cluster.stores.every((store) => store.head().height === 1));
  // Beside what validator 3 has cosigned for the log after block 1.
  const cosigned = cosignedBy(cluster.chainId, 3, { size: 3, root: digestNamed('of another log') });
  const message = encodeCheckpointMessage({ type: 'cosignature', cosigned, repeated: false });
  cluster.nodes[2]?.receive(3, 'checkpoints', message);
  await cluster.run(() => isAccused(cluster));
  t.is(accusations(cluster)[0]?.evidence.type, 1);
  const store = cluster.stores[1];
  if (store === undefined) return t.fail();
  const verdict = await verify(new StoreSource(store), { genesis: cluster.genesis });
  t.true(verdict.ok);
  t.like(verdict.accused, [{ validator: 'node-3', epoch: 0 }]);
});

test('[A6] evidence is work of its own, and a primary that leaves it out is replaced', async (t) => {
  const cluster = await startedCluster();
  // Validator 0 is the primary and says that it never heard of it.
  const isEvidence = (bytes: Uint8Array) => bytes[0] === 0x82 && bytes[1] === 1;
  cluster.lose = (to, channel, bytes) => to === 0 && channel === 'transactions' && isEvidence(bytes);
  cluster.nodes[2]?.receive(3, 'transactions', evidenceFrame(doubleCommit(cluster.chainId, 0)));
  await cluster.run(() => isAccused(cluster));
  t.is(cluster.nodes[1]?.status().view, 1);
  t.is(cluster.height(1), 1, 'the block holds nothing else');
  let ticks = 0;
  await cluster.run(() => ++ticks > 60);
  t.is(cluster.nodes[1]?.status().view, 1, 'nothing waits any more');
});

test('[A6, T4] evidence that lands begins no round of transactions anew, or who censors one could go on', async (t) => {
  const cluster = await startedCluster();
  const censored = cluster.transaction(clearing, 'open', accountArguments('CENSORED'));
  const isEvidence = (bytes: Uint8Array) => bytes[0] === 0x82 && bytes[1] === 1;
  let ticks = 0;
  // Votes take some ticks, or the floor [T5] would see that the primary owes a block.
  cluster.lose = (to, channel, bytes) =>
    (to === 0 && channel === 'transactions' && !isEvidence(bytes)) || (channel === 'votes' && ticks % 3 > 0);
  cluster.nodes[1]?.submit(censored.bytes);
  const isOrdered = () => cluster.stores[1]?.transaction(censored.id) !== undefined;
  // The primary serves its own clients; another that lies gives evidence against itself after 30 of 40 ticks.
  await cluster.run(() => {
    ticks += 1;
    if (ticks === 30) cluster.nodes[2]?.receive(3, 'transactions', evidenceFrame(doubleCommit(cluster.chainId, 3)));
    submit(cluster, 0, `A-${ticks}`);
    return isOrdered();
  }, 120);
  t.true(isAccused(cluster));
  t.is(cluster.nodes[1]?.status().view, 1, 'the primary was replaced');
  t.true(ticks < 50, `${ticks} ticks`);
});

test('[A6] evidence that n primaries in a row left out drives timers no more', (t) => {
  const waiting = new Accusations({ problem: () => undefined, announce: () => {}, changed: () => {} });
  waiting.take(doubleCommit(new Uint8Array(32), 1));
  for (let replaced = 0; replaced < 4; replaced++) {
    t.is(waiting.oldest(), 'evidence 0/1', `after ${replaced}`);
    waiting.leftOut(4);
  }
  t.is(waiting.oldest(), undefined);
  t.is(waiting.size, 1, 'it may still land');
});

test('[A5] evidence is kept once, told when it is new, and dropped when it may stand nowhere', (t) => {
  const told: Evidence[] = [];
  let stands = true;
  const problem = () => (stands ? undefined : ({ code: 'accused', detail: 'already' } as const));
  const waiting = new Accusations({ problem, announce: (each) => told.push(each), changed: () => {} });
  const chain = new Uint8Array(32);
  const [one, other] = [doubleCommit(chain, 1), doubleCommit(chain, 2)];
  for (const each of [one, one, doubleCommit(chain, 1, { names: ['c', 'd'] }), other]) t.true(waiting.take(each));
  t.deepEqual(told, [one, other]);
  waiting.repeat();
  t.deepEqual(told, [one, other, one, other]);
  t.deepEqual([...waiting.values()], [one, other]);
  stands = false;
  waiting.recheck();
  t.is(waiting.size, 0);
  t.is(waiting.oldest(), undefined);
  t.true(waiting.take(one), 'who passes it on late has done nothing wrong');
  t.is(waiting.size, 0);
});

test('[A5] who passes on evidence that proves nothing is not heard for a while', async (t) => {
  const cluster = await startedCluster();
  const node = cluster.nodes[0];
  const { first, second, ...rest } = doubleCommit(cluster.chainId, 3);
  const forged = { ...rest, first, second: { ...second, signature: first.signature } };
  node?.receive(1, 'transactions', evidenceFrame(forged));
  node?.receive(1, 'transactions', evidenceFrame(doubleCommit(cluster.chainId, 3)));
  t.is(node?.accusationsWaiting, 0);
  node?.receive(2, 'transactions', evidenceFrame(doubleCommit(cluster.chainId, 3, { epoch: 7 })));
  node?.receive(2, 'transactions', evidenceFrame(doubleCommit(cluster.chainId, 3)));
  t.is(node?.accusationsWaiting, 1, 'of another epoch it may be, where the sender is');
});
