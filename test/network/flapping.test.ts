import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { prng } from '../_prng.ts';
import { type Addresses, startNode } from './_transport-node.ts';

/** More than the handshakes of noise and yamux need, and less than a proposal. */
const handshakeBytes = 20_000;

/** A link that is cut at random moments, in the middle of whatever passes, and sometimes forgets bytes first. */
async function badLink(toPort: number, seed: number) {
  const random = prng(seed);
  const sockets = new Set<Socket>();
  let lifeMs = 120;
  const server = createServer((client) => {
    const onward = connect(toPort, '127.0.0.1');
    const ends = [client, onward];
    const cut = () => {
      for (const end of ends) {
        sockets.delete(end);
        end.destroy();
      }
    };
    let carried = 0;
    for (const [i, end] of ends.entries()) {
      sockets.add(end);
      end.on('error', cut).on('close', cut);
      end.on('data', (bytes) => {
        // Each connection lives a little longer after its handshakes, so that on a slow machine too one is of use.
        carried += bytes.length;
        if (carried >= handshakeBytes && carried - bytes.length < handshakeBytes)
          setTimeout(cut, random.int(lifeMs++)).unref();
        // A byte that is lost is found by the encryption, which ends the connection.
        const part = carried > handshakeBytes && random.int(200) === 0 ? bytes.subarray(1) : bytes;
        ends[1 - i]?.write(part);
      });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const stop = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port, stop };
}

test.serial('a link that is cut again and again breaks nothing, and heals', async (t) => {
  const addresses: Addresses = new Map();
  const a = await startNode({ self: 0, count: 2, addresses });
  const link = await badLink(a.transport.port, 11);
  const toA: Addresses = new Map([[0, { host: '127.0.0.1', port: link.port }]]);
  const b = await startNode({ self: 1, count: 2, addresses: toA });
  t.teardown(async () => {
    link.stop();
    await Promise.all([a.transport.stop(), b.transport.stop()]);
  });
  a.answer = b.answer = () => new Uint8Array(100_000);
  let answered = 0;
  let given = 0;
  const began = performance.now();
  const isEnough = () => answered > 0 && given > 0 && performance.now() - began > 4_000;
  while (!isEnough() && performance.now() - began < 60_000) {
    for (const node of [a, b]) {
      const other = 1 - node.self;
      node.transport.send(other, 'votes', new Uint8Array(200));
      node.transport.send(other, 'proposals', new Uint8Array(300_000));
      node.transport.request(other, Uint8Array.of(1), AbortSignal.timeout(500)).then(
        () => answered++,
        () => given++,
      );
    }
    await pause(2);
  }
  t.true(a.received.length > 0 && b.received.length > 0);
  t.true(answered > 0 && given > 0, `${answered} answered, ${given} given up`);
  // The same two over a good link.
  link.stop();
  toA.set(0, { host: '127.0.0.1', port: a.transport.port });
  await a.until(() => a.connectedPeers.length === 0, 5_000).catch(() => undefined);
  const counts = [a.received.length, b.received.length];
  while (a.received.length === counts[0] || b.received.length === counts[1]) {
    a.transport.send(1, 'votes', Uint8Array.of(1));
    b.transport.send(0, 'votes', Uint8Array.of(1));
    await pause(10);
  }
  t.pass();
});
