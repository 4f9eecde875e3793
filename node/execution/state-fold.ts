// The state as the log makes it: every accepted event of every entry evolved again, in order, from genesis on or from a
// certified state. Nothing is decided again and no signature verified: the log root in each header says whether the log
// is whole, and the state root of the last one whether the fold is right. It holds the whole state in memory.
import { consortiumName, latestEpoch } from '../../contracts/consortium-state.ts';
import { type Contract, hostRefusals } from '../../contracts/contract.ts';
import type { Genesis } from '../../genesis/genesis.ts';
import { assert } from '../ledger/assert.ts';
import type { CommitCertificate } from '../ledger/certificate.ts';
import { DecodeError } from '../ledger/codec.ts';
import { accepted, decodeEntry, decodeHeader, type LedgerEvent } from '../ledger/entry.ts';
import { type Digest, digestBytes, digestOf, equalBytes, leafHash } from '../ledger/hash.ts';
import { type CompleteSubtree, Frontier } from '../ledger/merkle.ts';
import { decodeTransaction } from '../ledger/transaction.ts';
import type { ValidatorSet } from '../ledger/validators.ts';
import type { BlockCommit, Head, ReferenceRow, StatePath } from '../store/store.ts';
import { stateChanges } from './executor.ts';
import { genesisCommit } from './genesis-commit.ts';
import { DecodedRecords, Overlay, readerOf, writerOf } from './overlay.ts';
import { StateTree } from './state-tree.ts';

/** A block of the log with every row that follows from it; the state it writes has gone into the fold. */
export type FoldedBlock = Omit<BlockCommit, 'head' | 'writes'>;

/** A state that a quorum certified, and the block that it is the state after. */
export interface FoldStart {
  readonly head: Head;
  readonly state: Iterable<readonly [StatePath, Uint8Array]>;
}

export interface FoldOptions {
  readonly checksRoots?: boolean;
  /** Genesis where it is not given. */
  readonly start?: FoldStart | undefined;
}

export class StateFold {
  readonly #contracts: ReadonlyMap<string, Contract>;
  readonly #state = new Map<StatePath, Uint8Array>();
  readonly #chainId: Uint8Array;
  /** Only while the first wrong block is looked for: it costs more than the fold. */
  #tree: StateTree | undefined;
  #records = new DecodedRecords();
  #head: Head;
  #lastWrites: readonly StatePath[] = [];

  constructor(genesis: Genesis, contracts: readonly Contract[], { checksRoots = false, start }: FoldOptions = {}) {
    this.#contracts = new Map(contracts.map((contract) => [contract.name, contract]));
    const { commit } = genesisCommit(genesis, contracts);
    this.#chainId = digestBytes(commit.head.digest);
    this.#head = start?.head ?? commit.head;
    this.#put(start?.state ?? commit.writes);
    if (checksRoots) this.#tree = StateTree.empty.update(stateChanges([...this.#state]));
  }

  /** The block that was folded last; its state root is that of the header, whatever the fold gives. */
  get head(): Head {
    return this.#head;
  }

  get state(): ReadonlyMap<StatePath, Uint8Array> {
    return this.#state;
  }

  /** Under whose keys the next block is certified. */
  get validators(): ValidatorSet {
    const epoch = latestEpoch(readerOf(this.#overlay(), consortiumName));
    assert(epoch !== undefined, 'genesis wrote the validators');
    return epoch.validators;
  }

  /** What the last block wrote. */
  get lastWrites(): readonly StatePath[] {
    return this.#lastWrites;
  }

  /** With `checksRoots`: whether the fold gives the state root of the last header. */
  get isRight(): boolean {
    return this.#tree === undefined || digestOf(this.#tree.root) === this.#head.stateRoot;
  }

  /** Takes the next block, or says why these entries are not it and stays as it was. Never throws on content. */
  add(entries: readonly Uint8Array[], certificate: CommitCertificate): FoldedBlock | string {
    try {
      return this.#add(entries, certificate);
    } catch (error) {
      if (error instanceof DecodeError) return error.message;
      throw error;
    }
  }

  #add(entries: readonly Uint8Array[], certificate: CommitCertificate): FoldedBlock | string {
    const headerBytes = entries.at(-1);
    if (headerBytes === undefined) return 'no entries';
    const header = decodeHeader(headerBytes);
    const leaf = leafHash(headerBytes);
    const [height, firstIndex, digest] = [this.#head.height + 1, this.#head.logSize, digestOf(leaf)];
    if (header.height !== height || certificate.height !== height) return `not the block of height ${height}`;
    if (certificate.digest !== digest) return 'the certificate is for another header';
    if (!equalBytes(header.chainId, this.#chainId)) return 'a block of another chain';
    if (!equalBytes(header.parent, digestBytes(this.#head.digest))) return 'another parent';
    const frontier = Frontier.fromHashes(firstIndex, this.#head.peaks);
    const nodes: CompleteSubtree[] = [];
    for (const entry of entries.slice(0, -1)) frontier.append(leafHash(entry), nodes);
    if (!equalBytes(frontier.root(), header.logRoot)) return 'the entries do not give the root of the header';
    const headerIndex = frontier.size;
    frontier.append(leaf, nodes);
    const rows = this.#fold(entries.slice(0, -1), firstIndex, header.timestamp);
    this.#head = {
      height,
      digest,
      logSize: frontier.size,
      timestamp: header.timestamp,
      peaks: frontier.toHashes(),
      stateRoot: digestOf(header.stateRoot),
    };
    return { block: { height, digest, firstIndex, headerIndex }, entries, certificate, nodes, ...rows };
  }

  #fold(entries: readonly Uint8Array[], firstIndex: number, time: number) {
    const layer = this.#overlay();
    const references: ReferenceRow[] = [];
    const transactions: (readonly [Digest, number])[] = [];
    let [member, transaction] = ['', '' as Digest];
    for (const [at, bytes] of entries.entries()) {
      const entry = decodeEntry(bytes);
      const index = firstIndex + at;
      if (entry.kind === 1) {
        const { body, id } = decodeTransaction(entry.transaction);
        [member, transaction] = [body.member, id];
        transactions.push([id, index]);
        references.push({ member, reference: body.reference, index, time, transaction, line: 0 });
      } else if (entry.kind === 2 && entry.outcome !== hostRefusals.duplicateReference)
        references.push({ member, reference: entry.reference, index, time, transaction, line: entry.line });
      if (entry.kind === 4 || ((entry.kind === 1 || entry.kind === 2) && entry.outcome === accepted))
        for (const event of entry.events) this.#evolve(layer, event, index);
    }
    const writes = layer.writes();
    layer.handOver(this.#records);
    this.#put(writes);
    this.#tree = this.#tree?.update(stateChanges(writes));
    this.#lastWrites = writes.map(([path]) => path);
    return { references, transactions };
  }

  #overlay(): Overlay {
    return new Overlay({ get: (path) => this.#state.get(path) }, this.#records);
  }

  #evolve(layer: Overlay, { contract, type, payload }: LedgerEvent, index: number): void {
    const known = this.#contracts.get(contract);
    if (known === undefined) throw new DecodeError(`an event of ${contract}, which this program does not know`);
    known.evolve(writerOf(layer, contract), { type, payload }, index);
  }

  #put(writes: Iterable<BlockCommit['writes'][number]>): void {
    for (const [path, value] of writes)
      if (value === undefined) this.#state.delete(path);
      else this.#state.set(path, value);
  }
}
