// A cluster with snapshots that has forgotten its first blocks, and a validator that lies about where the log begins:
// everything in its manifests is certified, and what it means together is not.
import { openArguments, transferArguments } from '../../contracts/payments.ts';
import { decodeAs, encodeAs } from '../../node/ledger/schema.ts';
import { decodeSyncRequest } from '../../node/network/sync-messages.ts';
import { manifestSchema } from '../../node/snapshot/manifest.ts';
import { MemoryStore } from '../../node/store/memory-store.ts';
import { clearing } from '../execution/_ledger.ts';
import type { ManifestLie } from '../snapshot/_lies.ts';
import { MemoryCluster } from './_memory-cluster.ts';

export const windowMs = 4_000_000;
export const everybody = [0, 1, 2, 3];
export const move = { from: 'A', to: 'B', amount: 1n, currency: 'CZK', purpose: '', date: '' };

/** Ten blocks a window. */
export async function forgetful(blocks: number): Promise<MemoryCluster> {
  const cluster = new MemoryCluster({
    parameters: { referenceWindowMs: windowMs, validityMaxMs: windowMs },
    snapshots: { everyBlocks: 10, prune: true, keepBlocksMin: 2 },
  });
  for (const each of everybody) cluster.start(each);
  await cluster.run(() => cluster.nodes.every((node) => node?.status().ready === true));
  for (const account of ['A', 'B']) {
    const open = { account, branch: 'NORTH', currency: 'CZK', overdraftLimit: undefined, openingBalance: 0n };
    cluster.nodes[0]?.submit(cluster.transaction(clearing, 'open', openArguments(open)).bytes);
  }
  await cluster.run(() => everybody.every((each) => cluster.height(each) >= 1));
  await grow(cluster, blocks);
  return cluster;
}

/** A block each, by those who run. */
export async function grow(cluster: MemoryCluster, blocks: number): Promise<void> {
  for (let i = 0; i < blocks; i++) {
    cluster.now += windowMs / 10;
    const running = everybody.filter((each) => cluster.nodes[each] !== undefined);
    const height = Math.max(...running.map((each) => cluster.height(each)));
    const payment = cluster.transaction(clearing, 'transfer', transferArguments(move));
    for (const each of running) cluster.nodes[each]?.submit(payment.bytes);
    await cluster.run(() => running.every((each) => cluster.height(each) > height));
  }
}

const flipped = (bytes: Uint8Array | undefined) =>
  Uint8Array.from(bytes ?? [], (byte, at) => byte ^ (at === 3 ? 1 : 0));

/** A record of its state, and its own offers where they are not to help it: it heals at its next start. */
export function damage(cluster: MemoryCluster, validator: number, isOffering: boolean): void {
  cluster.kill(validator);
  const store = cluster.stores[validator];
  if (!(store instanceof MemoryStore)) throw new Error('a store in memory');
  const image = store.snapshot();
  const parts = new Map(image.parts);
  for (const [name, [place, bytes]] of isOffering ? [] : image.parts)
    if (place.kind === 'piece') parts.set(name, [place, flipped(bytes)]);
  const path = 'payments/accounts/A';
  store.restore({ ...image, parts, state: new Map(image.state).set(path, flipped(image.state.get(path))) });
}

/** From now on, in this life. */
export function lies(cluster: MemoryCluster, validator: number, lie: ManifestLie): void {
  const [liar, store] = [cluster.nodes[validator], cluster.stores[validator]];
  if (liar === undefined || store === undefined) throw new Error('it does not run');
  const honest = liar.serve.bind(liar);
  liar.serve = (from, request) => {
    const answer = honest(from, request);
    if (answer === undefined || decodeSyncRequest(request).type !== 'manifest') return answer;
    return encodeAs(manifestSchema, lie(decodeAs(manifestSchema, answer), store));
  };
}
