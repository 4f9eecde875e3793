// A memory cluster under load that has a consortium to govern it.
import { approveArguments, proposeArguments } from '../../contracts/consortium.ts';
import type { Change } from '../../contracts/consortium-state.ts';
import { openArguments, transferArguments } from '../../contracts/payments.ts';
import type { Transaction } from '../../node/ledger/transaction.ts';
import { clearing, officers, validator } from '../execution/_ledger.ts';
import { MemoryCluster } from './_memory-cluster.ts';

const open = (account: string) =>
  openArguments({ account, branch: 'NORTH', currency: 'CZK', overdraftLimit: undefined, openingBalance: 0n });
const transfer = transferArguments({ from: 'A', to: 'B', amount: 1n, currency: 'CZK', purpose: '', date: '' });

export class Bank extends MemoryCluster {
  /** Goes by before each tick under load. */
  hasteMs = 0;
  /** Whether a height may be that of the block that enacts. */
  isNext: (height: number) => boolean = () => true;
  proposals = 0;
  ticksMaxBetweenBlocks = 0;
  #at = { height: 0, ticks: 0 };

  async begin(): Promise<void> {
    for (let i = 0; i < 4; i++) this.start(i);
    await this.run(() => this.nodes.every((node) => node?.status().ready));
    for (const account of ['A', 'B']) this.nodes[0]?.submit(this.transaction(clearing, 'open', open(account)).bytes);
    await this.run(() => this.height(0) >= 1);
  }

  learner(id: string, seed = id, member = 'NORTH'): Change {
    return { kind: 'add-learner', ...validator(seed, member, this.chainId), id };
  }

  /** Enacted by three officers, under load all the time; answers with the height of the block that enacts it. */
  async govern(by: readonly number[], ...changes: Change[]): Promise<number> {
    const reference = `G${++this.proposals}`;
    const first = by[0] ?? 0;
    const ordered = ({ id, bytes }: Transaction) => {
      for (const at of by) this.nodes[at]?.submit(bytes);
      return this.loaded(() => this.stores[first]?.transaction(id) !== undefined, first);
    };
    await ordered(this.governance(officers.NORTH, 'propose', proposeArguments(changes, this.chainId), reference));
    const name = approveArguments({ member: 'NORTH', reference });
    await ordered(this.governance(officers.EAST, 'approve', name));
    await this.loaded(() => this.isNext(this.height(first) + 1), first);
    await ordered(this.governance(officers.WEST, 'approve', name));
    return this.height(first);
  }

  /** A machine that follows as a learner first, and votes when this is over; these govern. Answers with its index. */
  async join(by: readonly number[], id: string): Promise<number> {
    const index = this.add(id, id);
    this.start(index);
    await this.govern(by, this.learner(id));
    await this.loaded(() => this.height(index) > 2, 0);
    await this.govern(by, { kind: 'add-validator', id });
    await this.loaded(() => this.nodes[index]?.status().mode === 'normal', 0);
    return index;
  }

  /** Until it holds, with a payment each tick at this machine; notes the longest time without a block. */
  async loaded(done: () => boolean, at: number, ticksMax = 200): Promise<void> {
    for (let tick = 0; tick < ticksMax; tick++) {
      if (done()) return;
      this.now += this.hasteMs;
      this.nodes[at]?.submit(this.transaction(clearing, 'transfer', transfer).bytes);
      let ticked = false;
      await this.run(() => {
        const isOver = ticked;
        ticked = true;
        return isOver;
      });
      const height = this.height(at);
      this.#at = height > this.#at.height ? { height, ticks: 0 } : { height, ticks: this.#at.ticks + 1 };
      this.ticksMaxBetweenBlocks = Math.max(this.ticksMaxBetweenBlocks, this.#at.ticks);
    }
    throw new Error(`not done: ${JSON.stringify(this.nodes.map((each) => each?.status()))}`);
  }

  /** Views of all blocks' certificates. */
  views(machine: number): number[] {
    const store = this.stores[machine];
    const heights = Array.from({ length: this.height(machine) }, (_, at) => at + 1);
    return [...new Set(heights.map((height) => store?.certificate(height)?.view ?? -1))];
  }

  setOf(machine: number): number {
    return this.nodes[machine]?.status().validators ?? 0;
  }
}
