import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import test from 'ava';
import { frameOf } from '../../node/network/frames.ts';
import { laneLimits, protocolOf } from '../../node/network/peer-link.ts';
import { RawPeer } from './_raw-peer.ts';
import { startNode, type TestNode } from './_transport-node.ts';

async function againstFaulty(
  t: { teardown(work: () => Promise<void>): void },
  count = 2,
): Promise<[TestNode, RawPeer]> {
  const node = await startNode({ self: 0, count, addresses: new Map() });
  const peer = await RawPeer.start(1);
  t.teardown(async () => {
    await Promise.all([node.transport.stop(), peer.stop()]);
  });
  return [node, peer];
}

test.serial('a frame over the limit ends the connection, and the peer is refused for a while', async (t) => {
  const [node, peer] = await againstFaulty(t);
  const connection = await peer.dial(0, node.transport.port);
  await node.until(() => node.connectedPeers.includes(1));
  const stream = await connection.newStream(protocolOf('votes'));
  stream.send(frameOf(new Uint8Array(10)));
  await node.until(() => node.received.length === 1);
  stream.send(Uint8Array.of(0xff, 0xff, 0xff, 0xff));
  await node.until(() => node.connectedPeers.length === 0);
  const again = await peer.dial(0, node.transport.port).then(
    (opened) => once(opened, 'close'),
    () => 'refused',
  );
  t.truthy(again);
  t.deepEqual(node.transport.peers(), []);
  const began = performance.now();
  while (node.transport.peers().length === 0 && performance.now() - began < 5_000) {
    await peer.dial(0, node.transport.port).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  t.deepEqual(node.transport.peers(), [1], 'and may come back');
});

test.serial('only so many streams of one protocol are taken, and of an unknown one none', async (t) => {
  const [node, peer] = await againstFaulty(t);
  const connection = await peer.dial(0, node.transport.port);
  await t.throwsAsync(connection.newStream('/ipfs/ping/1.0.0'));
  await t.throwsAsync(connection.newStream('/ipfs/id/1.0.0'));
  const streams = await Promise.allSettled(
    Array.from({ length: 100 }, () =>
      connection.newStream(protocolOf('votes'), { signal: AbortSignal.timeout(3_000) }),
    ),
  );
  await new Promise((resolve) => setTimeout(resolve, 200));
  const open = streams.filter((each) => each.status === 'fulfilled' && each.value.status === 'open').length;
  t.true(open <= 2, `${open} streams are open`);
});

test.serial('a peer that never reads costs bounded memory, and the others no time', async (t) => {
  const [node, peer] = await againstFaulty(t, 3);
  const good = await startNode({
    self: 2,
    count: 3,
    addresses: new Map([[0, { host: '127.0.0.1', port: node.transport.port }]]),
  });
  t.teardown(() => good.transport.stop());
  const connection = await peer.dial(0, node.transport.port);
  const alive = await connection.newStream(protocolOf('alive'));
  const beats = setInterval(() => alive.send(frameOf(Uint8Array.of(0))), 500);
  t.teardown(() => clearInterval(beats));
  await node.until(() => node.connectedPeers.length === 2);
  await good.until(() => good.connectedPeers.includes(0));
  for (let i = 0; i < 100 && peer.opened.length < 4; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  for (const stream of peer.opened) stream.pause();
  for (let i = 0; i < 40; i++) {
    node.transport.broadcast('transactions', new Uint8Array(1_000_000));
    node.transport.send(2, 'votes', new Uint8Array(200));
    await good.until(() => good.received.length === 2 * (i + 1));
  }
  const lostMax = 40 - Math.floor(laneLimits.transactions.bytesMax / 1_000_004);
  const lost = node.transport.dropped().transactions;
  t.true(lost > 10 && lost <= lostMax, `${lost} were dropped`);
});

test.serial('a peer that shows no sign of life for five seconds is hung up on', async (t) => {
  const [node, peer] = await againstFaulty(t);
  await peer.dial(0, node.transport.port);
  await node.until(() => node.connectedPeers.includes(1));
  const began = performance.now();
  await node.until(() => node.connectedPeers.length === 0, 10_000);
  const tookMs = performance.now() - began;
  t.true(tookMs > 3_000 && tookMs < 6_500, `${tookMs} ms`);
});

test.serial('a peer that sends more heartbeats than anybody does is hung up on', async (t) => {
  const [node, peer] = await againstFaulty(t);
  const connection = await peer.dial(0, node.transport.port);
  const stream = await connection.newStream(protocolOf('alive'));
  const beat = frameOf(Uint8Array.of(0));
  const flood = Uint8Array.from({ length: 10_000 * beat.length }, (_, i) => beat[i % beat.length] ?? 0);
  await node.until(() => node.connectedPeers.includes(1));
  const beats = setInterval(() => {
    if (stream.status === 'open' && !stream.writableNeedsDrain) stream.send(flood);
  }, 20);
  t.teardown(async () => clearInterval(beats));
  await t.notThrowsAsync(node.until(() => node.connectedPeers.length === 0, 10_000));
});
