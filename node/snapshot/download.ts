// Gets a snapshot from other validators: the manifest first, then chunk by chunk and the blocks after the base, each
// checked before it is kept. What is kept survives a restart, any peer that offers the same state can go on where
// another left off, and what the next state has in common with it is not fetched again.
import { assert } from '../ledger/assert.ts';
import { DecodeError } from '../ledger/codec.ts';
import { digestOf, equalBytes } from '../ledger/hash.ts';
import { decodeAs, encodeAs } from '../ledger/schema.ts';
import type { ValidatorSet } from '../ledger/validators.ts';
import { checkFetchedBlock, type LogEnd } from '../network/fetched-block.ts';
import { type AskerOptions, PeerAsker } from '../network/peer-asker.ts';
import {
  blocksAnswerBytesMax,
  decodeBlocksAnswer,
  encodeSyncRequest,
  isPrunedAnswer,
  type StoredBlock,
  storedBlockSchema,
} from '../network/sync-messages.ts';
import type { Transport } from '../network/transport.ts';
import type { Head, PartPlace, Store } from '../store/store.ts';
import { chunkCount, isChunk, isFull, PieceWriter, pieceSchema, type StateRecord } from './chunk.ts';
import { type CheckedManifest, checkManifest, manifestSchema } from './manifest.ts';
import { dropStagedBeside, type FormerlyStaged, formerlyStaged, stagedAt, stageManifest } from './staging.ts';
import { readChunk, stagedProblem } from './stored.ts';

/** Of one chunk, from a peer that sends what it likes: a state of four million records stays below. */
const chunkBytesMax = 67_108_864;
/** A peer answers so many questions a second, and refuses the next: it has room again by then. */
const refusedPauseMs = 1_000;
/** Staged blocks that are gone through, and taken over, before others get their turn. */
const stagedBlocksRun = 64;

export interface DownloadParts extends AskerOptions {
  readonly store: Store;
  readonly chainId: Uint8Array;
  /** Of the genesis document: every later set is reached from it. */
  readonly genesisSet: ValidatorSet;
  readonly transport: Pick<Transport, 'request'>;
  /** Whether whoever began it still waits for it: another may have begun meanwhile, and stages its own. */
  readonly isWanted: () => boolean;
}

/** Everything of a snapshot is staged in the store. */
export interface Downloaded extends CheckedManifest {
  readonly head: Head;
}

type Part = readonly [PartPlace, Uint8Array];

export class SnapshotDownload {
  readonly #parts: DownloadParts;
  readonly #asker: PeerAsker;
  /** Have given something since they last refused. */
  readonly #giving = new Set<number>();

  constructor(parts: DownloadParts) {
    this.#parts = parts;
    // Whatever touches the store follows an answer.
    const request: Transport['request'] = async (to, bytes, signal) => {
      const answer = parts.isWanted() ? await parts.transport.request(to, bytes, signal) : undefined;
      if (answer === undefined || !parts.isWanted()) throw new Error('nobody waits for it any more');
      return answer;
    };
    this.#asker = new PeerAsker({ request }, parts);
  }

  /** [S2] Undefined when these peers together do not give a whole later one; what they gave is kept. */
  async from(peers: readonly number[]): Promise<Downloaded | undefined> {
    const found = await this.#from(peers, (height) => height > this.#parts.store.head().height);
    return found !== undefined && 'head' in found ? found : undefined;
  }

  /** [R4] Also one that is not later: of that the chunks are staged, and its blocks are those of the log here. */
  anyFrom(peers: readonly number[]): Promise<Downloaded | CheckedManifest | undefined> {
    return this.#from(peers, () => true);
  }

  async #from(
    peers: readonly number[],
    isWelcome: (height: number) => boolean,
  ): Promise<Downloaded | CheckedManifest | undefined> {
    const { store } = this.#parts;
    for (const peer of this.#asker.bestFirst(peers)) {
      if (!this.#parts.isWanted()) return undefined;
      const checked = await this.#manifest(peer);
      if (checked === undefined || !isWelcome(checked.header.height)) continue;
      stageManifest(store, checked.manifest, checked.header.height);
      const former = formerlyStaged(store, checked.header.height);
      const others = peers.filter((other) => other !== peer);
      if (!(await this.#chunks(checked, former, peer, others))) continue;
      // [S3] The next peer is asked in the same attempt: one that is made anew would begin with this one again.
      if (stagedProblem(store, checked) !== undefined) {
        this.#asker.blame(peer, 'lies');
        continue;
      }
      if (checked.header.height <= store.head().height) {
        if (!(await this.#isBaseShown(checked, [peer, ...others])) || !this.#parts.isWanted()) continue;
        dropStagedBeside(store, checked.header.height);
        return checked;
      }
      const head = await this.#tail(checked, former, [peer, ...others]);
      if (head === undefined || !this.#parts.isWanted()) continue;
      dropStagedBeside(store, checked.header.height);
      return { ...checked, head };
    }
    return undefined;
  }

  /** [S2] As the asker does; of those who gave something before, once more after a pause. */
  async #ask<T>(
    peers: readonly number[],
    request: Uint8Array,
    read: (answer: Uint8Array) => T | undefined,
  ): Promise<T | undefined> {
    for (;;) {
      const got = await this.#asker.ask(peers, request, (peer, answer) => {
        const result = read(answer);
        if (result !== undefined) this.#giving.add(peer);
        return result;
      });
      const gave = peers.some((peer) => this.#giving.has(peer));
      if (got !== undefined || !gave || !this.#parts.isWanted()) return got;
      for (const peer of peers) this.#giving.delete(peer);
      await this.#pause(refusedPauseMs);
    }
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise<void>((resolve) => this.#parts.after(delayMs, resolve));
  }

  async #manifest(peer: number): Promise<CheckedManifest | undefined> {
    const { store, chainId, genesisSet } = this.#parts;
    const genesis = store.entry(0);
    assert(genesis !== undefined, 'the genesis entry is held');
    return this.#asker.ask([peer], encodeSyncRequest({ type: 'manifest' }), (_, answer) => {
      const checked = checkManifest(decodeAs(manifestSchema, answer), chainId, genesisSet, genesis);
      if (typeof checked === 'string') throw new DecodeError(checked);
      return checked;
    });
  }

  async #chunks(
    { manifest, header }: CheckedManifest,
    former: FormerlyStaged | undefined,
    first: number,
    others: readonly number[],
  ): Promise<boolean> {
    const { store } = this.#parts;
    for (let chunk = 0; chunk < chunkCount; chunk++) {
      // What is here already is read without a wait for anybody: others get their turn all the same.
      if (chunk % 16 === 15) await this.#pause(0);
      if (!this.#parts.isWanted()) return false;
      const root = manifest.roots[chunk];
      if (root === undefined || readChunk(store, 'staged', header.height, chunk, root) !== undefined) continue;
      let records = readChunk(store, 'offered', header.height, chunk, root);
      const formerRoot = former?.roots[chunk];
      if (records === undefined && former !== undefined && formerRoot !== undefined && equalBytes(formerRoot, root))
        records = readChunk(store, 'staged', former.height, chunk, root);
      for (const peer of this.#asker.bestFirst([first, ...others])) {
        if (records !== undefined) break;
        records = await this.#chunk(peer, header.height, chunk, root);
      }
      if (records === undefined) return false;
      store.putParts(
        piecesOf(records).map(([number, piece]) => [stagedAt(header.height, 'piece', chunk, number), piece]),
      );
    }
    return true;
  }

  async #chunk(
    peer: number,
    height: number,
    chunk: number,
    root: Uint8Array,
  ): Promise<readonly StateRecord[] | undefined> {
    const records: StateRecord[] = [];
    let size = 0;
    for (let number = 0; size <= chunkBytesMax; number++) {
      const request = encodeSyncRequest({ type: 'piece', height, chunk, piece: number });
      const piece = await this.#ask([peer], request, (answer) => {
        size += answer.length;
        return decodeAs(pieceSchema, answer);
      });
      if (piece === undefined) return undefined;
      for (const { path, value } of piece.records) records.push([path, value]);
      if (piece.last === 1 && isChunk(records, chunk, root)) return records;
      // What comes in crumbs would never end, and nobody else would be asked.
      if (piece.last === 1 || !isFull(piece)) break;
    }
    this.#asker.blame(peer, 'lies');
    return undefined;
  }

  /** Peaks of another log would not give the root that the next block's header has. */
  async #isBaseShown(checked: CheckedManifest, peers: readonly number[]): Promise<boolean> {
    const { base, basePeaks } = checked;
    return base.height === 0 || (await this.#run(checked, peers, { ...base, peaks: basePeaks })) !== undefined;
  }

  /** The blocks after the base, up to the snapshot's own; answers with the head that they lead to. */
  async #tail(
    checked: CheckedManifest,
    former: FormerlyStaged | undefined,
    peers: readonly number[],
  ): Promise<Head | undefined> {
    const { header } = checked;
    let end = await this.#staged(checked, former);
    while (end.height < header.height) {
      const next = await this.#run(checked, peers, end);
      if (next === undefined) return undefined;
      end = next;
    }
    if (end.digest !== checked.manifest.certificate.digest) return undefined;
    const { timestamp } = header;
    return { ...end, timestamp, stateRoot: digestOf(header.stateRoot) };
  }

  /** The blocks that are here, under this manifest or the one before: answers where the log then ends. */
  async #staged(checked: CheckedManifest, former: FormerlyStaged | undefined): Promise<LogEnd> {
    const { store } = this.#parts;
    const { header, base, basePeaks } = checked;
    let end: LogEnd = { ...base, peaks: basePeaks };
    while (end.height < header.height && this.#parts.isWanted()) {
      const begun = end.height;
      const taken: Part[] = [];
      while (end.height < Math.min(header.height, begun + stagedBlocksRun)) {
        const place = stagedAt(header.height, 'block', end.height + 1);
        const own = store.part(place);
        const bytes = own ?? (former && store.part({ ...place, height: former.height }));
        const block = bytes && this.#judged(checked, decodeAs(storedBlockSchema, bytes), end);
        if (bytes === undefined || block === undefined || typeof block === 'string') break;
        end = block.end;
        if (own === undefined) taken.push([place, bytes]);
      }
      if (taken.length > 0) store.putParts(taken);
      if (end.height < begun + stagedBlocksRun) break;
      await this.#pause(0);
    }
    return end;
  }

  /** One answer of blocks, staged as far as they hold. */
  #run(checked: CheckedManifest, peers: readonly number[], from: LogEnd): Promise<LogEnd | undefined> {
    const { store } = this.#parts;
    const { height } = checked.header;
    const request = encodeSyncRequest({ type: 'blocks', height: from.height + 1, bytesMax: blocksAnswerBytesMax });
    return this.#ask(peers, request, (answer) => {
      if (isPrunedAnswer(answer)) return undefined;
      const parts: Part[] = [];
      let end = from;
      for (const stored of decodeBlocksAnswer(answer)) {
        if (end.height === height) break;
        const block = this.#judged(checked, stored, end);
        if (typeof block === 'string') {
          if (parts.length === 0) throw new DecodeError(block);
          break;
        }
        end = block.end;
        parts.push([stagedAt(height, 'block', end.height), encodeAs(storedBlockSchema, stored)]);
      }
      if (parts.length === 0) return undefined;
      store.putParts(parts);
      return end;
    });
  }

  #judged({ sets }: CheckedManifest, stored: StoredBlock, end: LogEnd) {
    const set = sets.at(end.height + 1);
    if (set === undefined) return 'a height before the first';
    return checkFetchedBlock(stored, end, set.validators, this.#parts.chainId);
  }
}

function piecesOf(records: readonly StateRecord[]): (readonly [number, Uint8Array])[] {
  const writer = new PieceWriter();
  const closed = records.flatMap(([path, value]) => {
    const piece = writer.add(path, value);
    return piece === undefined ? [] : [piece];
  });
  return [...closed, writer.end()];
}
