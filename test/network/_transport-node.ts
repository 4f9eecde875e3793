// A started libp2p transport on loopback with everything that it received, for tests and measurements.
import '../../node/polyfill.ts';
import { EventEmitter, once } from 'node:events';
import { Libp2pTransport, type PeerAddress } from '../../node/network/libp2p-transport.ts';
import type { AdmittedPeer, Channel, Receiver } from '../../node/network/transport.ts';
import { chainId, networkSeedOf, validatorsOf } from './_consortium.ts';

export interface Received {
  readonly from: number;
  readonly channel: Channel;
  readonly bytes: Uint8Array;
}

export class TestNode implements Receiver {
  readonly self: number;
  readonly transport: Libp2pTransport;
  readonly received: Received[] = [];
  readonly connectedPeers: number[] = [];
  readonly #events = new EventEmitter();
  /** What it answers to requests. */
  answer: (from: number, request: Uint8Array) => Uint8Array | undefined = () => undefined;
  onReceive: (from: number, channel: Channel, bytes: Uint8Array) => void = (from, channel, bytes) => {
    this.received.push({ from, channel, bytes });
  };

  constructor(self: number, transport: Libp2pTransport) {
    this.self = self;
    this.transport = transport;
  }

  receive(from: number, channel: Channel, bytes: Uint8Array): void {
    this.onReceive(from, channel, bytes);
    this.#events.emit('change');
  }

  serve(from: number, request: Uint8Array): Uint8Array | undefined {
    return this.answer(from, request);
  }

  connected(peer: number): void {
    this.connectedPeers.push(peer);
    this.#events.emit('change');
  }

  disconnected(peer: number): void {
    this.connectedPeers.splice(this.connectedPeers.indexOf(peer), 1);
    this.#events.emit('change');
  }

  /** Resolves when this holds; looked at again whenever something arrives or a peer comes or goes. */
  async until(holds: () => boolean, timeoutMs = 20_000): Promise<void> {
    const signal = AbortSignal.timeout(timeoutMs);
    while (!holds()) await once(this.#events, 'change', { signal });
  }
}

/** Addresses that all nodes of a test share and that fill as they start. */
export type Addresses = Map<number, PeerAddress>;

export interface NodeOptions {
  readonly self: number;
  readonly count: number;
  readonly addresses: Addresses;
  readonly port?: number;
  readonly chain?: Uint8Array;
}

export function admittedBy(self: number, count: number): AdmittedPeer[] {
  const all = validatorsOf(count).map(({ id, networkKey }, peer) => {
    return { peer, validator: id, networkKey, isVoter: true };
  });
  return all.filter(({ peer }) => peer !== self);
}

export function makeNode({ self, count, addresses, port = 0, chain = chainId }: NodeOptions): TestNode {
  const transport = new Libp2pTransport({
    chainId: chain,
    networkSeed: networkSeedOf(self),
    admitted: admittedBy(self, count),
    listen: { host: '127.0.0.1', port },
    addressOf: ({ peer }) => addresses.get(peer),
  });
  return new TestNode(self, transport);
}

export async function startNode(options: NodeOptions): Promise<TestNode> {
  const node = makeNode(options);
  await node.transport.start(node);
  options.addresses.set(options.self, { host: '127.0.0.1', port: node.transport.port });
  return node;
}

/** All of them started and each connected to each. */
export async function startMesh(count: number): Promise<TestNode[]> {
  const addresses: Addresses = new Map();
  const nodes: TestNode[] = [];
  for (let self = 0; self < count; self++) nodes.push(await startNode({ self, count, addresses }));
  await Promise.all(nodes.map((node) => node.until(() => node.transport.peers().length === count - 1)));
  return nodes;
}
