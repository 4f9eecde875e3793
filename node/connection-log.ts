// What the log says of connections that come and go. A peer may open and end them as fast as it likes, which must not
// fill the disk: of each a score are told, and then one at a time with how many were not.
import { TokenBucket } from './network/token-bucket.ts';

const linesBurst = 20;
/** Some 8,600 a day of one peer at the most. */
const linesPerSecond = 0.1;

interface Told {
  readonly budget: TokenBucket;
  untold: number;
}

export interface ConnectionLogParts {
  monotonicMs(): number;
  tell(text: 'connected' | 'disconnected', facts: object): void;
  /** By which people know a peer. */
  idOf(peer: number): string;
}

export class ConnectionLog {
  readonly #parts: ConnectionLogParts;
  readonly #told = new Map<number, Told>();

  constructor(parts: ConnectionLogParts) {
    this.#parts = parts;
  }

  say(text: 'connected' | 'disconnected', peer: number): void {
    const now = this.#parts.monotonicMs();
    const told = this.#told.get(peer) ?? { budget: new TokenBucket(linesPerSecond, linesBurst, now), untold: 0 };
    this.#told.set(peer, told);
    if (!told.budget.hasTokens(now)) {
      told.untold++;
      return;
    }
    told.budget.take(1);
    const { untold } = told;
    told.untold = 0;
    this.#parts.tell(text, { peer: this.#parts.idOf(peer), ...(untold > 0 && { untold }) });
  }
}
