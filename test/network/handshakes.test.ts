import { connect, type Socket } from 'node:net';
import test from 'ava';
import { type Addresses, startNode } from './_transport-node.ts';

/** Sockets that say nothing, from other addresses of this machine; each that is hung up on is opened again. */
function besiege(port: number, hosts: number, perHost: number): () => void {
  const sockets = new Set<Socket>();
  let isOver = false;
  const open = (localAddress: string) => {
    if (isOver) return;
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      setTimeout(open, 5, localAddress);
    });
  };
  for (let host = 0; host < hosts; host++) for (let i = 0; i < perHost; i++) open(`127.0.0.${2 + host}`);
  return () => {
    isOver = true;
    for (const socket of sockets) socket.destroy();
  };
}

test.serial('strangers that begin handshakes and say nothing keep no validator from its own', async (t) => {
  const addresses: Addresses = new Map();
  const a = await startNode({ self: 0, count: 3, addresses });
  // The one that is besieged dials nobody: each of the others must come in.
  const known: Addresses = new Map(addresses);
  const end = besiege(a.transport.port, 5, 30);
  t.teardown(() => {
    end();
    return a.transport.stop();
  });
  for (const self of [1, 2]) {
    const node = await startNode({ self, count: 3, addresses: new Map(known) });
    t.teardown(() => node.transport.stop());
    await a.until(() => a.connectedPeers.includes(self), 5_000);
  }
  t.deepEqual([...a.connectedPeers].sort(), [1, 2]);
});
