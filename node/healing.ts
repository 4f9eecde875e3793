// Heals a store whose state or rows differ from the chain (rule R4): from genesis, a snapshot of its own or a peer's,
// the log is gone through again, blocks that cannot be read here are fetched and checked, every row is compared with
// what the log makes it, and the state is put right in one write. The vote record is not touched. It works in slices,
// and can begin again after a crash.
import { genesisCommit, treeOf } from './execution/genesis-commit.ts';
import type { StateTree } from './execution/state-tree.ts';
import { type AsksAgain, type Lack, LogWalk, readable, type Walked, type WalkParts } from './healing-walk.ts';
import { digestBytes, digestOf, equalBytes } from './ledger/hash.ts';
import { type CertifiedState, readCertifiedState, readManifest } from './snapshot/stored.ts';
import type { Head, PartPlace, StateDifference } from './store/store.ts';

/** Of the interval, where each round reads a whole state that was got from others again. */
const seldom = 4;

export interface HealingParts extends WalkParts {
  /** True when the store holds a later snapshot now [S2]; else the height of one that is staged. */
  takeSnapshot(): Promise<true | number | undefined>;
  after(delayMs: number, work: () => void): () => void;
  /** Between two rounds of asking everybody for a block. */
  readonly askAgainMs: number;
  /** Nothing at hand leads to the state. */
  waits(forWhat: string): void;
  /** A source that was no good. */
  passedOver(source: string, why: string): void;
}

export interface Healed {
  readonly tree: StateTree;
  readonly records: readonly StateDifference[];
  /** Rows of the log and its indexes that were put right. */
  readonly rows: number;
  /** Heights whose blocks could not be read here. */
  readonly fetched: readonly number[];
}

/** The log does not make the state that was certified: what is wrong is not in the store. */
export class HealingError extends Error {
  override name = 'HealingError';
}

/** Undefined when it was stopped. Throws HealingError. */
export async function heal(parts: HealingParts): Promise<Healed | undefined> {
  await turn(parts);
  return parts.isStopped() ? undefined : new Healing(parts).run();
}

class Healing {
  readonly #parts: HealingParts;
  readonly #head: Head;
  /** Own snapshots that are damaged: they stay so. */
  readonly #damaged = new Set<number>();
  /** By source: what it was given up for last. */
  readonly #lacks = new Map<string, Lack>();

  constructor(parts: HealingParts) {
    this.#parts = parts;
    this.#head = parts.store.head();
  }

  async run(): Promise<Healed | undefined> {
    const parts = this.#parts;
    this.#repairGenesis();
    const sources = this.#sources();
    for (;;) {
      for (const source of sources) {
        const healed = await source();
        if (healed !== undefined || parts.isStopped()) return healed;
      }
      const blocks = [...this.#lacks.values()].map(({ end }) => `block ${end.height + 1} or for `);
      parts.waits(`${[...new Set(blocks)].join('')}a snapshot that verifies: nobody in reach has any of it`);
      await this.#pause(this.#lacks.has('staged') ? seldom : 1);
      if (parts.isStopped()) return undefined;
    }
  }

  /** No walk comes by it, and every manifest is checked against it. */
  #repairGenesis(): void {
    const { store, genesis, contracts } = this.#parts;
    if (readable(() => store.entry(0) && store.block(0)) !== undefined) return;
    const { block, entries, certificate, references, transactions } = genesisCommit(genesis, contracts).commit;
    // Of the tree what is needed of it is in the peaks.
    store.repairBlock({ block, entries, certificate, nodes: [], references, transactions });
  }

  /** In the order in which they are tried: what is here comes first. */
  #sources(): (() => Promise<Healed | undefined>)[] {
    const isWhole = this.#parts.store.base().height === 0;
    const whole = () => this.#fromGenesis();
    const snapshots = [() => this.#fromOffers(), () => this.#fromPeers()];
    return isWhole ? [whole, ...snapshots] : [...snapshots, whole];
  }

  /** A block that nobody has at the moment may be had later; one that is forgotten hardly. */
  async #fromGenesis(): Promise<Healed | undefined> {
    const isWhole = this.#parts.store.base().height === 0;
    if (await this.#stillLacks('genesis')) return undefined;
    return this.#from('genesis', undefined, async (answer) => {
      if (answer === 'pruned' || !isWhole) return false;
      this.#parts.waits('a block that cannot be read here and that nobody in reach gives');
      await this.#pause(1);
      return true;
    });
  }

  /** [S5] The log reaches back to the base of the older one. */
  async #fromOffers(): Promise<Healed | undefined> {
    for (const height of this.#parts.store.partHeights('offered')) {
      if (height > this.#head.height || this.#damaged.has(height)) continue;
      if (await this.#stillLacks(`offered ${height}`)) continue;
      const healed = await this.#fromStored('offered', height);
      if (healed !== undefined || this.#parts.isStopped()) return healed;
    }
    return undefined;
  }

  async #fromPeers(): Promise<Healed | undefined> {
    const { store, takeSnapshot } = this.#parts;
    const taken = await takeSnapshot();
    if (taken === undefined || this.#parts.isStopped()) return undefined;
    if (taken === true) return { tree: treeOf(store), records: [], rows: 0, fetched: [] };
    return this.#fromStored('staged', taken);
  }

  async #fromStored(area: PartPlace['area'], height: number): Promise<Healed | undefined> {
    const { store, genesis, isStopped, passedOver } = this.#parts;
    const sets = { chainId: digestBytes(store.identity.chainId), genesisSet: genesis.validators };
    const start = await readCertifiedState({ store, ...sets, rest: () => turn(this.#parts) }, area, height);
    if (isStopped()) return undefined;
    const name = area === 'staged' ? area : `${area} ${height}`;
    if (typeof start !== 'string') return this.#from(name, start, async () => false);
    passedOver(`the snapshot ${area} here at height ${height}`, start);
    if (area === 'offered') this.#damaged.add(height);
    return undefined;
  }

  /** Nothing is read again before the block is there. */
  async #stillLacks(source: string): Promise<boolean> {
    const lack = this.#lacks.get(source);
    if (lack === undefined) return false;
    const answer = await this.#parts.fetch(lack.end.height + 1, lack.end, lack.validators);
    return answer === undefined || answer === 'pruned';
  }

  async #from(source: string, start: CertifiedState | undefined, asksAgain: AsksAgain): Promise<Healed | undefined> {
    const end = await new LogWalk(this.#parts, start).to(this.#head.height, asksAgain);
    if (end === undefined) return undefined;
    if ('problem' in end) throw new HealingError(end.problem);
    if (!('lack' in end)) return this.#finish(start, end);
    this.#lacks.set(source, end.lack);
    return undefined;
  }

  async #finish(start: CertifiedState | undefined, { fold, rows, fetched }: Walked): Promise<Healed> {
    const { store } = this.#parts;
    if (!isSameHead(fold.head, this.#head))
      throw new HealingError(`the log ends in block ${fold.head.digest}, and the head record does not say so`);
    const records = store.repairState(fold.state);
    await this.#dropDamagedRows();
    this.#dropParts();
    const tree = treeOf(store);
    if (digestOf(tree.root) !== this.#head.stateRoot) throw new HealingError(await this.#firstWrong(start));
    return { tree, records, rows, fetched };
  }

  /**
   * What is still not as it was written, the log makes nothing of: a flipped bit in a key put it there. Whoever asks
   * for what belongs there, as a block that uses that reference does, would come upon it again and again.
   */
  async #dropDamagedRows(): Promise<void> {
    const { store } = this.#parts;
    for (let from = store.dropDamagedRows(); from !== undefined; from = store.dropDamagedRows(from))
      await turn(this.#parts);
  }

  /** What is staged has served, and what is damaged, or reaches back to blocks that went with it, serves nobody. */
  #dropParts(): void {
    const { store } = this.#parts;
    for (const height of store.partHeights('staged')) store.dropParts('staged', height);
    for (const height of store.partHeights('offered')) {
      const base = this.#damaged.has(height) ? undefined : this.#baseOfOffer(height);
      if (base === undefined || base < store.base().height) store.dropParts('offered', height);
    }
  }

  #baseOfOffer(height: number): number | undefined {
    const { store, genesis } = this.#parts;
    const chainId = digestBytes(store.identity.chainId);
    const checked = readManifest(store, 'offered', height, chainId, genesis.validators);
    return typeof checked === 'string' ? undefined : checked.base.height;
  }

  /** A program that evolves events otherwise than the others: where it first shows, for whoever looks for the bug. */
  async #firstWrong(start: CertifiedState | undefined): Promise<string> {
    const walk = new LogWalk(this.#parts, start, { checksRoots: true });
    const end = await walk.to(this.#head.height, async () => false);
    if (end === undefined || !('fold' in end) || end.fold.isRight)
      return 'the state that was written reads back otherwise: check the disk and the memory of this machine';
    const { head, lastWrites } = end.fold;
    return (
      `from height ${head.height} on the log makes another state here than was certified; that block writes ` +
      `${lastWrites.slice(0, 8).join(', ')}${lastWrites.length > 8 ? ' and more' : ''}: this program evolves ` +
      'events otherwise than those of the others; compare its version with theirs'
    );
  }

  #pause(times: number): Promise<void> {
    return new Promise<void>((resolve) => this.#parts.after(times * this.#parts.askAgainMs, resolve));
  }
}

function turn({ soon }: Pick<HealingParts, 'soon'>): Promise<void> {
  return new Promise<void>((resolve) => soon(resolve));
}

function isSameHead(a: Head, b: Head): boolean {
  const peaks = a.peaks.length === b.peaks.length && a.peaks.every((peak, at) => equalBytes(peak, b.peaks[at] ?? peak));
  const same = a.digest === b.digest && a.logSize === b.logSize && a.timestamp === b.timestamp;
  return same && peaks && a.stateRoot === b.stateRoot;
}
