import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import { FrameError, FrameReader, frameOf } from '../../node/network/frames.ts';
import { type InboundBudget, InboundQueue } from '../../node/network/inbound-queue.ts';
import { OutboundLane } from '../../node/network/outbound-lane.ts';
import { PeerLink } from '../../node/network/peer-link.ts';
import { TokenBucket } from '../../node/network/token-bucket.ts';
import type { Channel } from '../../node/network/transport.ts';
import type { WireConnection } from '../../node/network/wire.ts';
import { prng } from '../_prng.ts';
import { FakeStream } from './_fake-stream.ts';

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

test('frames come out whole and in order, however their bytes are cut', (t) => {
  const random = prng(1);
  const frames = Array.from({ length: 50 }, (_, i) => random.bytes(1 + (i % 7) * 40));
  const bytes = joined(frames.map(frameOf));
  for (const cut of [1, 2, 3, 5, 64, 1_000, bytes.length]) {
    const reader = new FrameReader(1_024);
    const out: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += cut) {
      reader.push(bytes.subarray(at, at + cut));
      for (let frame = reader.next(); frame !== undefined; frame = reader.next()) out.push(frame);
    }
    t.deepEqual(out, frames);
    t.true(reader.isBetweenFrames);
  }
});

test('a length over the limit, or of nothing, is refused before anything is held for it', (t) => {
  for (const length of [0, 1_025, 0xffff_ffff]) {
    const reader = new FrameReader(1_024);
    const prefix = new Uint8Array(4);
    new DataView(prefix.buffer).setUint32(0, length);
    reader.push(prefix);
    t.throws(() => reader.next(), { instanceOf: FrameError });
  }
});

test('a lane sends what one turn gave it together, waits for room, and drops its oldest when it is full', async (t) => {
  const lane = new OutboundLane({ framesMax: 3, bytesMax: 1_000 });
  const stream = new FakeStream();
  const sent = () => stream.sent.map((bytes) => [...bytes]);
  stream.room = 2;
  for (let n = 0; n < 3; n++) lane.push(Uint8Array.of(n));
  lane.attach(stream);
  await nextTurn();
  lane.push(Uint8Array.of(3));
  await nextTurn();
  t.deepEqual(sent(), [[0, 1, 2], [3]]);
  for (let n = 4; n < 10; n++) lane.push(Uint8Array.of(n));
  await nextTurn();
  t.deepEqual([lane.waiting, lane.dropped], [3, 3]);
  stream.drain(Number.POSITIVE_INFINITY);
  await nextTurn();
  t.deepEqual(sent(), [[0, 1, 2], [3], [7, 8, 9]]);
  t.deepEqual([lane.waiting, lane.waitingBytes], [0, 0]);
});

test('a batch has an end, and a large frame goes alone', async (t) => {
  const lane = new OutboundLane({ framesMax: 100, bytesMax: 1e9 });
  const stream = new FakeStream();
  lane.attach(stream);
  for (const size of [40_000, 40_000, 200_000, 10, 10]) lane.push(new Uint8Array(size));
  await nextTurn();
  t.deepEqual(
    stream.sent.map(({ length }) => length),
    [40_000, 40_000, 200_000, 20],
  );
});

test('a lane holds no more bytes than its limit, and always its newest frame', (t) => {
  const lane = new OutboundLane({ framesMax: 100, bytesMax: 1_000 });
  for (let n = 0; n < 50; n++) lane.push(new Uint8Array(100));
  t.is(lane.waitingBytes, 1_000);
  lane.push(new Uint8Array(5_000));
  t.deepEqual([lane.waiting, lane.waitingBytes], [1, 5_000]);
});

test('a stream that holds unsent bytes is given no more, and one that ended loses nothing that waits', async (t) => {
  const lane = new OutboundLane({ framesMax: 100, bytesMax: 1_000 });
  const full = new FakeStream();
  full.writeBufferLength = 300_000;
  lane.attach(full);
  lane.push(Uint8Array.of(1));
  await nextTurn();
  t.is(full.sent.length, 0);
  full.writeBufferLength = 0;
  full.end();
  lane.push(Uint8Array.of(2));
  await nextTurn();
  const next = new FakeStream();
  lane.attach(next);
  await nextTurn();
  t.deepEqual(next.sent, [Uint8Array.of(1, 2)]);
});

const generous: InboundBudget = { framesPerSecond: 1e9, bytesPerSecond: 1e12 };

function queueOf(budget = generous, nowMs?: () => number) {
  const got: [number, Channel, number][] = [];
  const offended: number[] = [];
  const sink = {
    receive: (from: number, channel: Channel, bytes: Uint8Array) => got.push([from, channel, bytes.length]),
    offended: (from: number) => offended.push(from),
  };
  const queue = new InboundQueue(
    4,
    sink,
    {
      votes: budget,
      proposals: budget,
      transactions: budget,
      checkpoints: budget,
    },
    nowMs,
  );
  const open = (from: number, channel: Channel) => {
    const stream = new FakeStream();
    queue.read(from, channel, stream, () => undefined);
    return stream;
  };
  return { queue, got, offended, open };
}

test('one peer’s flood delays no other peer, and votes go before bulk', async (t) => {
  // Time stands still in the first turn: one that takes too long gives each peer one frame a channel and no more.
  let nowMs = 0;
  const { got, open } = queueOf(generous, () => nowMs);
  const flood = open(1, 'transactions');
  const floodOfVotes = open(1, 'votes');
  const votes = open(2, 'votes');
  flood.arrive(joined(Array.from({ length: 5_000 }, () => frameOf(new Uint8Array(3)))));
  floodOfVotes.arrive(joined(Array.from({ length: 5_000 }, () => frameOf(new Uint8Array(2)))));
  votes.arrive(frameOf(new Uint8Array(1)));
  await nextTurn();
  const place = got.findIndex(([from]) => from === 2);
  t.true(place >= 0 && place <= 1, `the vote came at place ${place}`);
  t.true(got.length <= 65, 'a turn has an end');
  t.true(got.findIndex(([, channel]) => channel === 'transactions') >= 32);
  for (; got.length < 10_001; nowMs += 1_000) await nextTurn();
  t.is(got.length, 10_001);
});

test('a peer that sends faster than we take is paused, and nothing of it is lost', async (t) => {
  const { got, open } = queueOf();
  const stream = open(1, 'votes');
  const burst = joined(Array.from({ length: 100 }, () => frameOf(new Uint8Array(2_000))));
  for (let i = 0; i < 40; i++) stream.arrive(burst);
  t.is(stream.readStatus, 'paused');
  t.true(stream.heldBytes > 6_000_000, 'the rest stays with the sender');
  while (got.length < 4_000) await nextTurn();
  t.is(stream.readStatus, 'readable');
});

test('who breaks the framing is named once, and its stream ends', async (t) => {
  const { got, offended, open } = queueOf();
  const stream = open(3, 'votes');
  stream.arrive(frameOf(new Uint8Array(5)));
  stream.arrive(Uint8Array.of(0, 0x10, 0, 1, 9, 9));
  stream.arrive(frameOf(new Uint8Array(5)));
  for (let i = 0; i < 5; i++) await nextTurn();
  t.deepEqual(offended, [3]);
  t.deepEqual(got, [[3, 'votes', 5]]);
  t.true(stream.aborted instanceof FrameError);
});

test('whole frames that came before a stream’s end are delivered', async (t) => {
  const { got, open } = queueOf();
  const stream = open(0, 'proposals');
  stream.arrive(frameOf(new Uint8Array(9)));
  stream.end();
  await nextTurn();
  t.deepEqual(got, [[0, 'proposals', 9]]);
});

test('what waited for budget is taken, also where budget came within the turn that found none', async (t) => {
  t.timeout(20_000);
  // Each look at the clock is 1 ms later than the one before, so that budget comes between any two of them.
  let looks = 0;
  const { got, open, queue } = queueOf({ framesPerSecond: 100, bytesPerSecond: 1e9 }, () => ++looks);
  t.teardown(() => queue.stop());
  open(1, 'transactions').arrive(joined(Array.from({ length: 140 }, () => frameOf(Uint8Array.of(1)))));
  for (let turns = 0; got.length < 140 && turns < 1_000; turns++) await delay(5);
  t.is(got.length, 140);
});

test('a budget slows one peer on one channel and nobody else', async (t) => {
  let nowMs = 0;
  const { got, open, queue } = queueOf({ framesPerSecond: 100, bytesPerSecond: 1e9 }, () => nowMs);
  t.teardown(() => queue.stop());
  const stream = open(1, 'transactions');
  stream.arrive(joined(Array.from({ length: 500 }, () => frameOf(Uint8Array.of(1)))));
  for (let i = 0; i < 20; i++) await nextTurn();
  t.is(got.length, 100);
  open(2, 'transactions').arrive(frameOf(new Uint8Array(7)));
  open(1, 'votes').arrive(frameOf(new Uint8Array(8)));
  for (let i = 0; i < 3; i++) await nextTurn();
  t.true(got.some(([from]) => from === 2) && got.some(([, channel]) => channel === 'votes'));
  nowMs += 100;
  while (got.length < 112) await nextTurn();
  for (let i = 0; i < 20; i++) await nextTurn();
  t.is(got.length, 112);
});

test('of streams that a peer opens and ends again and again the last few are kept', async (t) => {
  const { got, open, queue } = queueOf({ framesPerSecond: 10, bytesPerSecond: 1e9 }, () => 0);
  t.teardown(() => queue.stop());
  const burst = joined(Array.from({ length: 100 }, () => frameOf(new Uint8Array(1_000))));
  const streams: FakeStream[] = [];
  for (let i = 0; i < 50; i++) {
    const stream = open(1, 'proposals');
    stream.arrive(burst);
    await nextTurn();
    stream.end();
    streams.push(stream);
  }
  const given = streams.filter(({ aborted }) => aborted !== undefined);
  t.deepEqual(given, streams.slice(0, -8), 'what they held goes with them');
  open(2, 'proposals').arrive(frameOf(new Uint8Array(7)));
  await nextTurn();
  t.true(got.some(([from]) => from === 2));
});

test('a bucket refills evenly up to its burst, and lets one large take pass', (t) => {
  const bucket = new TokenBucket(10, 20, 0);
  bucket.take(50);
  t.false(bucket.hasTokens(0));
  t.false(bucket.hasTokens(3_000));
  t.true(bucket.hasTokens(3_100));
  t.true(bucket.hasTokens(1_000_000));
  bucket.take(20);
  t.false(bucket.hasTokens(1_000_000));
});

test('a turn that has taken long gives each peer one frame a channel and no more', async (t) => {
  const got: number[] = [];
  const slow = (from: number) => {
    got.push(from);
    const end = performance.now() + 12;
    while (performance.now() < end);
  };
  const generously = { votes: generous, proposals: generous, transactions: generous, checkpoints: generous };
  const queue = new InboundQueue(3, { receive: slow, offended: () => undefined }, generously);
  t.teardown(() => queue.stop());
  for (const from of [1, 2]) {
    const stream = new FakeStream();
    queue.read(from, 'votes', stream, () => undefined);
    stream.arrive(joined(Array.from({ length: 5 }, () => frameOf(Uint8Array.of(1)))));
  }
  await nextTurn();
  t.deepEqual([...got].sort(), [1, 2]);
  while (got.length < 10) await nextTurn();
});

test('a peer holds four connections at once: the oldest end', async (t) => {
  const ended: number[] = [];
  const link = new PeerLink(false, { connected: () => undefined, disconnected: () => undefined });
  for (let i = 0; i < 7; i++) {
    const connection: WireConnection = {
      ...{ direction: 'inbound', status: 'open', newStream: async () => new FakeStream() },
      abort: () => {
        ended.push(i);
        link.closed(connection);
      },
    };
    link.opened(connection);
    await nextTurn();
  }
  await nextTurn();
  t.deepEqual(ended, [0, 1, 2]);
  t.true(link.isConnected);
});

test('a connection whose stream ended before it was handed over ends, and leaves no channel dumb', async (t) => {
  const ended = new Promise<string>((resolve) => {
    const link = new PeerLink(false, { connected: () => undefined, disconnected: () => undefined });
    const connection: WireConnection = {
      ...{ direction: 'outbound', status: 'open' },
      newStream: async (protocol) => {
        const stream = new FakeStream();
        if (protocol.includes('votes')) stream.end();
        return stream;
      },
      abort: ({ message }) => {
        link.closed(connection);
        resolve(message);
      },
    };
    link.opened(connection);
  });
  t.is(await Promise.race([ended, delay(2_000, 'it stays', { ref: false })]), 'the votes stream ended');
});
