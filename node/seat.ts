// A validator's seat in one epoch: its number among that epoch's validators, and what judges and fetches under their
// keys. Another epoch has another seat; nothing is carried over.
import type { Epoch } from '../contracts/consortium-state.ts';
import type { Block } from './consensus/messages.ts';
import type { Fetcher } from './driver.ts';
import type { EventLoop } from './event-loop.ts';
import type { Digest } from './ledger/hash.ts';
import type { Validator } from './ledger/validators.ts';
import { Inbound, type Judgement, type MessageReader } from './network/inbound.ts';
import { SyncClient } from './network/sync-client.ts';
import type { Channel, Transport } from './network/transport.ts';

export interface SeatParts {
  readonly epoch: Epoch;
  /** Whether this is us, under a key that we hold. */
  readonly isOwn: (validator: Validator) => boolean;
  /** [E4] */
  readonly base: { readonly height: number; readonly digest: Digest };
  readonly chainId: Uint8Array;
  /** By index. */
  readonly transport: Pick<Transport, 'request'>;
  readonly syncTimeoutMs: number;
  readonly after: EventLoop['after'];
  readonly monotonicMs: EventLoop['monotonicMs'];
  /** The view that the replica is in and the height that votes are for. */
  position(): { readonly view: number; readonly height: number };
  readonly reader?: MessageReader | undefined;
}

export class Seat implements Fetcher {
  readonly epoch: Epoch;
  /** Our own number; -1 for who has no vote in this epoch. */
  readonly self: number;
  /** By index. */
  readonly transport: SeatParts['transport'];
  readonly #inbound: Inbound;
  readonly #client: SyncClient;

  constructor({ epoch, isOwn, chainId, transport, syncTimeoutMs: timeoutMs, ...rest }: SeatParts) {
    const { number, validators } = epoch;
    this.epoch = epoch;
    this.transport = transport;
    this.self = validators.findIndex(isOwn);
    this.#inbound = new Inbound({ chainId, epoch: number, validators, self: this.self, ...rest });
    const { after, monotonicMs } = rest;
    this.#client = new SyncClient(transport, { chainId, validators, timeoutMs, after, monotonicMs });
  }

  check(from: number, channel: Channel, bytes: Uint8Array): Judgement {
    return this.#inbound.check(from, channel, bytes);
  }

  blocks(height: number, from: readonly number[], head: Parameters<Fetcher['blocks']>[2]) {
    return this.#client.fetchBlocks(height, from, head);
  }

  body(height: number, digest: Digest, from: readonly number[], holds: (block: Block) => boolean) {
    return this.#client.fetchBody(height, digest, from, holds);
  }
}
