import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Connection, MessageStream } from '@libp2p/interface';
import test from 'ava';
import { frameOf } from '../../node/network/frames.ts';
import { protocolOf } from '../../node/network/peer-link.ts';
import { YamuxError, YamuxGuard } from '../../node/network/yamux-guard.ts';
import { prng } from '../_prng.ts';
import { RawPeer } from './_raw-peer.ts';
import { startNode, type TestNode } from './_transport-node.ts';

interface Below {
  readonly muxer: { readonly maConn: MessageStream; handleFrame(): void };
}

/** Below the multiplexer of a peer's own, which is deaf from now on. */
function below(connection: Connection): MessageStream {
  const { muxer } = connection as unknown as Below;
  muxer.handleFrame = () => undefined;
  return muxer.maConn;
}

function header(type: number, flag: number, streamId: number, length: number): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setUint8(1, type);
  view.setUint16(2, flag);
  view.setUint32(4, streamId);
  view.setUint32(8, length);
  return bytes;
}

async function connected(t: {
  teardown(work: () => Promise<void>): void;
}): Promise<{ node: TestNode; connection: Connection }> {
  const node = await startNode({ self: 0, count: 2, addresses: new Map() });
  const peer = await RawPeer.start(1);
  t.teardown(async () => {
    await Promise.all([node.transport.stop(), peer.stop()]);
  });
  const connection = await peer.dial(0, node.transport.port);
  const stream = await connection.newStream(protocolOf('votes'));
  stream.send(frameOf(new Uint8Array(10)));
  await node.until(() => node.received.length === 1);
  return { node, connection };
}

/** How many bytes of these went out before the other end hung up. */
async function pour(connection: Connection, pieces: Iterable<Uint8Array>): Promise<number> {
  const wire = below(connection);
  let bytes = 0;
  try {
    for (const piece of pieces) {
      if (connection.status !== 'open') break;
      if (!wire.send(piece)) await wire.onDrain({ signal: AbortSignal.timeout(3_000) });
      bytes += piece.length;
      await nextTurn();
    }
  } catch {
    // It is closed.
  }
  return bytes;
}

test.serial('a frame longer than any window is not gathered', async (t) => {
  const { node, connection } = await connected(t);
  const piece = new Uint8Array(65_536);
  const bytes = await pour(connection, [header(0, 0, 1, 0xffff_ffff), ...Array.from({ length: 800 }, () => piece)]);
  t.true(bytes < 20_000_000, `${bytes} bytes of one frame were taken`);
  await node.until(() => node.connectedPeers.length === 0, 3_000);
});

test.serial('a flood of pings ends the connection, whatever else the peer says', async (t) => {
  const { node, connection } = await connected(t);
  const alive = await connection.newStream(protocolOf('alive'));
  const { streamId } = alive as unknown as { streamId: number };
  const beat = [header(0, 0, streamId, 5), frameOf(Uint8Array.of(0))];
  const pings = Array.from({ length: 1_000 }, (_, i) => header(2, 1, 0, i));
  const piece = Uint8Array.from(Buffer.concat([...beat, ...pings]));
  void pour(connection, Array(200).fill(piece));
  await t.notThrowsAsync(node.until(() => node.connectedPeers.length === 0, 10_000));
});

const limits = { windowBytesMax: 1_000, framesPerSecond: 100, framesBurst: 350, unsentBytesMax: 5_000 };

function cut(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

test('frames are followed however their bytes are cut, and no data is taken for a header', (t) => {
  const random = prng(3);
  // Data that would be a frame over any window, were it a header.
  const data = (length: number) => Uint8Array.from({ length }, () => 0xff * random.int(2));
  const lengths = [0, 1, 11, 12, 13, 1_000, 500, 3];
  const frames = lengths.flatMap((length) => [header(0, 0, 1, length), data(length), header(1, 0, 1, 0xffff_ffff)]);
  const bytes = Uint8Array.from(Buffer.concat([...frames, header(2, 1, 0, 1)]));
  const long = Uint8Array.from(Buffer.concat([bytes, header(0, 0, 1, 1_001)]));
  for (const size of [1, 5, 12, 13, 100, long.length]) {
    const guard = new YamuxGuard(limits, 0);
    for (const piece of cut(bytes, size)) t.notThrows(() => guard.check(piece, 0, 0));
    const other = new YamuxGuard(limits, 0);
    t.throws(() => other.check(cut(long, size), 0, 0), { instanceOf: YamuxError, message: /1001 bytes/ });
  }
});

test('frames have a budget, which a ping uses up sooner, and what the peer leaves has an end', (t) => {
  const guard = new YamuxGuard(limits, 0);
  const update = header(1, 0, 1, 5);
  for (let i = 0; i < 49; i++) guard.check(update, 5_000, 0);
  for (let i = 0; i < 3; i++) guard.check(header(2, 1, 0, i), 0, 0);
  t.throws(() => guard.check(update, 0, 0), { instanceOf: YamuxError });
  t.notThrows(() => guard.check(update, 0, 1_000));
  t.throws(() => guard.check(update, 5_001, 1_000), { instanceOf: YamuxError });
});
