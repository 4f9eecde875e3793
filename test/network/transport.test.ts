import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import { TransportError } from '../../node/network/transport-error.ts';
import { otherChainId } from './_consortium.ts';
import { type Addresses, makeNode, startMesh, startNode, type TestNode } from './_transport-node.ts';

async function stopAll(nodes: readonly TestNode[]): Promise<void> {
  await Promise.all(nodes.map(({ transport }) => transport.stop()));
}

/** Until each got a frame of the other; repeated, for what is sent while connections come and go may be lost. */
async function exchange(a: TestNode, b: TestNode): Promise<void> {
  const [before, after] = [a.received.length, b.received.length];
  const timer = setInterval(() => {
    a.transport.send(b.self, 'votes', numbered(1));
    b.transport.send(a.self, 'votes', numbered(2));
  }, 20);
  await Promise.all([a.until(() => a.received.length > before), b.until(() => b.received.length > after)]);
  clearInterval(timer);
}

/** A frame that says which it is. */
function numbered(number: number, size = 200): Uint8Array {
  const bytes = new Uint8Array(size);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
}

function numberOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
}

test.serial('four validators reach each other, and each channel keeps its order', async (t) => {
  const nodes = await startMesh(4);
  t.teardown(() => stopAll(nodes));
  const [first, ...others] = nodes as [TestNode, ...TestNode[]];
  for (let i = 0; i < 300; i++) {
    first.transport.broadcast('votes', numbered(i));
    first.transport.broadcast('transactions', numbered(i, 1_000));
    if (i % 150 === 0) first.transport.broadcast('proposals', numbered(i, 1_048_576));
  }
  for (const node of others) {
    await node.until(() => node.received.length === 602);
    for (const channel of ['votes', 'transactions', 'proposals'] as const) {
      const numbers = node.received.filter((each) => each.channel === channel).map(({ bytes }) => numberOf(bytes));
      t.deepEqual(
        numbers,
        numbers.toSorted((a, b) => a - b),
      );
      t.true(node.received.every(({ from }) => from === 0));
    }
  }
  t.deepEqual(first.transport.peers(), [1, 2, 3]);
  t.deepEqual(first.received, []);
  t.deepEqual(first.transport.dropped(), { votes: 0, proposals: 0, transactions: 0, checkpoints: 0, oversized: 0 });
});

test.serial('a frame at the limit passes, one over it or empty is never sent', async (t) => {
  const [a, b] = (await startMesh(2)) as [TestNode, TestNode];
  t.teardown(() => stopAll([a, b]));
  a.transport.send(1, 'votes', new Uint8Array(1_048_577));
  a.transport.send(1, 'votes', new Uint8Array(0));
  a.transport.send(1, 'votes', numbered(1, 1_048_576));
  a.transport.send(1, 'proposals', numbered(2, 4_194_304));
  a.transport.send(9, 'votes', numbered(3));
  await b.until(() => b.received.length === 2);
  t.deepEqual(b.received.map(({ bytes }) => bytes.length).sort(), [1_048_576, 4_194_304]);
  t.is(a.transport.dropped().oversized, 2);
});

test.serial('a request is answered, refused or given up', async (t) => {
  const [a, b] = (await startMesh(2)) as [TestNode, TestNode];
  t.teardown(() => stopAll([a, b]));
  const signal = AbortSignal.timeout(10_000);
  b.answer = (from, request) =>
    request[0] === 0 ? undefined : new Uint8Array(request[0] === 1 ? 8_388_608 : from + 3);
  t.is((await a.transport.request(1, Uint8Array.of(1), signal)).length, 8_388_608);
  t.is((await a.transport.request(1, Uint8Array.of(2), signal)).length, 3);
  await t.throwsAsync(a.transport.request(1, Uint8Array.of(0), signal));
  await t.throwsAsync(a.transport.request(1, new Uint8Array(1_025), signal));
  await t.throwsAsync(a.transport.request(3, Uint8Array.of(2), signal), { instanceOf: TransportError });
  const late = await a.transport.request(1, Uint8Array.of(2), AbortSignal.abort()).catch(() => 'given up');
  t.is(late, 'given up');
  const many = await Promise.allSettled(
    Array.from({ length: 20 }, () => a.transport.request(1, Uint8Array.of(2), AbortSignal.timeout(5_000))),
  );
  t.true(many.some(({ status }) => status === 'fulfilled'));
  t.is((await a.transport.request(1, Uint8Array.of(2), signal)).length, 3, 'too many at once harm nobody later');
});

test.serial('a validator that restarts is connected again within 200 ms', async (t) => {
  const addresses: Addresses = new Map();
  const a = await startNode({ self: 0, count: 3, addresses });
  let b = await startNode({ self: 1, count: 3, addresses });
  t.teardown(() => stopAll([a, b]));
  const port = b.transport.port;
  for (let round = 0; round < 2; round++) {
    await a.until(() => a.connectedPeers.includes(1));
    await b.until(() => b.connectedPeers.includes(0));
    await b.transport.stop();
    await a.until(() => !a.connectedPeers.includes(1));
    b = makeNode({ self: 1, count: 3, addresses, port });
    await b.transport.start(b);
    const began = performance.now();
    await Promise.all([a.until(() => a.connectedPeers.includes(1)), b.until(() => b.connectedPeers.includes(0))]);
    const tookMs = performance.now() - began;
    t.true(tookMs < 200, `${tookMs} ms`);
    await exchange(a, b);
  }
});

test.serial('both ends dial at once and one connection stays', async (t) => {
  const addresses: Addresses = new Map();
  const nodes = [0, 1].map((self) => makeNode({ self, count: 2, addresses, port: 0 }));
  const [a, b] = nodes as [TestNode, TestNode];
  t.teardown(() => stopAll(nodes));
  await Promise.all(nodes.map((node) => node.transport.start(node)));
  for (const node of nodes) addresses.set(node.self, { host: '127.0.0.1', port: node.transport.port });
  await Promise.all([a.until(() => a.connectedPeers.length === 1), b.until(() => b.connectedPeers.length === 1)]);
  await exchange(a, b);
  t.deepEqual([a.connectedPeers, b.connectedPeers], [[1], [0]]);
});

test.serial('a stranger and a validator of another chain are refused', async (t) => {
  const addresses: Addresses = new Map();
  const a = await startNode({ self: 0, count: 3, addresses });
  // Index 2 of its own set, whose key the others do not know: they know only two validators.
  const stranger = makeNode({ self: 3, count: 4, addresses });
  const foreign = makeNode({ self: 1, count: 3, addresses, chain: otherChainId });
  t.teardown(() => stopAll([a, stranger, foreign]));
  await Promise.all([stranger, foreign].map((node) => node.transport.start(node)));
  const real = await startNode({ self: 2, count: 3, addresses });
  t.teardown(() => stopAll([real]));
  await a.until(() => a.connectedPeers.length > 0);
  await real.until(() => real.connectedPeers.includes(0));
  for (let i = 0; i < 20; i++) {
    real.transport.send(0, 'votes', numbered(i));
    await a.until(() => a.received.length === i + 1);
  }
  t.deepEqual(a.connectedPeers, [2]);
  t.deepEqual(stranger.transport.peers(), []);
  t.deepEqual(foreign.transport.peers(), []);
});

test.serial('bytes that are no handshake are hung up on', async (t) => {
  const a = await startNode({ self: 0, count: 2, addresses: new Map() });
  t.teardown(() => stopAll([a]));
  const socket = connect(a.transport.port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.end('GET / HTTP/1.1\r\n\r\n');
  socket.resume();
  await once(socket, 'close');
  t.deepEqual(a.transport.peers(), []);
});

test.serial('a port in use is one clear error', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  const node = makeNode({ self: 0, count: 2, addresses: new Map(), port });
  const error = await t.throwsAsync(node.transport.start(node), { instanceOf: TransportError });
  t.regex(error?.message ?? '', new RegExp(`^127\\.0\\.0\\.1:${port} is in use: .* listen.port`));
  await node.transport.stop();
});

test.serial('stop takes less than a second, hangs up and leaves the port free', async (t) => {
  const [a, b] = (await startMesh(2)) as [TestNode, TestNode];
  const port = b.transport.port;
  for (let i = 0; i < 50; i++) a.transport.send(1, 'proposals', numbered(i, 4_194_304));
  const began = performance.now();
  await b.transport.stop();
  t.true(performance.now() - began < 1_000);
  await b.transport.stop();
  await a.until(() => a.connectedPeers.length === 0);
  t.deepEqual(a.transport.peers(), []);
  const again = makeNode({ self: 1, count: 2, addresses: new Map(), port });
  await again.transport.start(again);
  await stopAll([a, again]);
  const sockets = () => process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP'));
  for (let i = 0; i < 100 && sockets().length > 0; i++) await nextTurn();
  t.deepEqual(sockets(), []);
});
