// Asks others for the blocks and bodies that this validator misses, and hands on only what was checked.
import type { Block } from '../consensus/messages.ts';
import { assert } from '../ledger/assert.ts';
import { decodeHeader, headerDigest } from '../ledger/entry.ts';
import { type Digest, equalBytes } from '../ledger/hash.ts';
import type { ValidatorSet } from '../ledger/validators.ts';
import { type CheckedBlock, checkFetchedBlock, type LogEnd } from './fetched-block.ts';
import { type AskerOptions, PeerAsker, type PeerFaults } from './peer-asker.ts';
import {
  blocksAnswerBytesMax,
  decodeBlocksAnswer,
  decodeBodyAnswer,
  encodeSyncRequest,
  isPrunedAnswer,
} from './sync-messages.ts';
import type { Transport } from './transport.ts';

export interface SyncOptions extends AskerOptions {
  readonly chainId: Uint8Array;
  readonly validators: ValidatorSet;
}

export class SyncClient {
  readonly #asker: PeerAsker;
  readonly #options: SyncOptions;

  constructor(transport: Pick<Transport, 'request'>, options: SyncOptions) {
    this.#asker = new PeerAsker(transport, options);
    this.#options = options;
  }

  /**
   * Blocks from `height` on, checked one after another on `head`; undefined when no candidate gives the first, 'pruned'
   * when one says that it has forgotten it and nobody else gives it.
   */
  async fetchBlocks(
    height: number,
    candidates: readonly number[],
    head: LogEnd,
  ): Promise<readonly CheckedBlock[] | 'pruned' | undefined> {
    assert(height === head.height + 1, 'a fetch begins where the log ends');
    const request = encodeSyncRequest({ type: 'blocks', height, bytesMax: blocksAnswerBytesMax });
    let isPruned = false;
    const blocks = await this.#asker.ask(candidates, request, (peer, answer) => {
      if (isPrunedAnswer(answer)) {
        isPruned = true;
        return undefined;
      }
      const checked = this.#checked(answer, head);
      if (checked.problem !== undefined) this.#asker.blame(peer, 'lies');
      return checked.blocks.length > 0 ? checked.blocks : undefined;
    });
    return blocks ?? (isPruned ? 'pruned' : undefined);
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
    // [V7] A view does not last as long as an answer may take.
    const patienceMs = this.#options.timeoutMs / 20;
    return this.#asker.askBeside(candidates, request, patienceMs, (peer, answer) => {
      const block = decodeBodyAnswer(answer);
      const isIt = headerDigest(block.header) === digest && decodeHeader(block.header).height === height;
      if (isIt && holds(block)) return block;
      this.#asker.blame(peer, 'lies');
      return undefined;
    });
  }

  faults(peer: number): PeerFaults {
    return this.#asker.faults(peer);
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
      // [E1] What follows is certified by validators that only executing this block tells.
      if (!equalBytes(checked.header.validatorSetHash, checked.header.nextValidatorSetHash)) break;
    }
    return { blocks, problem: undefined };
  }
}
