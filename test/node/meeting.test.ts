// Where parts meet: snapshots, pruning and healing across changes of the validator set, and what one liar makes of it.
import test from 'ava';
import { contracts } from '../../contracts/registry.ts';
import { decodeMessage, encodeMessage } from '../../node/consensus/messages.ts';
import { encodeMark } from '../../node/divergence.ts';
import { genesisCommit } from '../../node/execution/genesis-commit.ts';
import { decodeAs, encodeAs } from '../../node/ledger/schema.ts';
import { decodeSyncRequest, encodePrunedAnswer } from '../../node/network/sync-messages.ts';
import { SyncServer } from '../../node/network/sync-server.ts';
import { manifestSchema } from '../../node/snapshot/manifest.ts';
import { MemoryStore } from '../../node/store/memory-store.ts';
import { DamagedRow } from '../../node/store/store.ts';
import { Bank } from './_bank.ts';

const windowMs = 4_000_000;
const options = {
  parameters: { referenceWindowMs: windowMs, validityMaxMs: windowMs },
  snapshots: { everyBlocks: 10, prune: true, keepBlocksMin: 2 },
};

/** Blocks go by until the log of machine 0 begins after this height. */
async function pruned(bank: Bank, height: number): Promise<void> {
  bank.hasteMs = windowMs / 10;
  await bank.loaded(() => (bank.stores[1]?.base().height ?? 0) > height, 1);
  bank.hasteMs = 0;
}

test('[S2, E6] who was away for two epochs comes back by a snapshot, and votes in the present one', async (t) => {
  const bank = new Bank(options);
  await bank.begin();
  bank.kill(3);
  const five = bank.add('node-4', 'node-4');
  bank.start(five);
  await bank.govern([0, 1, 2], bank.learner('node-4'));
  await bank.govern([0, 1, 2], { kind: 'add-validator', id: 'node-4' });
  await bank.loaded(() => bank.nodes[five]?.status().mode === 'normal', 0);
  bank.machines[1]?.keys.push('second keys');
  await bank.govern([0, 1, 2, five], bank.learner('node-1', 'second keys', 'SOUTH'), {
    kind: 'rotate-validator-keys',
    id: 'node-1',
  });
  await pruned(bank, bank.height(0));
  bank.start(3);
  await bank.loaded(() => bank.nodes[3]?.status().mode === 'normal', 1);
  t.is(bank.nodes[3]?.status().epoch, 2);
  const late = bank.add('node-5', 'node-5');
  bank.start(late);
  await bank.govern([0, 1, 2, 3, five], bank.learner('node-5'));
  await bank.govern([0, 1, 2, 3, five], { kind: 'add-validator', id: 'node-5' });
  await bank.loaded(() => bank.nodes[late]?.status().mode === 'normal', 1);
  t.true((bank.stores[late]?.base().height ?? 0) > 0);
  bank.kill(0);
  const height = bank.height(1);
  await pruned(bank, height);
  t.is(bank.nodes[late]?.status().mode, 'normal');
  // A damaged state where the log is forgotten everywhere, after two epochs.
  const store = bank.stores[3];
  bank.kill(3);
  if (!(store instanceof MemoryStore)) return t.fail('no memory store');
  const image = store.snapshot();
  const other = image.state.get('payments/accounts/B') ?? new Uint8Array(0);
  store.restore({ ...image, state: new Map(image.state).set('payments/accounts/A', other) });
  bank.start(3);
  t.is(bank.nodes[3]?.status().mode, 'healing');
  await bank.loaded(() => bank.nodes[3]?.status().mode === 'normal', 1);
  t.is(bank.divergences.at(-1)?.outcome, 'healed');
  t.deepEqual(bank.incidents, []);
  t.deepEqual(bank.contradictions, []);
});

test('[S2, R3] a manifest that keeps the last change of validators back is not believed', async (t) => {
  const bank = new Bank(options);
  await bank.begin();
  const five = bank.add('node-4', 'node-4');
  bank.start(five);
  await bank.govern([0, 1, 2, 3], bank.learner('node-4'));
  bank.kill(3);
  bank.hasteMs = windowMs / 10;
  bank.isNext = (height) => height % 10 === 0;
  // The block that changes the set is one of those at whose height snapshots are made.
  const height = await bank.govern([0, 1, 2], { kind: 'add-validator', id: 'node-4' });
  await bank.loaded(() => bank.height(0) >= height + 2, 0);
  const honest = bank.stores[0];
  if (!(honest instanceof MemoryStore)) return t.fail('no memory store');
  const then = honest.snapshot();
  await pruned(bank, bank.height(3) + 2);
  await bank.loaded(() => bank.nodes[five]?.status().mode === 'normal', 0);
  const liar = bank.nodes[0];
  if (liar === undefined) return t.fail('no node 0');
  const old = new MemoryStore(honest.identity, genesisCommit(bank.genesis, contracts).commit);
  old.restore(then);
  const place = { area: 'offered', height, kind: 'manifest', first: 0, second: 0 } as const;
  const manifest = decodeAs(manifestSchema, old.part(place) ?? new Uint8Array(0));
  t.is(manifest.changes.length, 1);
  const served = liar.serve.bind(liar);
  liar.serve = (from, request) => {
    const asked = decodeSyncRequest(request);
    if (asked.type === 'claim') return served(from, request);
    if (asked.type === 'manifest') return encodeAs(manifestSchema, { ...manifest, changes: [] });
    if (asked.type === 'piece') return old.part({ ...place, kind: 'piece', first: asked.chunk, second: asked.piece });
    return asked.height === bank.height(3) + 1 ? encodePrunedAnswer(height) : new SyncServer(old).serve(request);
  };
  bank.start(3);
  await bank.loaded(() => ['normal', 'silenced'].includes(bank.nodes[3]?.status().mode ?? ''), 1);
  t.is(bank.nodes[3]?.status().mode, 'normal', bank.nodes[3]?.silence);
});

test('[E5] how an epoch ended is no message to answer: two that know it would tell each other for ever', async (t) => {
  const bank = new Bank();
  await bank.begin();
  const commits: Uint8Array[] = [];
  const notices: Uint8Array[] = [];
  let answers = 0;
  bank.onSend = (from, channel, bytes) => {
    if (channel !== 'votes') return;
    const message = decodeMessage(bytes);
    if (message.type === 'commit' && from === 1 && message.epoch === 0) commits.push(bytes);
    if (message.type !== 'committed') return;
    if (from === 0) notices.push(bytes);
    else answers += 1;
  };
  await bank.govern([0, 1, 2, 3], bank.learner('node-4'), { kind: 'add-validator', id: 'node-4' });
  await bank.loaded(() => bank.nodes.every((node) => node?.status().epoch === 1), 0);
  await bank.run(() => bank.nodes.every((node) => node?.status().mempool.transactions === 0));
  bank.now += 1_000;
  notices.length = 0;
  answers = 0;
  bank.nodes[0]?.receive(1, 'votes', commits.at(-1) ?? new Uint8Array(0));
  t.is(notices.length, 1, 'a vote of the epoch before is answered');
  bank.nodes[1]?.receive(0, 'votes', notices[0] ?? new Uint8Array(0));
  t.is(answers, 0);
});

test('[C1, K6] one that speaks of a later epoch keeps nobody from cosigning, nor from being ready', async (t) => {
  const bank = new Bank();
  await bank.begin();
  const status = { type: 'status', validator: 3, view: 0, mode: 'normal', logSize: 0, heard: undefined } as const;
  const lie = encodeMessage({ ...status, epoch: 7, height: 1_000_000 });
  let cosignatures = 0;
  bank.onSend = (from, channel) => {
    if (channel === 'checkpoints' && from === 0) cosignatures += 1;
  };
  bank.nodes[0]?.receive(3, 'votes', lie);
  const height = bank.height(0);
  await bank.loaded(() => bank.height(0) >= height + 10, 0);
  t.true(cosignatures >= 10, `${cosignatures} cosignatures`);
  t.true(bank.nodes[0]?.status().ready, bank.nodes[0]?.status().reason);
});

test('[R4, S2] who awaits a block that all others have forgotten takes a snapshot, and votes at once', async (t) => {
  const bank = new Bank(options);
  await bank.begin();
  const certificate = (height: number) => bank.stores[0]?.certificate(height);
  const away = bank.height(3);
  bank.kill(3);
  await bank.loaded(() => bank.height(0) > away + 1, 0);
  const refused = certificate(away + 1);
  await pruned(bank, away + 2);
  t.is(certificate(away + 1), undefined);
  bank.stores[3]?.markDivergence(encodeMark({ height: away, reason: 'it was refused', refused }));
  bank.start(3);
  await bank.run(() => bank.nodes[3]?.status().ready === true);
  t.is(bank.height(3), bank.height(0));
  t.is(bank.stores[3]?.divergence(), undefined);
});

test('[R4] missing blocks are fetched many at once, and who stalls is asked last from then on', async (t) => {
  const bank = new Bank();
  await bank.begin();
  await bank.loaded(() => bank.height(0) >= 30, 0);
  bank.kill(3);
  const store = bank.stores[3];
  if (!(store instanceof MemoryStore)) return t.fail('no memory store');
  const image = store.snapshot();
  const other = image.state.get('payments/accounts/B') ?? new Uint8Array(0);
  const state = new Map(image.state).set('payments/accounts/A', other);
  const last = new Map([...image.certificates].slice(-1));
  store.restore({ ...image, state, certificates: last });
  const asked = [0, 0, 0];
  for (const [at, node] of bank.nodes.slice(0, 3).entries()) {
    if (node === undefined) continue;
    const serve = node.serve.bind(node);
    node.serve = (from, request) => {
      if (decodeSyncRequest(request).type !== 'blocks') return serve(from, request);
      asked[at] = (asked[at] ?? 0) + 1;
      return at === 0 ? undefined : serve(from, request);
    };
  }
  bank.start(3);
  await bank.run(() => bank.nodes[3]?.status().ready === true);
  t.true(asked[0] === 1 && (asked[1] ?? 0) <= 4, `${asked}`);
});

test('[R4] a damaged row that the start reads, of a block long ago, is healed', async (t) => {
  const bank = new Bank();
  await bank.begin();
  const five = bank.add('node-4', 'node-4');
  bank.start(five);
  await bank.govern([0, 1, 2, 3], bank.learner('node-4'));
  const base = await bank.govern([0, 1, 2, 3], { kind: 'add-validator', id: 'node-4' });
  await bank.loaded(() => bank.nodes.every((node) => node?.status().mode === 'normal') && bank.height(3) > base + 2, 0);
  bank.kill(3);
  const store = bank.stores[3];
  if (!(store instanceof MemoryStore)) return t.fail('no memory store');
  const [block, repairBlock] = [store.block.bind(store), store.repairBlock.bind(store)];
  let damaged = base;
  store.block = (height) => {
    if (height === damaged) throw new DamagedRow(`block ${height}`);
    return block(height);
  };
  store.repairBlock = (repaired) => {
    if (repaired.block.height === damaged) damaged = -1;
    return repairBlock(repaired);
  };
  await bank.loaded(() => bank.height(0) > bank.height(3) + 2, 0);
  t.notThrows(() => bank.start(3));
  await bank.loaded(() => bank.nodes[3]?.status().mode === 'normal', 0);
  t.is(bank.divergences.at(-1)?.outcome, 'healed');
});
