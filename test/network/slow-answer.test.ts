import test from 'ava';
import { frameOf } from '../../node/network/frames.ts';
import { RawPeer } from './_raw-peer.ts';
import { startNode } from './_transport-node.ts';

test.serial('a peer whose answer is on its way for long counts as alive: its heartbeats may wait behind', async (t) => {
  const node = await startNode({ self: 0, count: 2, addresses: new Map() });
  const peer = await RawPeer.start(1);
  t.teardown(async () => {
    await Promise.all([node.transport.stop(), peer.stop()]);
  });
  await peer.dial(0, node.transport.port);
  await node.until(() => node.connectedPeers.includes(1));
  const answer = frameOf(new Uint8Array(20));
  const asked = node.transport.request(1, Uint8Array.of(1), AbortSignal.timeout(20_000));
  let at = 0;
  const drip = setInterval(() => {
    const stream = peer.opened.find(({ protocol }) => protocol.includes('sync'));
    if (stream === undefined || at >= answer.length) return;
    if (stream.writeStatus === 'writable') stream.send(answer.slice(at, at + 1));
    at++;
  }, 300);
  t.teardown(async () => clearInterval(drip));
  t.is((await asked).length, 20);
});
