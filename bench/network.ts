// How fast do validators talk? Two and four transports on loopback in one process (so both ends share one core):
// votes of 200 bytes one after another (latency) and in a row (rate), and proposals of 1 MiB.
import '../node/polyfill.ts';
import { performance } from 'node:perf_hooks';
import { sha256 } from '../node/ledger/hash.ts';
import { publicKeyOf } from '../node/ledger/signature.ts';
import { Libp2pTransport, type PeerAddress } from '../node/network/libp2p-transport.ts';
import type { Channel } from '../node/network/transport.ts';

const seedOf = (index: number) => sha256(new TextEncoder().encode(`bench ${index}`));
const chainId = sha256(new TextEncoder().encode('bench'));

const unlimited = { framesPerSecond: 1e9, bytesPerSecond: 1e12 };

type OnFrame = (from: number, channel: Channel, bytes: Uint8Array) => void;

const admitted = { validator: 'bench', isVoter: true };

interface Node {
  readonly transport: Libp2pTransport;
  onFrame: OnFrame;
}

async function meshOf(count: number): Promise<Node[]> {
  const addresses = new Map<number, PeerAddress>();
  const networkKeys = Array.from({ length: count }, (_, index) => publicKeyOf(seedOf(index)));
  const nodes: Node[] = [];
  for (let self = 0; self < count; self++) {
    const listen = { host: '127.0.0.1', port: 0 };
    const transport = new Libp2pTransport({
      ...{ chainId, networkSeed: seedOf(self), listen, addressOf: ({ peer }) => addresses.get(peer) },
      admitted: networkKeys
        .map((networkKey, peer) => ({ ...admitted, peer, networkKey }))
        .filter(({ peer }) => peer !== self),
      budgets: { votes: unlimited, proposals: unlimited, transactions: unlimited, checkpoints: unlimited },
    });
    const node: Node = { transport, onFrame: () => undefined };
    await transport.start({
      receive: (from, channel, bytes) => node.onFrame(from, channel, bytes),
      serve: () => undefined,
      connected: () => undefined,
      disconnected: () => undefined,
    });
    addresses.set(self, { host: '127.0.0.1', port: transport.port });
    nodes.push(node);
  }
  while (nodes.some(({ transport }) => transport.peers().length < count - 1)) await pause(20);
  // Of connections that were dialled by both ends one goes after a moment.
  await pause(1_500);
  return nodes;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** One vote to and fro at a time. */
async function roundTrips([a, b]: readonly Node[], count: number): Promise<number[]> {
  if (a === undefined || b === undefined) return [];
  const vote = new Uint8Array(200);
  const times: number[] = [];
  b.onFrame = (from, channel, bytes) => b.transport.send(from, channel, bytes);
  await new Promise<void>((resolve) => {
    let sentAt = performance.now();
    a.onFrame = () => {
      times.push(performance.now() - sentAt);
      if (times.length === count) return resolve();
      sentAt = performance.now();
      a.transport.send(1, 'votes', vote);
    };
    a.transport.send(1, 'votes', vote);
  });
  return times.slice(count / 10).sort((x, y) => x - y);
}

/** Frames a second from the first to all others, at most `window` of them on their way. */
async function rate(nodes: readonly Node[], channel: Channel, size: number, count: number, window: number) {
  const [first, ...others] = nodes;
  if (first === undefined) return 0;
  const frame = new Uint8Array(size);
  const began = performance.now();
  let sent = 0;
  await new Promise<void>((resolve) => {
    const arrived = others.map(() => 0);
    const sendMore = () => {
      for (const least = Math.min(...arrived); sent < count && sent - least < window; sent++)
        first.transport.broadcast(channel, frame);
    };
    others.forEach((node, i) => {
      node.onFrame = () => {
        arrived[i] = (arrived[i] ?? 0) + 1;
        if (arrived.every((each) => each === count)) resolve();
        else sendMore();
      };
    });
    sendMore();
  });
  return (count * 1_000) / (performance.now() - began);
}

for (const count of [2, 4]) {
  const nodes = await meshOf(count);
  const times = await roundTrips(nodes, 5_000);
  const at = (part: number) => ((times[Math.floor(times.length * part)] ?? 0) * 1_000).toFixed(0);
  const votes = await rate(nodes, 'votes', 200, 50_000, 512);
  const proposals = await rate(nodes, 'proposals', 1_048_576, 100, 2);
  console.log(`${count} validators: round trip of a 200-byte vote p50 ${at(0.5)} us, p99 ${at(0.99)} us;`);
  console.log(
    `  ${votes.toFixed(0)} votes/s to each of ${count - 1}; ${proposals.toFixed(0)} MiB/s of proposals to each`,
  );
  await Promise.all(nodes.map(({ transport }) => transport.stop()));
}
process.exit(0);
