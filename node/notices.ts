// What a validator shows a peer that is behind without knowing it: the certificate of a height that it still votes for,
// and how the epoch ended that it still speaks of. A few times a second and peer at most.
import type { Message } from './consensus/messages.ts';
import { lastHeightOf } from './execution/validator-sets.ts';
import type { Store } from './store/store.ts';

const intervalMs = 100;

export class Notices {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #send: (peer: number, message: Message) => void;
  readonly #last = new Map<number, number>();

  constructor(store: Store, now: () => number, send: (peer: number, message: Message) => void) {
    this.#store = store;
    this.#now = now;
    this.#send = send;
  }

  /** [C3] */
  committed(to: number, height: number): void {
    this.#show(to, () => {
      const certificate = this.#store.certificate(height);
      return certificate && { type: 'committed', certificate };
    });
  }

  /** [E5] Nothing for an epoch that has not ended. */
  ended(to: number, epoch: number): void {
    this.#show(to, () => {
      const height = lastHeightOf(this.#store, epoch);
      const block = height === undefined ? undefined : this.#store.block(height);
      const certificate = block && this.#store.certificate(block.height);
      const header = block && this.#store.entry(block.headerIndex);
      return certificate && header && { type: 'committed', certificate, header };
    });
  }

  #show(to: number, make: () => Message | undefined): void {
    const now = this.#now();
    const last = this.#last.get(to);
    if (last !== undefined && Math.abs(now - last) < intervalMs) return;
    const message = make();
    if (message === undefined) return;
    this.#last.set(to, now);
    this.#send(to, message);
  }
}
