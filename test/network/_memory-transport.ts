// A network in memory with the Transport interface: delivery in a microtask, in order per sender, links that can be
// cut, and a filter that may drop what it likes. Nothing is bounded here; the real one is.
import type { Channel, Receiver, Transport } from '../../node/network/transport.ts';
import { TransportError } from '../../node/network/transport-error.ts';

/** False drops the frame. */
export type Filter = (from: number, to: number, channel: Channel, bytes: Uint8Array) => boolean;

export class MemoryNetwork {
  readonly #nodes = new Map<number, MemoryTransport>();
  readonly #cut = new Set<string>();
  filter: Filter = () => true;

  transport(self: number): MemoryTransport {
    return new MemoryTransport(this, self);
  }

  /** Both ways; each end sees the other go. */
  cut(a: number, b: number): void {
    if (!this.isLinked(a, b)) {
      this.#cut.add(key(a, b));
      return;
    }
    this.#cut.add(key(a, b));
    this.#nodes.get(a)?.receiver?.disconnected(b);
    this.#nodes.get(b)?.receiver?.disconnected(a);
  }

  heal(a: number, b: number): void {
    if (!this.#cut.delete(key(a, b)) || !this.isLinked(a, b)) return;
    this.#nodes.get(a)?.receiver?.connected(b);
    this.#nodes.get(b)?.receiver?.connected(a);
  }

  isolate(node: number): void {
    for (const other of this.#nodes.keys()) if (other !== node) this.cut(node, other);
  }

  reconnect(node: number): void {
    for (const other of this.#nodes.keys()) if (other !== node) this.heal(node, other);
  }

  isLinked(a: number, b: number): boolean {
    return a !== b && this.#nodes.has(a) && this.#nodes.has(b) && !this.#cut.has(key(a, b));
  }

  join(node: MemoryTransport): void {
    this.#nodes.set(node.self, node);
    for (const other of this.linked(node.self)) {
      node.receiver?.connected(other);
      this.#nodes.get(other)?.receiver?.connected(node.self);
    }
  }

  leave(node: MemoryTransport): void {
    if (this.#nodes.get(node.self) !== node) return;
    const linked = this.linked(node.self);
    this.#nodes.delete(node.self);
    for (const other of linked) this.#nodes.get(other)?.receiver?.disconnected(node.self);
  }

  linked(self: number): number[] {
    return [...this.#nodes.keys()].filter((other) => this.isLinked(self, other)).sort((a, b) => a - b);
  }

  deliver(from: number, to: number, channel: Channel, bytes: Uint8Array): void {
    if (!this.isLinked(from, to) || !this.filter(from, to, channel, bytes)) return;
    const copy = bytes.slice();
    queueMicrotask(() => {
      if (this.isLinked(from, to)) this.#nodes.get(to)?.receiver?.receive(from, channel, copy);
    });
  }

  serve(from: number, to: number, request: Uint8Array): Uint8Array | undefined {
    return this.isLinked(from, to) ? this.#nodes.get(to)?.receiver?.serve(from, request.slice()) : undefined;
  }
}

export class MemoryTransport implements Transport {
  readonly #network: MemoryNetwork;
  readonly self: number;
  receiver: Receiver | undefined;

  constructor(network: MemoryNetwork, self: number) {
    this.#network = network;
    this.self = self;
  }

  async start(receiver: Receiver): Promise<void> {
    this.receiver = receiver;
    this.#network.join(this);
  }

  admit(): void {}

  send(to: number, channel: Channel, bytes: Uint8Array): void {
    this.#network.deliver(this.self, to, channel, bytes);
  }

  broadcast(channel: Channel, bytes: Uint8Array): void {
    for (const to of this.peers()) this.send(to, channel, bytes);
  }

  async request(to: number, bytes: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    signal.throwIfAborted();
    const answer = this.#network.serve(this.self, to, bytes);
    if (answer === undefined) throw new TransportError(`no answer from validator ${to}`);
    return answer.slice();
  }

  peers(): readonly number[] {
    return this.#network.linked(this.self);
  }

  async stop(): Promise<void> {
    this.#network.leave(this);
    this.receiver = undefined;
  }
}

function key(a: number, b: number): string {
  return a < b ? `${a}-${b}` : `${b}-${a}`;
}
