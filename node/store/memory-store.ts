// The store's contract in maps, for tests and the simulator. Nothing is copied on the way in or out: a caller that
// changes bytes it handed over or got changes the store. `snapshot` is a disk image: a crash is a return to one.
import { assert } from '../ledger/assert.ts';
import type { CommitCertificate } from '../ledger/certificate.ts';
import type { CosignedHead, StableCheckpoint } from '../ledger/cosignature.ts';
import { type Digest, equalBytes, leafHash, toHex } from '../ledger/hash.ts';
import { assertFollows, assertGenesis } from './continuity.ts';
import { needlessNodes } from './pruned-nodes.ts';
import type {
  BlockCommit,
  BlockRow,
  CheckpointChange,
  Head,
  LogBase,
  LogStart,
  PartPlace,
  Pruning,
  ReferenceRow,
  RepairedBlock,
  Snapshot,
  StartsRow,
  StateDifference,
  StatePath,
  StateView,
  Store,
  StoreIdentity,
  VoteChange,
} from './store.ts';
import { DamagedRow } from './store.ts';

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
  readonly base: LogBase;
  readonly parts: ReadonlyMap<string, Part>;
  readonly cosigned: CosignedHead | undefined;
  readonly checkpoints: ReadonlyMap<number, StableCheckpoint>;
  readonly divergence: Uint8Array | undefined;
  readonly claims: ReadonlyMap<string, Uint8Array>;
  readonly starts: ReadonlyMap<string, StartsRow>;
}

type Part = readonly [PartPlace, Uint8Array];

export class MemoryStore implements Store {
  readonly identity: StoreIdentity;
  private last: Head;
  private first: LogBase;
  /** By index; pruned ones are left out. */
  private entryList: Uint8Array[] = [];
  private blocks: BlockRow[] = [];
  private parts = new Map<string, Part>();
  private certificates = new Map<number, CommitCertificate>();
  private transactions = new Map<Digest, number>();
  private references = new Map<string, ReferenceRow>();
  private nodes = new Map<string, Uint8Array>();
  private state = new Map<StatePath, Uint8Array>();
  private bodies = new Map<Digest, Uint8Array>();
  private vote: Uint8Array | undefined;
  private cosignedLast: CosignedHead | undefined;
  /** By height. */
  private checkpoints = new Map<number, StableCheckpoint>();
  private mark: Uint8Array | undefined;
  private claims = new Map<string, Uint8Array>();
  private startsRows = new Map<string, StartsRow>();
  /** Paths in the order of their UTF-8 bytes, made when a range is asked for. */
  private sorted: StatePath[] | undefined;

  constructor(identity: StoreIdentity, genesis: BlockCommit, vote?: VoteChange) {
    assertGenesis(identity, genesis);
    this.identity = identity;
    this.last = genesis.head;
    this.first = { height: 0, digest: identity.chainId, logSize: 1 };
    this.apply(genesis);
    if (vote !== undefined) this.persistVote(vote);
  }

  head(): Head {
    return this.last;
  }

  base(): LogBase {
    return this.first;
  }

  entry(index: number): Uint8Array | undefined {
    const entry = this.entryList[index];
    const leaf = this.node(0, index);
    if (entry !== undefined && leaf !== undefined && !equalBytes(leafHash(entry), leaf))
      throw new DamagedRow(`entry ${index} does not hash to its leaf`);
    return entry;
  }

  entries(from: number, to: number): Uint8Array[] {
    const slice = this.entryList.slice(from, Math.max(from, to));
    const gap = slice.findIndex((_, i) => !(from + i in this.entryList));
    return gap < 0 ? slice : slice.slice(0, gap);
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

  cosigned(): CosignedHead | undefined {
    return this.cosignedLast;
  }

  checkpoint(height: number): StableCheckpoint | undefined {
    return this.checkpoints.get(height);
  }

  lastCheckpoint(): StableCheckpoint | undefined {
    let last: StableCheckpoint | undefined;
    for (let height = this.last.height; height > 0 && last === undefined; height--) last = this.checkpoint(height);
    return last;
  }

  commit(commit: BlockCommit, vote: VoteChange, checkpoints?: CheckpointChange): void {
    assertFollows(this.last, commit);
    this.apply(commit);
    this.persistVote(vote);
    if (checkpoints !== undefined) this.persistCheckpoints(checkpoints);
  }

  persistCheckpoints({ own, stable }: CheckpointChange): void {
    this.cosignedLast = own ?? this.cosignedLast;
    for (const each of stable) this.checkpoints.set(each.height, each);
  }

  private apply(commit: BlockCommit): void {
    this.applyLog(commit);
    for (const [path, value] of commit.writes) {
      if (value === undefined) this.sorted = this.state.delete(path) ? undefined : this.sorted;
      else {
        if (!this.state.has(path)) this.sorted = undefined;
        this.state.set(path, value);
      }
    }
    this.last = commit.head;
  }

  private applyLog(commit: Omit<BlockCommit, 'head' | 'writes'>): void {
    const { block } = commit;
    for (const [i, entry] of commit.entries.entries()) this.entryList[block.firstIndex + i] = entry;
    for (const { level, index, hash } of commit.nodes) this.nodes.set(`${level}/${index}`, hash);
    this.blocks[block.height] = block;
    if (commit.certificate !== undefined) this.certificates.set(block.height, commit.certificate);
    for (const row of commit.references) this.references.set(`${row.member}\0${row.reference}`, row);
    for (const [id, index] of commit.transactions) this.transactions.set(id, index);
  }

  prune({ base, peaks, kept, transactions, references }: Pruning): void {
    assert(base.height > this.first.height && base.height < this.last.height, 'the base moves on, below the head');
    const keptIndexes = new Set(kept.map((height) => this.blocks[height]?.headerIndex));
    const { height: last, logSize } = this.first;
    for (let index = last === 0 ? 1 : logSize - 1; index < base.logSize; index++)
      if (!keptIndexes.has(index)) delete this.entryList[index];
    for (let height = Math.max(1, last); height <= base.height; height++) {
      if (kept.includes(height)) continue;
      delete this.blocks[height];
      this.certificates.delete(height);
      this.checkpoints.delete(height);
    }
    for (const { level, index } of needlessNodes(this.first.logSize, base.logSize, 0))
      this.nodes.delete(`${level}/${index}`);
    for (const { level, index, hash } of peaks) this.nodes.set(`${level}/${index}`, hash);
    for (const id of transactions) this.transactions.delete(id);
    for (const { member, reference, index } of references)
      if (this.reference(member, reference)?.index === index) this.references.delete(`${member}\0${reference}`);
    this.first = base;
  }

  stateView(): StateView {
    const records = [...this.state];
    let at = 0;
    return {
      next(limit) {
        at += limit;
        return records.slice(at - limit, at);
      },
      close() {
        at = records.length;
      },
    };
  }

  putParts(parts: readonly Part[]): void {
    for (const part of parts) this.parts.set(partName(part[0]), part);
  }

  part(place: PartPlace): Uint8Array | undefined {
    return this.parts.get(partName(place))?.[1];
  }

  partHeights(area: PartPlace['area']): number[] {
    const heights = [...this.parts.values()].flatMap(([place]) => (place.area === area ? [place.height] : []));
    return [...new Set(heights)].sort((a, b) => a - b);
  }

  dropParts(area: PartPlace['area'], height: number): void {
    for (const [name, [place]] of this.parts)
      if (place.area === area && place.height === height) this.parts.delete(name);
  }

  install({ head, base, peaks, kept, blocks, state }: Snapshot, vote: VoteChange): void {
    assert(head.height > this.last.height, 'a snapshot is later than what it replaces');
    assert(base.height < head.height, 'a snapshot holds its last block');
    const [log, records] = [[...blocks], new Map(state)];
    this.entryList.length = 1;
    this.blocks.length = 1;
    for (const map of [this.certificates, this.checkpoints, this.transactions, this.references, this.nodes])
      map.clear();
    for (const { level, index, hash } of peaks) this.nodes.set(`${level}/${index}`, hash);
    for (const { block, header, certificate } of kept) {
      this.entryList[block.headerIndex] = header;
      this.blocks[block.height] = block;
      this.certificates.set(block.height, certificate);
    }
    for (const commit of log) this.applyLog(commit);
    this.state = records;
    this.sorted = undefined;
    this.parts.clear();
    this.first = base;
    this.last = head;
    this.persistVote(vote);
  }

  persistVote(vote: VoteChange): void {
    this.vote = vote.record;
    for (const digest of vote.deleteBodies) this.bodies.delete(digest);
    for (const [digest, body] of vote.putBodies) this.bodies.set(digest, body);
  }

  claim(voteKey: Uint8Array): Uint8Array | undefined {
    return this.claims.get(toHex(voteKey));
  }

  starts(voteKey: Uint8Array, last: number): StartsRow | undefined {
    return this.startsRows.get(`${toHex(voteKey)} ${last}`);
  }

  putClaim(voteKey: Uint8Array, claim: Uint8Array, starts?: StartsRow): void {
    this.claims.set(toHex(voteKey), claim);
    if (starts !== undefined) this.startsRows.set(`${toHex(voteKey)} ${starts.last}`, starts);
  }

  divergence(): Uint8Array | undefined {
    return this.mark;
  }

  markDivergence(mark: Uint8Array | undefined): void {
    this.mark = mark;
  }

  repairBlock({ block, entries, certificate, nodes, references, transactions }: RepairedBlock): number {
    let repaired = 0;
    entries.forEach((entry, at) => {
      const index = block.firstIndex + at;
      if (equalBytes(this.entryList[index] ?? new Uint8Array(0), entry)) return;
      this.entryList[index] = entry;
      repaired++;
    });
    for (const { level, index, hash } of nodes) {
      if (equalBytes(this.node(level, index) ?? new Uint8Array(0), hash)) continue;
      this.nodes.set(`${level}/${index}`, hash);
      repaired++;
    }
    this.blocks[block.height] = block;
    if (certificate !== undefined) this.certificates.set(block.height, certificate);
    for (const row of references) this.references.set(`${row.member}\0${row.reference}`, row);
    for (const [id, index] of transactions) this.transactions.set(id, index);
    return repaired;
  }

  repairStart({ base, peaks, kept }: LogStart): number {
    if (base.height > this.first.height) this.forget(base);
    let repaired = 0;
    for (const { level, index, hash } of peaks) {
      if (!equalBytes(this.node(level, index) ?? new Uint8Array(0), hash)) repaired++;
      this.nodes.set(`${level}/${index}`, hash);
    }
    for (const { block, header, certificate } of kept) {
      if (!equalBytes(this.entryList[block.headerIndex] ?? new Uint8Array(0), header)) repaired++;
      this.entryList[block.headerIndex] = header;
      // Where the block began is known to whoever pruned it, and not to whoever came by a snapshot.
      if (this.blocks[block.height]?.digest !== block.digest) this.blocks[block.height] = block;
      this.certificates.set(block.height, certificate);
    }
    this.first = base;
    return repaired;
  }

  private forget({ height: last, logSize }: LogBase): void {
    for (let index = 1; index < logSize; index++) delete this.entryList[index];
    for (let height = 1; height <= last; height++) {
      delete this.blocks[height];
      this.certificates.delete(height);
      this.checkpoints.delete(height);
    }
    for (const { level, index } of needlessNodes(this.first.logSize, logSize, 0))
      this.nodes.delete(`${level}/${index}`);
    for (const [id, index] of this.transactions) if (index < logSize) this.transactions.delete(id);
    for (const [name, { index }] of this.references) if (index < logSize) this.references.delete(name);
  }

  repairState(right: ReadonlyMap<StatePath, Uint8Array>): StateDifference[] {
    const differences: StateDifference[] = [];
    for (const [path, stored] of this.state) {
      const wanted = right.get(path);
      if (wanted === undefined) differences.push({ path, found: 'extra', stored, right: undefined });
      else if (!equalBytes(stored, wanted)) differences.push({ path, found: 'other', stored, right: wanted });
    }
    for (const [path, wanted] of right)
      if (!this.state.has(path)) differences.push({ path, found: 'missing', stored: undefined, right: wanted });
    for (const each of differences)
      if (each.right === undefined) this.state.delete(each.path);
      else this.state.set(each.path, each.right);
    this.sorted = undefined;
    return differences;
  }

  dropDamagedRows(): undefined {}

  snapshot(): MemoryImage {
    return {
      head: this.last,
      entries: this.entryList.slice(),
      blocks: this.blocks.slice(),
      certificates: new Map(this.certificates),
      transactions: new Map(this.transactions),
      references: new Map(this.references),
      nodes: new Map(this.nodes),
      state: new Map(this.state),
      bodies: new Map(this.bodies),
      voteRecord: this.vote,
      base: this.first,
      parts: new Map(this.parts),
      cosigned: this.cosignedLast,
      checkpoints: new Map(this.checkpoints),
      divergence: this.mark,
      claims: new Map(this.claims),
      starts: new Map(this.startsRows),
    };
  }

  restore(image: MemoryImage): void {
    this.last = image.head;
    this.entryList = image.entries.slice();
    this.blocks = image.blocks.slice();
    this.certificates = new Map(image.certificates);
    this.transactions = new Map(image.transactions);
    this.references = new Map(image.references);
    this.nodes = new Map(image.nodes);
    this.state = new Map(image.state);
    this.bodies = new Map(image.bodies);
    this.vote = image.voteRecord;
    this.first = image.base;
    this.parts = new Map(image.parts);
    this.cosignedLast = image.cosigned;
    this.checkpoints = new Map(image.checkpoints);
    this.mark = image.divergence;
    this.claims = new Map(image.claims);
    this.startsRows = new Map(image.starts);
    this.sorted = undefined;
  }

  async close(): Promise<void> {}
}

function partName({ area, height, kind, first, second }: PartPlace): string {
  return `${area} ${height} ${kind} ${first} ${second}`;
}
