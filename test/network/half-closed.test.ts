import type { Socket } from 'node:net';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import type { Stream } from '@libp2p/interface';
import test from 'ava';
import { laneNames } from '../../node/network/peer-link.ts';
import { RawPeer } from './_raw-peer.ts';
import { startNode } from './_transport-node.ts';

/** What libp2p keeps to itself, for a peer that does not keep to it. */
interface Below {
  readonly maConn: { readonly socket: Socket };
}
interface BelowStream {
  readonly streamId: number;
  sendFrame(header: { type: number; flag: number; streamID: number; length: number }): boolean;
}

function takeAll(stream: Stream): void {
  const { streamId, sendFrame } = stream as unknown as BelowStream;
  const windowUpdate = 1;
  sendFrame({ type: windowUpdate, flag: 0, streamID: streamId, length: 2 ** 30 });
}

test.serial('a peer that ends its half of a connection and reads no more holds up no stop', async (t) => {
  const node = await startNode({ self: 0, count: 2, addresses: new Map() });
  const peer = await RawPeer.start(1);
  const connection = await peer.dial(0, node.transport.port);
  const { socket } = (connection as unknown as Below).maConn;
  t.teardown(async () => {
    socket.destroy();
    await peer.stop();
  });
  await node.until(() => node.connectedPeers.includes(1));
  while (peer.opened.length < laneNames.length) await nextTurn();
  for (const stream of peer.opened) takeAll(stream);
  socket.pause();
  // Until what the system holds for the two is full, too.
  while (node.transport.dropped().transactions === 0) {
    node.transport.send(1, 'transactions', new Uint8Array(1_000_000));
    await nextTurn();
  }
  socket.end();
  socket.write = () => false;
  await node.until(() => node.connectedPeers.length === 0, 3_000);
  const stopped = node.transport.stop().then(() => 'stopped');
  t.is(await Promise.race([stopped, delay(3_000, 'it goes on', { ref: false })]), 'stopped');
});
