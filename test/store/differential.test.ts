// The simulator runs on the memory store, so whatever LMDB does otherwise is a hole in every simulation. Both get the
// same random operations, refused ones among them, and after each of them whatever can be asked must be answered alike.
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Digest, digestOf, sha256 } from '../../node/ledger/hash.ts';
import { Frontier } from '../../node/ledger/merkle.ts';
import { createLmdbStore, openLmdbStore } from '../../node/store/lmdb-opening.ts';
import { MemoryStore } from '../../node/store/memory-store.ts';
import { peakPlaces } from '../../node/store/pruned-nodes.ts';
import type {
  BlockCommit,
  CheckpointChange,
  LogStart,
  PartPlace,
  Pruning,
  ReferenceRow,
  StatePath,
  StateView,
  Store,
  VoteChange,
} from '../../node/store/store.ts';
import { type Prng, prng } from '../_prng.ts';
import { answerOf, shown, sorted } from './_answers.ts';
import { FakeChain, members, paths, prefixes, references } from './_fixtures.ts';
import { testFolder } from './_folder.ts';

const seeds = [1, 2, 3, 4];
const steps = 120;

const areas = ['staged', 'offered'] as const;

class Twins {
  readonly #t: ExecutionContext;
  readonly #random: Prng;
  readonly #chain: FakeChain;
  readonly #folder: string;
  readonly #memory: MemoryStore;
  #lmdb: Store;
  readonly #bodies: Digest[] = [];
  readonly #ids: Digest[] = [];
  #views: (readonly [StateView, StateView])[] = [];
  /** Heights below the base that stay. */
  #kept: number[] = [];
  #done: string[] = [];

  constructor(t: ExecutionContext, random: Prng, chain: FakeChain, folder: string, lmdb: Store) {
    this.#t = t;
    this.#random = random;
    this.#chain = chain;
    this.#folder = folder;
    this.#lmdb = lmdb;
    this.#memory = new MemoryStore(chain.identity, chain.genesis);
  }

  async step(): Promise<void> {
    const operation = this.#chance(5) ? this.commit : this.#random.pick(this.#operations);
    this.#done.push(operation.name);
    await operation.call(this);
    this.#compareReads();
  }

  async end(): Promise<void> {
    this.#closeViews();
    await this.#lmdb.close();
  }

  readonly #operations: readonly (() => void | Promise<void>)[] = [
    this.commit,
    this.refusedCommit,
    this.persistVote,
    this.persistCheckpoints,
    this.putClaim,
    this.mark,
    this.prune,
    this.refusedPrune,
    this.putParts,
    this.dropParts,
    this.view,
    this.install,
    this.refusedInstall,
    this.repairBlock,
    this.repairStart,
    this.repairState,
    this.dropDamaged,
    this.again,
  ];

  /** An operation that both take. */
  #change(work: (store: Store) => unknown): void {
    this.#t.is(this.#both(work), '"nothing"', this.#done.join(' '));
  }

  #refused(work: (store: Store) => unknown): void {
    this.#t.is(this.#both(work), 'throws InvariantError', this.#done.join(' '));
  }

  #both(work: (store: Store) => unknown): string {
    const [lmdb, memory] = [answerOf(() => work(this.#lmdb)), answerOf(() => work(this.#memory))];
    if (lmdb !== memory) this.#t.fail(`after ${this.#done.join(' ')}:\nLMDB   ${lmdb}\nmemory ${memory}\n${work}`);
    return memory;
  }

  commit(): void {
    const commit = this.#next();
    const [vote, checkpoints] = [this.#vote(), this.#chance(3) ? this.#checkpoints(commit) : undefined];
    this.#change((store) => store.commit(commit, vote, checkpoints));
  }

  refusedCommit(): void {
    const last = this.#chain.commits.at(-1) ?? this.#chain.genesis;
    const commit = this.#next();
    const wrong = this.#random.pick<BlockCommit>([
      last,
      { ...commit, head: { ...commit.head, height: commit.head.height + 1 } },
      { ...commit, head: { ...commit.head, logSize: commit.head.logSize + 1 } },
      { ...commit, certificate: undefined },
      { ...commit, entries: commit.entries.slice(1) },
      { ...commit, writes: [[`a/b/${'c'.repeat(600)}`, new Uint8Array(1)]] },
    ]);
    const vote = this.#vote();
    this.#refused((store) => store.commit(wrong, vote));
    this.#chain.commits.pop();
    this.#chain.rewind(last);
  }

  persistVote(): void {
    const vote = this.#vote();
    this.#change((store) => store.persistVote(vote));
  }

  persistCheckpoints(): void {
    const change = this.#checkpoints(this.#held());
    this.#change((store) => store.persistCheckpoints(change));
  }

  putClaim(): void {
    const [key, claim] = [new Uint8Array(32).fill(this.#random.int(3)), this.#random.bytes(20)];
    this.#change((store) => store.putClaim(key, claim));
  }

  mark(): void {
    const mark = this.#chance(2) ? this.#random.bytes(9) : undefined;
    this.#change((store) => store.markDivergence(mark));
  }

  prune(): void {
    const { from, last } = this.#span();
    if (last - 1 <= from) return;
    const to = from + 1 + this.#random.int(last - 1 - from);
    const pruning = this.#pruning(from, to);
    this.#change((store) => store.prune(pruning));
    this.#kept = [...this.#kept.filter((height) => height !== from || pruning.kept.includes(from)), ...pruning.kept];
  }

  refusedPrune(): void {
    const { from, last } = this.#span();
    const pruning = this.#pruning(from, this.#chance(2) ? last : from);
    this.#refused((store) => store.prune(pruning));
  }

  putParts(): void {
    const parts = Array.from(
      { length: 1 + this.#random.int(3) },
      () => [this.#place(), this.#random.bytes(9)] as const,
    );
    this.#change((store) => store.putParts(parts));
  }

  dropParts(): void {
    const { area, height } = this.#place();
    this.#change((store) => store.dropParts(area, height));
  }

  /** Opened, read on or closed; the two go through the state in an order of their own. */
  view(): void {
    const [view] = this.#views;
    if (view === undefined || this.#chance(3)) {
      this.#views.push([this.#lmdb.stateView(), this.#memory.stateView()]);
      return;
    }
    this.#views.shift();
    const [lmdb, memory] = view.map((each) => {
      const seen: string[] = [];
      for (let some = each.next(5); some.length > 0; some = each.next(5)) seen.push(...some.map(shown));
      each.close();
      seen.push(...each.next(5).map(shown));
      return seen.sort();
    });
    this.#t.deepEqual(lmdb, memory, this.#done.join(' '));
  }

  install(): void {
    const before = this.#memory.head().height;
    const blocks = Array.from({ length: 3 + this.#random.int(6) }, () => this.#next());
    const base = this.#chance(4) ? 0 : before + this.#random.int(blocks.length);
    const { head } = blocks.at(-1) ?? this.#chain.genesis;
    // Where it begins with genesis every block comes with it.
    const log = this.#chain.commits.slice(base + 1);
    const state = paths.filter(() => this.#chance(2)).map((path) => [path, this.#random.bytes(30)] as const);
    const start = this.#startAt(base);
    const vote = this.#vote();
    this.#closeViews();
    this.#change((store) => store.install({ ...start, head, blocks: log, state }, vote));
    this.#kept = start.kept.map(({ block }) => block.height);
  }

  refusedInstall(): void {
    const { height } = this.#memory.head();
    const { head } = this.#chain.commits[this.#random.int(height + 1)] ?? this.#chain.genesis;
    const vote = this.#vote();
    this.#refused((store) => store.install({ ...this.#startAt(0), head, blocks: [], state: [] }, vote));
  }

  repairBlock(): void {
    const { from, last } = this.#span();
    if (last === from) return;
    const { head: _, writes: __, ...block } = this.#commitAt(from + 1 + this.#random.int(last - from));
    const rows = block.references.filter(({ member, reference, index }) => {
      return this.#memory.reference(member, reference)?.index === index;
    });
    const transactions = block.transactions.filter(([id, index]) => this.#memory.transaction(id) === index);
    this.#t.is(
      this.#both((store) => store.repairBlock({ ...block, references: rows, transactions })),
      '0',
    );
  }

  /** The same start again, or a later one: a snapshot's, which does not say where kept blocks began. */
  repairStart(): void {
    const { from, last } = this.#span();
    const to = from + (last - 1 > from ? this.#random.int(last - from) : 0);
    if (to === 0) return;
    const whole = this.#startAt(to);
    const kept = whole.kept.map((each) => {
      const firstIndex = this.#chance(2) ? each.block.headerIndex : each.block.firstIndex;
      return { ...each, block: { ...each.block, firstIndex } };
    });
    this.#change((store) => {
      store.repairStart({ ...whole, kept });
    });
    this.#kept =
      to > from ? kept.map(({ block }) => block.height) : [...this.#kept, ...kept.map((k) => k.block.height)];
  }

  repairState(): void {
    const right = new Map(this.#memory.stateRecords());
    for (const path of paths.filter(() => this.#chance(4)))
      if (this.#chance(2)) right.delete(path);
      else right.set(path, this.#random.bytes(30));
    this.#both((store) => sorted(store.repairState(right)));
  }

  dropDamaged(): void {
    this.#change((store) => {
      for (let from = store.dropDamagedRows(); from !== undefined; ) from = store.dropDamagedRows(from);
    });
  }

  async again(): Promise<void> {
    this.#closeViews();
    await this.#lmdb.close();
    this.#lmdb = await openLmdbStore(this.#folder);
    this.#memory.restore(this.#memory.snapshot());
  }

  #compareReads(): void {
    const { height, logSize } = this.#memory.head();
    this.#both((store) => [store.identity, store.head(), store.base(), store.voteRecord(), store.cosigned()]);
    this.#both((store) => [store.divergence(), store.lastCheckpoint(), areas.map((area) => store.partHeights(area))]);
    this.#both((store) => [0, 1, 2].map((key) => store.claim(new Uint8Array(32).fill(key))));
    this.#both((store) => sorted(store.stateRecords()));
    this.#both((store) => paths.map((path) => store.get(path)));
    this.#both((store) => this.#ids.map((id) => store.transaction(id)));
    this.#both((store) => this.#bodies.map((digest) => store.body(digest)));
    for (let at = 0; at < 12; at++) {
      const [index, level, some] = [this.#random.int(logSize + 9), this.#random.int(8), this.#random.int(20)];
      const one = this.#random.int(height + 3);
      this.#both((store) => [store.block(one), store.certificate(one), store.checkpoint(one)]);
      this.#both((store) => store.entry(index));
      this.#both((store) => store.entries(index, index + some - 3));
      this.#both((store) => store.node(level, Math.floor(index / 2 ** level)));
      const [prefix, limit] = [this.#random.pick(prefixes), this.#random.int(9)];
      const after = this.#chance(2) ? undefined : this.#random.pick([...paths, 'payments', 'payments/b', '\u{10ffff}']);
      this.#both((store) => store.stateRange(prefix, limit, after));
      const place = this.#place();
      this.#both((store) => store.part(place));
    }
    for (const member of members)
      for (const reference of references) this.#both((store) => store.reference(member, reference));
  }

  #closeViews(): void {
    for (const views of this.#views) for (const each of views) each.close();
    this.#views = [];
  }

  #chance(of: number): boolean {
    return this.#random.int(of) === 0;
  }

  #span(): { readonly from: number; readonly last: number } {
    return { from: this.#memory.base().height, last: this.#memory.head().height };
  }

  #commitAt(height: number): BlockCommit {
    return this.#chain.commits[height] ?? this.#chain.genesis;
  }

  #held(): BlockCommit {
    const { from, last } = this.#span();
    return this.#commitAt(last === from ? last : from + 1 + this.#random.int(last - from));
  }

  #next(): BlockCommit {
    const writes = paths
      .filter(() => this.#chance(5))
      .map((path): [StatePath, Uint8Array | undefined] => [path, this.#chance(3) ? undefined : this.#random.bytes(20)]);
    const commit = this.#chain.next(this.#random.int(6), writes);
    this.#ids.push(...commit.transactions.map(([id]) => id));
    // References are used again, each by another entry.
    const rows = commit.references.map((row): ReferenceRow => {
      return { ...row, member: this.#random.pick(members), reference: this.#random.pick(references) };
    });
    const used = { ...commit, references: rows };
    this.#chain.commits[this.#chain.commits.length - 1] = used;
    return used;
  }

  #vote(): VoteChange {
    const put = this.#chance(2) ? [this.#random.bytes(12)] : [];
    const putBodies = put.map((body) => [digestOf(sha256(body)), body] as const);
    const deleteBodies = this.#bodies.filter(() => this.#chance(3));
    this.#bodies.push(...putBodies.map(([digest]) => digest));
    return { record: this.#random.bytes(15), putBodies, deleteBodies };
  }

  #checkpoints({ head: { height, logSize, peaks } }: BlockCommit): CheckpointChange {
    const root = digestOf(Frontier.fromHashes(logSize, peaks).root());
    const cosignature = {
      validator: this.#random.int(4),
      time: this.#random.int(99),
      signature: this.#random.bytes(64),
    };
    const stable = [{ height, size: logSize, root, cosignatures: [cosignature] }];
    const isLast = height === this.#chain.commits.length - 1;
    return { own: isLast ? { size: logSize, root, ...cosignature } : undefined, stable: height === 0 ? [] : stable };
  }

  #peaks(height: number) {
    const { logSize, peaks } = this.#commitAt(height).head;
    return peakPlaces(logSize).map((place, at) => ({ ...place, hash: peaks[at] ?? new Uint8Array(32) }));
  }

  #baseAt(height: number) {
    const { digest, headerIndex } = this.#commitAt(height).block;
    return { height, digest, logSize: headerIndex + 1 };
  }

  #pruning(from: number, to: number): Pruning {
    const gone = this.#chain.commits.slice(from + 1, to + 1);
    const kept = gone.map(({ block }) => block.height).filter(() => this.#chance(3));
    return {
      base: this.#baseAt(to),
      peaks: this.#peaks(to),
      kept: [...kept, ...(this.#kept.includes(from) && this.#chance(2) ? [from] : [])],
      transactions: gone.flatMap(({ transactions }) => transactions.map(([id]) => id)),
      references: gone.flatMap((commit) => commit.references),
    };
  }

  #startAt(base: number): LogStart {
    const heights = Array.from({ length: base }, (_, at) => at + 1).filter((at) => at === base || this.#chance(6));
    const kept = heights.flatMap((height) => {
      const { block, entries, certificate } = this.#commitAt(height);
      const header = entries.at(-1);
      return header === undefined || certificate === undefined ? [] : [{ block, header, certificate }];
    });
    return { base: this.#baseAt(base), peaks: this.#peaks(base), kept };
  }

  #place(): PartPlace {
    return {
      area: this.#random.pick(areas),
      height: this.#random.int(4),
      kind: this.#random.pick(['manifest', 'piece', 'block']),
      first: this.#random.int(2),
      second: this.#random.int(2),
    };
  }
}

for (const seed of seeds)
  test(`LMDB and memory answer alike, whatever happens to them: seed ${seed}`, async (t) => {
    const random = prng(seed);
    const chain = new FakeChain(1_000 + seed);
    const folder = join(testFolder(t), 'store');
    const twins = new Twins(t, random, chain, folder, await createLmdbStore(folder, chain.identity, chain.genesis));
    for (let step = 0; step < steps; step++) await twins.step();
    await twins.end();
    t.pass();
  });
