// Checkpoints of a whole cluster, and what two of its nodes serve of the log.
import test, { type ExecutionContext } from 'ava';
import { openArguments } from '../../contracts/payments.ts';
import { startApi } from '../../node/api/server.ts';
import { parseConfig } from '../../node/config.ts';
import { originOf, parseCheckpointText } from '../../node/ledger/checkpoint.ts';
import { isSignedBy, stableProblem } from '../../node/ledger/cosignature.ts';
import { type Digest, digestOf, leafHash } from '../../node/ledger/hash.ts';
import { Frontier } from '../../node/ledger/merkle.ts';
import { parseNote } from '../../node/ledger/note.ts';
import { decodeBundle, layoutPaths } from '../../node/ledger/tile-layout.ts';
import { parseVerifierKey } from '../../node/ledger/verifier-key.ts';
import { MemoryStore } from '../../node/store/memory-store.ts';
import { clearing } from '../execution/_ledger.ts';
import { MemoryCluster } from './_memory-cluster.ts';

async function startedCluster(): Promise<MemoryCluster> {
  const cluster = new MemoryCluster();
  for (let i = 0; i < 4; i++) cluster.start(i);
  await cluster.run(() => cluster.nodes.every((node) => node?.status().ready));
  return cluster;
}

let accounts = 0;

async function order(cluster: MemoryCluster, by: number, among: readonly number[], count = 1): Promise<void> {
  const height = cluster.height(by);
  for (let i = 0; i < count; i++) {
    const account = `A-${++accounts}`;
    const args = openArguments({ account, branch: 'NORTH', currency: 'CZK', overdraftLimit: 0n, openingBalance: 0n });
    cluster.nodes[by]?.submit(cluster.transaction(clearing, 'open', args).bytes);
  }
  await cluster.run(() => among.every((each) => cluster.height(each) > height));
}

const stableAt = (cluster: MemoryCluster, node: number) => cluster.stores[node]?.lastCheckpoint()?.height ?? 0;

function rootOfLog(cluster: MemoryCluster, size: number): Digest {
  const tree = Frontier.empty();
  for (const entry of cluster.stores[0]?.entries(0, size) ?? []) tree.append(leafHash(entry));
  return digestOf(tree.root());
}

test('every block gets a stable checkpoint everywhere, over the size that counts its header [K1, K5]', async (t) => {
  const cluster = await startedCluster();
  for (let height = 1; height <= 3; height++) await order(cluster, height, [0, 1, 2, 3]);
  await cluster.run(() => [0, 1, 2, 3].every((node) => stableAt(cluster, node) === cluster.height(node)));
  const origin = originOf({ ledger: cluster.genesis.name, chainId: digestOf(cluster.chainId) });
  for (const store of cluster.stores) {
    for (let height = 1; height <= store.head().height; height++) {
      const checkpoint = store.checkpoint(height);
      if (checkpoint === undefined) return t.fail(`no checkpoint of height ${height}`);
      t.is(checkpoint.size, (store.block(height)?.headerIndex ?? 0) + 1);
      t.is(checkpoint.root, rootOfLog(cluster, checkpoint.size));
      t.is(stableProblem(origin, checkpoint, cluster.genesis.validators), undefined);
    }
  }
  t.deepEqual(cluster.contradictions, []);
});

test('what is lost is made up for when a quorum is in touch again, also after a restart [K6]', async (t) => {
  const cluster = await startedCluster();
  await order(cluster, 1, [0, 1, 2, 3]);
  await cluster.run(() => [0, 1, 2, 3].every((node) => stableAt(cluster, node) === 1));
  cluster.losesCheckpoints = true;
  await order(cluster, 1, [0, 1, 2, 3]);
  t.deepEqual(
    [0, 1, 2, 3].map((node) => stableAt(cluster, node)),
    [1, 1, 1, 1],
  );
  const before = cluster.stores.map((store) => store.cosigned());
  for (const node of [0, 1, 2, 3]) cluster.kill(node);
  cluster.losesCheckpoints = false;
  for (const node of [0, 1, 2, 3]) cluster.start(node);
  await cluster.run(() => [0, 1, 2, 3].every((node) => stableAt(cluster, node) === 2));
  t.deepEqual(
    cluster.stores.map((store) => store.cosigned()),
    before,
    'nothing was signed anew',
  );
});

test('who was away cosigns every block that it fetches, and is shown the stable checkpoint [K1, K6]', async (t) => {
  const cluster = await startedCluster();
  cluster.kill(3);
  for (let i = 0; i < 4; i++) await order(cluster, i % 3, [0, 1, 2]);
  cluster.start(3);
  await cluster.run(() => stableAt(cluster, 3) === cluster.height(0));
  t.is(cluster.stores[3]?.cosigned()?.size, cluster.stores[0]?.head().logSize);
});

test('whose stored checkpoint is damaged, that of its last block too, is shown it again [K5, K6]', async (t) => {
  const cluster = await startedCluster();
  for (let i = 0; i < 2; i++) await order(cluster, i, [0, 1, 2, 3]);
  await cluster.run(() => [0, 1, 2, 3].every((node) => stableAt(cluster, node) === cluster.height(node)));
  cluster.kill(3);
  const store = cluster.stores[3];
  if (!(store instanceof MemoryStore)) return t.fail();
  const own = store.cosigned();
  // A damaged row reads as none.
  store.restore({ ...store.snapshot(), checkpoints: new Map() });
  cluster.start(3);
  await cluster.run(() => stableAt(cluster, 3) === cluster.height(3));
  t.deepEqual(cluster.stores[3]?.cosigned(), own, 'nothing was signed anew');
});

interface Served {
  readonly status: number;
  readonly type: string;
  readonly cache: string;
  readonly bytes: Buffer;
}

async function servedBy(t: ExecutionContext, cluster: MemoryCluster, index: number, openReads = true) {
  const node = cluster.nodes[index];
  if (node === undefined) throw new Error(`no node ${index}`);
  const { api } = parseConfig('validator = "node-0"\n[listen]\nport = 0\n[api]\nport = 0\n', '/');
  const running = await startApi(node, { ...api, openReads });
  t.teardown(() => running.stop());
  return async (path: string): Promise<Served> => {
    const response = await fetch(`http://127.0.0.1:${running.port}/${path}`);
    const header = (name: string) => response.headers.get(name) ?? '';
    const bytes = Buffer.from(await response.arrayBuffer());
    return { status: response.status, type: header('content-type'), cache: header('cache-control'), bytes };
  };
}

test('two nodes serve the same tiles, and a checkpoint that differs in their own lines alone', async (t) => {
  const cluster = await startedCluster();
  await order(cluster, 0, [0, 1, 2, 3]);
  const [early, late] = [await servedBy(t, cluster, 0), await servedBy(t, cluster, 2)];
  for (let i = 0; i < 3; i++) await order(cluster, i, [0, 1, 2, 3], 100);
  await cluster.run(() => [0, 2].every((node) => stableAt(cluster, node) === cluster.height(node)));
  const notes = [parseNote((await early('checkpoint')).bytes), parseNote((await late('checkpoint')).bytes)];
  t.is(notes[0]?.text, notes[1]?.text);
  const checkpoint = parseCheckpointText(notes[0]?.text ?? '');
  t.is(checkpoint.root, rootOfLog(cluster, checkpoint.size));
  for (const [i, get] of [early, late].entries()) {
    const key = parseVerifierKey((await get('v1/log/key')).bytes.toString().trim());
    const own = notes[i]?.signatures[0];
    t.true(own !== undefined && key.name === checkpoint.origin && isSignedBy(key, checkpoint, own));
  }
  t.is((await early('checkpoint')).type, 'text/plain; charset=utf-8');
  for (const path of layoutPaths(checkpoint.size)) {
    const [one, other] = [await early(path), await late(path)];
    t.is(one.status, 200, path);
    t.deepEqual(one, other, path);
    t.is(one.type, 'application/octet-stream');
    t.regex(one.cache, /max-age=31536000, immutable$/);
  }
  const bundle = decodeBundle((await early('tile/entries/000')).bytes, 256);
  const tile = (await early('tile/0/000')).bytes;
  t.deepEqual(Buffer.concat(bundle.map(leafHash)), tile);
  for (const path of [
    'tile/0/000.p/256',
    'tile/0/0',
    'tile/0/009',
    'tile/9/000',
    'tile/1/000',
    'tile/entries/000.p/0',
    'tile/',
  ])
    t.is((await early(path)).status, 404, path);
});

test('where reads are closed tiles and checkpoint are open, and bundles are not', async (t) => {
  const cluster = await startedCluster();
  await order(cluster, 0, [0, 1, 2, 3]);
  await cluster.run(() => stableAt(cluster, 1) > 0);
  const get = await servedBy(t, cluster, 1, false);
  for (const path of ['checkpoint', 'tile/0/000.p/2', 'v1/log/key', 'v1/checkpoints?from=1'])
    t.is((await get(path)).status, 200, path);
  t.is((await get('tile/entries/000.p/2')).status, 401);
  const { checkpoints } = JSON.parse((await get('v1/checkpoints?from=0&limit=10')).bytes.toString()) as {
    checkpoints: { height: number; note: string }[];
  };
  t.is(checkpoints[0]?.height, 1);
  t.is(parseCheckpointText(parseNote(Buffer.from(checkpoints[0]?.note ?? '')).text).size, 3);
});
