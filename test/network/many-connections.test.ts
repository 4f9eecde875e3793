import test from 'ava';
import { frameOf } from '../../node/network/frames.ts';
import { connectionsMax, protocolOf } from '../../node/network/peer-link.ts';
import { validatorsOf } from './_consortium.ts';
import { RawPeer } from './_raw-peer.ts';
import { admittedBy, makeNode, startNode } from './_transport-node.ts';

const count = 21;
const all = validatorsOf(count).map(({ networkKey }, index) => ({ networkKey, index }));
/** The one with the highest key: it leaves it to the others which connections are kept. */
const [self = 0, honestOne = 1, ...liars] = all
  .sort((a, b) => Buffer.compare(b.networkKey, a.networkKey))
  .map(({ index }) => index);

/** All connections that it may have; false where one of them is refused. */
async function fill(peer: RawPeer, port: number): Promise<boolean> {
  for (let i = 0; i < connectionsMax; i++) {
    const connection = await peer.dial(self, port, true).catch(() => undefined);
    const stream = await connection?.newStream(protocolOf('alive')).catch(() => undefined);
    if (stream === undefined) return false;
    const beats = setInterval(() => {
      if (stream.writeStatus === 'writable') stream.send(frameOf(Uint8Array.of(0)));
      else clearInterval(beats);
    }, 500);
  }
  return true;
}

test.serial('validators that came later and hold every connection they may keep nobody out', async (t) => {
  // It begins with one other validator in its set.
  const node = makeNode({ self, count, addresses: new Map() });
  node.transport.admit(admittedBy(self, count).slice(0, 1));
  await node.transport.start(node);
  t.teardown(() => node.transport.stop());
  const { port } = node.transport;
  node.transport.admit(admittedBy(self, count));
  for (const liar of liars) {
    const peer = await RawPeer.start(liar);
    t.teardown(() => peer.stop());
    if (!(await fill(peer, port))) break;
  }
  const addresses = new Map([[self, { host: '127.0.0.1', port }]]);
  const honest = await startNode({ self: honestOne, count, addresses });
  t.teardown(() => honest.transport.stop());
  await t.notThrowsAsync(node.until(() => node.connectedPeers.includes(honestOne), 5_000));
});
