// Changes of the validator set while other things go wrong: validators are added, re-keyed and removed by governance on
// whole nodes over memory stores, while frames are lost and machines are cut off, killed and started again. Afterwards
// everybody must agree, whoever has a vote must vote, and the log must pass an audit.
import { approveArguments, proposeArguments } from '../../contracts/consortium.ts';
import type { Change } from '../../contracts/consortium-state.ts';
import { openArguments, transferArguments } from '../../contracts/payments.ts';
import { verify } from '../../node/audit/audit.ts';
import { StoreSource } from '../../node/audit/source.ts';
import { epochInForce } from '../../node/execution/validator-sets.ts';
import { quorumOf } from '../../node/ledger/validators.ts';
import { clearing, members, officers, validator } from '../execution/_ledger.ts';
import { MemoryCluster } from '../node/_memory-cluster.ts';
import { Chance } from './chance.ts';
import { check } from './violation.ts';

const ticksMax = 4_000;

export interface MembershipRun {
  readonly seed: number;
  readonly epochs: number;
  readonly blocks: number;
  readonly ticks: number;
  readonly changes: readonly string[];
}

class Turmoil extends MemoryCluster {
  readonly changes: string[] = [];
  ticks = 0;
  readonly #chance: Chance;
  readonly #loss: number;
  readonly #everyTicks: number;
  #isCalm = true;
  /** Machine -> the tick at which it comes back. */
  readonly #away = new Map<number, number>();
  #names = 4;
  #proposals = 0;

  constructor(seed: number) {
    super();
    this.#chance = new Chance(seed, 'membership');
    this.#loss = this.#chance.pick([0, 0, 0.02, 0.1, 0.2]);
    this.#everyTicks = this.#chance.pick([5, 20, 60]);
    this.lose = () => !this.#isCalm && this.#loss > 0 && this.#chance.hits(this.#loss);
  }

  async begin(): Promise<void> {
    for (let i = 0; i < 4; i++) this.start(i);
    await this.until('ready', () => this.nodes.every((node) => node?.status().ready));
    for (const account of ['A', 'B']) {
      const terms = { account, branch: 'NORTH', currency: 'CZK', overdraftLimit: undefined, openingBalance: 0n };
      this.nodes[0]?.submit(this.transaction(clearing, 'open', openArguments(terms)).bytes);
    }
    this.#isCalm = false;
  }

  /** The machine that is furthest, among those that run. */
  furthest(): number {
    const running = this.nodes.flatMap((node, at) => (node === undefined ? [] : [at]));
    return running.reduce((best, at) => (this.height(at) > this.height(best) ? at : best), running[0] ?? 0);
  }

  epochOf(machine: number): ReturnType<typeof epochInForce> {
    const store = this.stores[machine];
    check(store !== undefined, `no machine ${machine}`);
    return epochInForce(store);
  }

  /** One change of chance, until some machine is in the epoch that it begins. */
  async change(): Promise<void> {
    const { number, validators } = this.epochOf(this.furthest());
    const kinds = ['add', 'rotate', ...(validators.length > 4 ? ['remove', 'remove'] : [])];
    const kind = this.#chance.pick(kinds);
    const target = this.#chance.pick([...validators]);
    const changes = kind === 'add' ? this.#add() : kind === 'rotate' ? this.#rotate(target) : this.#remove(target.id);
    this.changes.push(`${kind} ${changes.at(-1)?.kind === 'add-validator' ? `node-${this.#names - 1}` : target.id}`);
    const reference = `G${++this.#proposals}`;
    const id = { member: 'NORTH', reference };
    const proposed = this.governance(officers.NORTH, 'propose', proposeArguments(changes, this.chainId), reference);
    const approvals = [officers.EAST, officers.WEST].map((by) => this.governance(by, 'approve', approveArguments(id)));
    const isDone = () => this.nodes.some((node, at) => node !== undefined && this.epochOf(at).number > number);
    const isKnown = () => this.stores[this.furthest()]?.get(`consortium/proposals/NORTH/${reference}`) !== undefined;
    await this.until(`${this.changes.at(-1)}`, isDone, () => {
      for (const { bytes } of isKnown() ? approvals : [proposed]) for (const node of this.nodes) node?.submit(bytes);
    });
  }

  /** A machine of its own, which may come long after the change. */
  #add(): Change[] {
    const id = `node-${this.#names++}`;
    const machine = this.add(id, id);
    this.#away.set(machine, this.ticks + this.#chance.pick([1, 50, 400]));
    const member = members[machine % members.length] ?? 'NORTH';
    return [
      { kind: 'add-learner', ...validator(id, member, this.chainId) },
      { kind: 'add-validator', id },
    ];
  }

  #rotate({ id, member }: { readonly id: string; readonly member: string }): Change[] {
    const name = `${id} ${this.#proposals}`;
    this.machines.find((machine) => machine.validator === id)?.keys.push(name);
    const learner = { ...validator(name, member, this.chainId), id };
    return [
      { kind: 'add-learner', ...learner },
      { kind: 'rotate-validator-keys', id },
    ];
  }

  #remove(id: string): Change[] {
    return [{ kind: 'remove-validator', id }];
  }

  /** Ticks under faults until it holds, asking for it again and again. */
  async until(what: string, holds: () => boolean, again: () => void = () => {}): Promise<void> {
    for (let spent = 0; !holds(); spent++) {
      check(spent < ticksMax, `not within ${ticksMax} ticks: ${what}; ${JSON.stringify(this.standing())}`);
      if (spent % 20 === 0) again();
      if (spent % 4 === 0) this.#pay();
      this.#disturb();
      let isOver = true;
      await this.run(() => {
        isOver = !isOver;
        return isOver;
      });
      if (spent % 20 === 19) for (const node of this.nodes) node?.tidyMempool();
      this.ticks += 1;
    }
  }

  standing(): unknown {
    return this.nodes.map((node, at) => {
      const { epoch, view, mode, height, index, peers } = node?.status() ?? {};
      return [at, this.machines[at]?.validator, index, epoch, view, mode, height, peers?.join('')];
    });
  }

  #pay(): void {
    const terms = { from: 'A', to: 'B', amount: 1n, currency: 'CZK', purpose: '', date: '' };
    const { bytes } = this.transaction(clearing, 'transfer', transferArguments(terms));
    const running = this.nodes.filter((node) => node !== undefined);
    this.#chance.pick(running).submit(bytes);
  }

  #disturb(): void {
    for (const [machine, until] of this.#away) if (this.ticks >= until) this.#back(machine);
    if (this.#isCalm || !this.#chance.hits(1 / this.#everyTicks)) return;
    const voters = this.nodes.flatMap((node, at) => (node === undefined || this.#away.has(at) ? [] : [at]));
    // Now and then more than may be faulty: then nothing goes on until they are back.
    if (this.#away.size >= this.#chance.pick([1, 1, 1, 2]) || voters.length < 2) return;
    const victim = this.#chance.pick(voters);
    this.#away.set(victim, this.ticks + this.#chance.pick([2, 20, 100, 300]));
    if (this.#chance.hits(0.5)) this.kill(victim);
    else this.cut(victim);
  }

  #back(machine: number): void {
    this.#away.delete(machine);
    this.heal();
    for (const each of this.#away.keys()) if (this.nodes[each] !== undefined) this.cut(each);
    if (this.nodes[machine] === undefined) this.start(machine);
  }

  /** Everybody comes back; who has a vote must vote, at one height. */
  async calm(): Promise<void> {
    this.#isCalm = true;
    const latest = this.epochOf(this.furthest()).number;
    for (const machine of [...this.#away.keys()]) this.#back(machine);
    const { number, validators } = this.epochOf(this.furthest());
    const seated = validators.map(({ id }) => this.machines.findIndex((each) => each.validator === id));
    const goal = this.height(this.furthest()) + 5;
    const { size } = quorumOf(validators.length);
    // Of whom all keys that they knew are gone: their operators say the present ones, which takes a new start.
    for (const at of this.nodes.keys()) {
      if (this.nodes[at] === undefined || this.epochOf(at).number + 1 >= latest) continue;
      this.kill(at);
      this.start(at);
    }
    await this.until('all who have a vote vote', () => {
      const states = seated.map((at) => this.nodes[at]?.status());
      const areThere = states.every((each) => each?.epoch === number && each.height >= goal);
      // One whose timer alone has expired waits for the others in the view that it asked for.
      const modes = states.map((each) => each?.mode ?? 'none');
      const voting = modes.filter((mode) => mode === 'normal').length;
      return areThere && voting >= size && modes.every((mode) => mode === 'normal' || mode === 'changing');
    });
  }

  async judge(): Promise<void> {
    check(this.incidents.length === 0, `incidents: ${this.incidents.join('; ')}`);
    check(this.divergences.length === 0, 'a state differs');
    check(this.contradictions.length === 0, 'two logs are cosigned');
    const first = this.stores[this.furthest()];
    for (const store of this.stores)
      for (let height = 1; height <= store.head().height; height++)
        check(store.block(height)?.digest === first?.block(height)?.digest, `two blocks at height ${height}`);
    const verdict = first && (await verify(new StoreSource(first)));
    check(verdict?.finding === undefined && verdict?.ok === true, `an audit: ${JSON.stringify(verdict?.finding)}`);
  }
}

/** Throws what went wrong. */
export async function runMembership(seed: number): Promise<MembershipRun> {
  const turmoil = new Turmoil(seed);
  const chance = new Chance(seed, 'changes');
  await turmoil.begin();
  for (let change = 0, all = chance.between(2, 5); change < all; change++) await turmoil.change();
  await turmoil.calm();
  await turmoil.judge();
  const at = turmoil.furthest();
  for (const machine of turmoil.nodes.keys()) turmoil.kill(machine);
  const { changes, ticks } = turmoil;
  return { seed, epochs: turmoil.epochOf(at).number, blocks: turmoil.height(at), ticks, changes };
}
