// The store's contract in maps, for tests and the simulator. Nothing is copied on the way in or out: a caller that
// changes bytes it handed over or got changes the store. `snapshot` is a disk image: a crash is a return to one.
import type { CommitCertificate } from '../ledger/certificate.ts';
import { type Digest, equalBytes, leafHash } from '../ledger/hash.ts';
import { assertFollows, assertGenesis } from './continuity.ts';
import type {
  BlockCommit,
  BlockRow,
  Head,
  ReferenceRow,
  StatePath,
  Store,
  StoreIdentity,
  VoteChange,
} from './store.ts';
import { StoreError } from './store.ts';

/** Everything that a store holds. Opaque: made by `snapshot`, understood by `restore`. */
export interface MemoryImage {
  readonly head: Head;
  readonly entries: readonly Uint8Array[];
  readonly blocks: readonly BlockRow[];
  readonly certificates: ReadonlyMap<number, CommitCertificate>;
  readonly transactions: ReadonlyMap<Digest, number>;
  readonly references: ReadonlyMap<string, ReferenceRow>;
  readonly nodes: ReadonlyMap<string, Uint8Array>;
  readonly state: ReadonlyMap<StatePath, Uint8Array>;
  readonly bodies: ReadonlyMap<Digest, Uint8Array>;
  readonly voteRecord: Uint8Array | undefined;
}

export class MemoryStore implements Store {
  readonly identity: StoreIdentity;
  private last: Head;
  private entryList: Uint8Array[] = [];
  private blocks: BlockRow[] = [];
  private certificates = new Map<number, CommitCertificate>();
  private transactions = new Map<Digest, number>();
  private references = new Map<string, ReferenceRow>();
  private nodes = new Map<string, Uint8Array>();
  private state = new Map<StatePath, Uint8Array>();
  private bodies = new Map<Digest, Uint8Array>();
  private vote: Uint8Array | undefined;
  /** Paths in the order of their UTF-8 bytes, made when a range is asked for. */
  private sorted: StatePath[] | undefined;

  constructor(identity: StoreIdentity, genesis: BlockCommit, vote?: VoteChange) {
    assertGenesis(identity, genesis);
    this.identity = identity;
    this.last = genesis.head;
    this.apply(genesis);
    if (vote !== undefined) this.persistVote(vote);
  }

  head(): Head {
    return this.last;
  }

  entry(index: number): Uint8Array | undefined {
    const entry = this.entryList[index];
    const leaf = this.node(0, index);
    if (entry !== undefined && leaf !== undefined && !equalBytes(leafHash(entry), leaf))
      throw new StoreError(`entry ${index} does not hash to its leaf`);
    return entry;
  }

  entries(from: number, to: number): Uint8Array[] {
    return this.entryList.slice(from, Math.max(from, to));
  }

  block(height: number): BlockRow | undefined {
    return this.blocks[height];
  }

  certificate(height: number): CommitCertificate | undefined {
    return this.certificates.get(height);
  }

  transaction(id: Digest): number | undefined {
    return this.transactions.get(id);
  }

  reference(member: string, reference: string): ReferenceRow | undefined {
    return this.references.get(`${member}\0${reference}`);
  }

  node(level: number, index: number): Uint8Array | undefined {
    return this.nodes.get(`${level}/${index}`);
  }

  get(path: StatePath): Uint8Array | undefined {
    return this.state.get(path);
  }

  *stateRecords(): Iterable<readonly [StatePath, Uint8Array]> {
    yield* [...this.state];
  }

  stateRange(prefix: string, limit: number, after?: StatePath): (readonly [StatePath, Uint8Array])[] {
    const found: (readonly [StatePath, Uint8Array])[] = [];
    const past = after === undefined ? undefined : Buffer.from(after);
    for (const path of this.sortedPaths()) {
      if (found.length >= limit) break;
      const value = this.state.get(path);
      if (value === undefined || !path.startsWith(prefix)) continue;
      if (past === undefined || Buffer.compare(Buffer.from(path), past) > 0) found.push([path, value]);
    }
    return found;
  }

  private sortedPaths(): StatePath[] {
    this.sorted ??= [...this.state.keys()]
      .map((path) => Buffer.from(path))
      .sort(Buffer.compare)
      .map((bytes) => bytes.toString());
    return this.sorted;
  }

  voteRecord(): Uint8Array | undefined {
    return this.vote;
  }

  body(digest: Digest): Uint8Array | undefined {
    return this.bodies.get(digest);
  }

  commit(commit: BlockCommit, vote: VoteChange): void {
    assertFollows(this.last, commit);
    this.apply(commit);
    this.persistVote(vote);
  }

  private apply(commit: BlockCommit): void {
    for (const entry of commit.entries) this.entryList.push(entry);
    for (const { level, index, hash } of commit.nodes) this.nodes.set(`${level}/${index}`, hash);
    this.blocks.push(commit.block);
    if (commit.certificate !== undefined) this.certificates.set(commit.block.height, commit.certificate);
    for (const [path, value] of commit.writes) {
      if (value === undefined) this.sorted = this.state.delete(path) ? undefined : this.sorted;
      else {
        if (!this.state.has(path)) this.sorted = undefined;
        this.state.set(path, value);
      }
    }
    for (const row of commit.references) this.references.set(`${row.member}\0${row.reference}`, row);
    for (const [id, index] of commit.transactions) this.transactions.set(id, index);
    this.last = commit.head;
  }

  persistVote(vote: VoteChange): void {
    this.vote = vote.record;
    for (const digest of vote.deleteBodies) this.bodies.delete(digest);
    for (const [digest, body] of vote.putBodies) this.bodies.set(digest, body);
  }

  snapshot(): MemoryImage {
    return {
      head: this.last,
      entries: [...this.entryList],
      blocks: [...this.blocks],
      certificates: new Map(this.certificates),
      transactions: new Map(this.transactions),
      references: new Map(this.references),
      nodes: new Map(this.nodes),
      state: new Map(this.state),
      bodies: new Map(this.bodies),
      voteRecord: this.vote,
    };
  }

  restore(image: MemoryImage): void {
    this.last = image.head;
    this.entryList = [...image.entries];
    this.blocks = [...image.blocks];
    this.certificates = new Map(image.certificates);
    this.transactions = new Map(image.transactions);
    this.references = new Map(image.references);
    this.nodes = new Map(image.nodes);
    this.state = new Map(image.state);
    this.bodies = new Map(image.bodies);
    this.vote = image.voteRecord;
    this.sorted = undefined;
  }

  async close(): Promise<void> {}
}
