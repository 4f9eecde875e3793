// Answers what others need to catch up, from the store alone. It holds no state and believes nothing of the asker.
import { type Block, blockSchema } from '../consensus/messages.ts';
import { assert } from '../ledger/assert.ts';
import type { Claim } from '../ledger/claim.ts';
import { DecodeError } from '../ledger/codec.ts';
import { decodeEntry } from '../ledger/entry.ts';
import type { Evidence } from '../ledger/evidence.ts';
import type { Digest } from '../ledger/hash.ts';
import { decodeAs } from '../ledger/schema.ts';
import type { Store } from '../store/store.ts';
import {
  blocksAnswerMax,
  decodeSyncRequest,
  encodeBlocksAnswer,
  encodeBodyAnswer,
  encodePrunedAnswer,
  type StoredBlock,
  type SyncRequest,
} from './sync-messages.ts';

export type SyncSource = Pick<Store, 'head' | 'base' | 'block' | 'entries' | 'certificate' | 'body'>;

/** What is on offer, as bytes; both undefined where nothing is. */
export interface SnapshotSource {
  /** The manifest for a peer that is to begin with it. */
  give(): Uint8Array | undefined;
  piece(height: number, chunk: number, piece: number): Uint8Array | undefined;
}

const noSnapshots: SnapshotSource = { give: () => undefined, piece: () => undefined };

export class SyncServer {
  readonly #store: SyncSource;
  readonly #snapshots: SnapshotSource;

  constructor(store: SyncSource, snapshots: SnapshotSource = noSnapshots) {
    this.#store = store;
    this.#snapshots = snapshots;
  }

  /** Undefined for a request of no known form, and when there is nothing to give. */
  serve(request: Uint8Array, note: (claim: Claim) => Uint8Array | undefined = () => undefined): Uint8Array | undefined {
    let asked: SyncRequest;
    try {
      asked = decodeSyncRequest(request);
    } catch (error) {
      if (error instanceof DecodeError) return undefined;
      throw error;
    }
    return asked.type === 'claim' ? note(asked.claim) : this.#answer(asked);
  }

  #answer(asked: Exclude<SyncRequest, { type: 'claim' }>): Uint8Array | undefined {
    switch (asked.type) {
      case 'blocks': {
        const base = this.#store.base().height;
        if (base > 0 && asked.height <= base) return encodePrunedAnswer(base + 1);
        const blocks = this.#blocks(asked.height, asked.bytesMax);
        return blocks.length === 0 ? undefined : encodeBlocksAnswer(blocks);
      }
      case 'body': {
        const block = this.#body(asked.height, asked.digest);
        return block === undefined ? undefined : encodeBodyAnswer(block);
      }
      case 'manifest':
        return this.#snapshots.give();
      case 'piece':
        return this.#snapshots.piece(asked.height, asked.chunk, asked.piece);
    }
  }

  /** At least one, if there is one: a block over `bytesMax` could never be had otherwise. */
  #blocks(from: number, bytesMax: number): StoredBlock[] {
    const blocks: StoredBlock[] = [];
    const last = this.#store.head().height;
    let total = 0;
    for (let height = Math.max(from, 1); height <= last && blocks.length < blocksAnswerMax; height++) {
      const stored = this.#stored(height);
      total += stored.entries.reduce((sum, entry) => sum + entry.length + 5, 0);
      if (blocks.length > 0 && total > bytesMax) break;
      blocks.push(stored);
    }
    return blocks;
  }

  #stored(height: number): StoredBlock {
    const row = this.#store.block(height);
    const certificate = this.#store.certificate(height);
    assert(row !== undefined && certificate !== undefined, `block ${height} is below the head`);
    return { entries: this.#store.entries(row.firstIndex, row.headerIndex + 1), certificate };
  }

  /** A body that was voted for is in its own table until its height is committed, and in the log from then on. */
  #body(height: number, digest: Digest): Block | undefined {
    const encoded = this.#store.body(digest);
    if (encoded !== undefined) return decodeAs(blockSchema, encoded);
    if (height < 1 || height <= this.#store.base().height || this.#store.block(height)?.digest !== digest)
      return undefined;
    const { entries } = this.#stored(height);
    const header = entries.at(-1);
    assert(header !== undefined, 'a block ends with its header');
    const transactions: Uint8Array[] = [];
    let evidence: Evidence | undefined;
    for (const each of entries) {
      const entry = decodeEntry(each);
      if (entry.kind === 1) transactions.push(entry.transaction);
      else if (entry.kind === 4) evidence = entry.evidence;
    }
    return { header, evidence, transactions };
  }
}
