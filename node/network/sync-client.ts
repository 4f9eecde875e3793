// Asks others for what this validator misses, one at a time, and hands on only what was checked. Who lied or did not
// answer is asked last from then on; nobody is asked never, for there may be no other.
import type { Block } from '../consensus/messages.ts';
import type { EventLoop } from '../event-loop.ts';
import { assert } from '../ledger/assert.ts';
import { DecodeError } from '../ledger/codec.ts';
import { decodeHeader, headerDigest } from '../ledger/entry.ts';
import type { Digest } from '../ledger/hash.ts';
import type { ValidatorSet } from '../ledger/validators.ts';
import { type CheckedBlock, checkFetchedBlock, type LogEnd } from './fetched-block.ts';
import { blocksAnswerBytesMax, decodeBlocksAnswer, decodeBodyAnswer, encodeSyncRequest } from './sync-messages.ts';
import type { Transport } from './transport.ts';

export interface SyncOptions {
  readonly chainId: Uint8Array;
  readonly validators: ValidatorSet;
  /** For one answer, from the request to its last byte. */
  readonly timeoutMs: number;
  readonly after: EventLoop['after'];
}

/** Faults of a peer: an answer that is false outweighs any number of answers that did not come. */
export interface PeerFaults {
  readonly lies: number;
  readonly silences: number;
}

export class SyncClient {
  readonly #transport: Pick<Transport, 'request'>;
  readonly #options: SyncOptions;
  readonly #faults = new Map<number, PeerFaults>();

  constructor(transport: Pick<Transport, 'request'>, options: SyncOptions) {
    this.#transport = transport;
    this.#options = options;
  }

  /** Blocks from `height` on, checked one after another on `head`; undefined when no candidate has the first. */
  fetchBlocks(
    height: number,
    candidates: readonly number[],
    head: LogEnd,
  ): Promise<readonly CheckedBlock[] | undefined> {
    assert(height === head.height + 1, 'a fetch begins where the log ends');
    const request = encodeSyncRequest({ type: 'blocks', height, bytesMax: blocksAnswerBytesMax });
    return this.#ask(candidates, request, (peer, answer) => {
      const checked = this.#checked(answer, head);
      if (checked.problem !== undefined) this.#blame(peer, 'lies');
      return checked.blocks.length > 0 ? checked.blocks : undefined;
    });
  }

  /**
   * The block behind a digest. A header alone does not show that the transactions are its own, so `holds` should
   * execute them: a quorum prepared this digest, so where execution disagrees the answer is false and the next peer is
   * asked.
   */
  fetchBody(
    height: number,
    digest: Digest,
    candidates: readonly number[],
    holds: (block: Block) => boolean = () => true,
  ): Promise<Block | undefined> {
    const request = encodeSyncRequest({ type: 'body', height, digest });
    return this.#ask(candidates, request, (peer, answer) => {
      const block = decodeBodyAnswer(answer);
      const isIt = headerDigest(block.header) === digest && decodeHeader(block.header).height === height;
      if (isIt && holds(block)) return block;
      this.#blame(peer, 'lies');
      return undefined;
    });
  }

  faults(peer: number): PeerFaults {
    return this.#faults.get(peer) ?? { lies: 0, silences: 0 };
  }

  /** As many blocks as hold, and what is wrong with the next one. */
  #checked(answer: Uint8Array, head: LogEnd): { blocks: CheckedBlock[]; problem: string | undefined } {
    const blocks: CheckedBlock[] = [];
    let end = head;
    for (const stored of decodeBlocksAnswer(answer)) {
      const checked = checkFetchedBlock(stored, end, this.#options.validators, this.#options.chainId);
      if (typeof checked === 'string') return { blocks, problem: checked };
      blocks.push(checked);
      end = checked.end;
    }
    return { blocks, problem: undefined };
  }

  async #ask<T>(
    candidates: readonly number[],
    request: Uint8Array,
    read: (peer: number, answer: Uint8Array) => T | undefined,
  ): Promise<T | undefined> {
    for (const peer of this.#bestFirst(candidates)) {
      const answer = await this.#answer(peer, request);
      if (answer === undefined) {
        this.#blame(peer, 'silences');
        continue;
      }
      try {
        const result = read(peer, answer);
        if (result !== undefined) return result;
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        this.#blame(peer, 'lies');
      }
    }
    return undefined;
  }

  /** Refusals, resets and timeouts all mean the same here: ask the next. */
  async #answer(peer: number, request: Uint8Array): Promise<Uint8Array | undefined> {
    const deadline = new AbortController();
    const cancel = this.#options.after(this.#options.timeoutMs, () => deadline.abort());
    try {
      return await this.#transport.request(peer, request, deadline.signal);
    } catch {
      return undefined;
    } finally {
      cancel();
    }
  }

  #bestFirst(candidates: readonly number[]): number[] {
    return [...candidates].sort((a, b) => {
      const [left, right] = [this.faults(a), this.faults(b)];
      return left.lies - right.lies || left.silences - right.silences;
    });
  }

  #blame(peer: number, fault: keyof PeerFaults): void {
    const faults = this.faults(peer);
    this.#faults.set(peer, { ...faults, [fault]: faults[fault] + 1 });
  }
}
