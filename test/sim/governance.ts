// The members of a consortium while it changes its validators: one proposes, two others approve, and every transaction
// is sent again until it stands in the log. A machine that joins is started by its operator sooner or later, and one
// that was removed is stopped when it is needed no more.
import { approveArguments, proposeArguments } from '../../contracts/consortium.ts';
import type { Change } from '../../contracts/consortium-state.ts';
import type { Value } from '../../node/ledger/codec.ts';
import { type Digest, digestBytes } from '../../node/ledger/hash.ts';
import { bodyOf, signTransaction } from '../../node/ledger/transaction.ts';
import { members, type Signer } from '../execution/_ledger.ts';
import { Chance } from './chance.ts';
import { type Cluster, heightOf } from './cluster.ts';
import { isCutOff } from './core.ts';
import { validatorName } from './epochs.ts';
import { drawChanges, machinesAfter, type PlannedChange, tooManyChanges } from './membership-plan.ts';
import { validityMsOf } from './plan.ts';
import { millisecond, second } from './timeline.ts';
import { check } from './violation.ts';

interface Sent {
  readonly id: Digest;
  readonly bytes: Uint8Array;
  readonly reference: string;
  readonly validUntil: number;
}

/** What one officer wants to stand in the log, in as many forms as it takes until one does. */
interface Wish {
  readonly by: Signer;
  readonly method: 'propose' | 'approve';
  args(): Value;
  readonly sent: Sent[];
}

interface Motion {
  readonly planned: readonly PlannedChange[];
  readonly proposal: Wish;
  approvals: readonly Wish[];
}

const pumpMs = 400;

export class Governance {
  readonly #cluster: Cluster;
  readonly #chance: Chance;
  /** Too much is asked for, too, in some runs. */
  readonly #overreaches: boolean;
  readonly #waiting: { readonly planned: readonly PlannedChange[]; readonly changes: readonly Change[] }[] = [];
  #motion: Motion | undefined;
  #references = 0;
  #isOver = false;

  constructor(cluster: Cluster, chance: Chance) {
    this.#cluster = cluster;
    this.#chance = chance;
    this.#overreaches = new Chance(cluster.plan.seed, 'overreach').hits(0.2);
    cluster.machinesToBe = () => this.#machinesToBe();
  }

  /** Nothing more is sent; what was sent may still be enacted. */
  end(): void {
    this.#isOver = true;
  }

  #machinesToBe(): readonly number[] {
    const { machines } = this.#cluster.epochs.latest;
    return this.#motion === undefined ? machines : machinesAfter(machines, this.#motion.planned);
  }

  /** A change more, where none is under way. */
  act(): void {
    if (this.#motion !== undefined) return;
    if (this.#waiting.length === 0) this.#plan();
    const next = this.#waiting.shift();
    if (next === undefined) return;
    const { planned, changes } = next;
    this.#cluster.timeline.note(`proposes ${planned.map(({ kind, machine }) => `${kind} ${machine}`).join(', ')}`);
    const [by, ...others] = this.#chance.some(this.#cluster.consortium.officers, 3);
    if (by === undefined) return;
    const proposal = this.#wish(by, 'propose', () => proposeArguments(changes, this.#chainId));
    this.#motion = { planned, proposal, approvals: [] };
    this.#pump(others);
  }

  get #chainId(): Uint8Array {
    return digestBytes(this.#cluster.consortium.commit.head.digest);
  }

  #wish(by: Signer, method: Wish['method'], args: () => Value): Wish {
    return { by, method, args, sent: [] };
  }

  /** What one proposal, or two after each other, ask for. */
  #plan(): void {
    const { epochs, stations, plan } = this.#cluster;
    const { latest } = epochs;
    const planned = drawChanges(
      {
        inForce: latest,
        next: this.#cluster.keys.length,
        former: stations.map(({ index }) => index).filter((machine) => this.#hasLeft(machine)),
        isFaulty: (machine, among) =>
          !this.#cluster.isHonest({ index: machine }) || isCutOff(this.#cluster, machine, among),
        silenced: stations
          .filter(({ node, index }) => plan.amnesiacs.includes(index) && node?.silence !== undefined)
          .map(({ index }) => index)
          .filter((machine) => latest.machines.includes(machine)),
      },
      this.#chance,
    );
    const tooMany = this.#overreaches ? tooManyChanges(latest) : [];
    if (tooMany.length > 0) this.#waiting.push({ planned: [], changes: tooMany.map(changeOf) });
    if (planned.length === 0) return;
    const learners = planned.flatMap((each) => this.#learner(each));
    const votes = planned.map(changeOf);
    // Learners may have time to catch up, or none.
    if (learners.length > 0 && this.#chance.hits(0.4))
      this.#waiting.push({ planned: [], changes: learners }, { planned, changes: votes });
    else this.#waiting.push({ planned, changes: [...learners, ...votes] });
  }

  #learner({ kind, machine }: PlannedChange): Change[] {
    if (kind === 'remove') return [];
    const member = members[machine % members.length] ?? members[0];
    const isNew = this.#cluster.keys[machine] === undefined;
    if (kind === 'add') this.#join(machine);
    const keys = this.#cluster.keys[machine];
    check(keys !== undefined, `machine ${machine} has keys`);
    const learner = isNew ? keys.first(member, this.#chainId) : keys.next(member, this.#chainId);
    // Nobody admits those of a removed one; it may find that out by itself.
    if (kind === 'add' && !this.#cluster.hints.isUntold) keys.forgetBefore(learner.voteKey);
    return [{ kind: 'add-learner', ...learner }];
  }

  /** It was a validator and is none now. */
  #hasLeft(machine: number): boolean {
    const { all, latest } = this.#cluster.epochs;
    return !latest.machines.includes(machine) && all.some(({ machines }) => machines.includes(machine));
  }

  #join(machine: number): void {
    const { retired, timeline, stations } = this.#cluster;
    const known = stations.filter(({ index }) => index === machine);
    const joining = known.length > 0 ? known : [this.#cluster.addStation(machine)];
    for (const each of joining) {
      retired.add(each);
      each.crash('gets other keys');
    }
    timeline.after(this.#chance.pick([1, 500, 5_000, 30_000]) * millisecond, () => {
      for (const each of joining) if (!this.#isOver && retired.delete(each)) this.#cluster.start(each);
    });
  }

  #pump(others: readonly Signer[]): void {
    const motion = this.#motion;
    if (motion === undefined || this.#isOver) return;
    const made = this.#landed(motion.proposal);
    if (made === undefined) this.#send(motion.proposal);
    else {
      const id = { member: motion.proposal.by.member, reference: made.reference };
      if (motion.approvals.length === 0)
        motion.approvals = others.map((by) => this.#wish(by, 'approve', () => approveArguments(id)));
      const missing = motion.approvals.filter((each) => this.#landed(each) === undefined);
      for (const each of missing) this.#send(each);
      if (missing.length === 0) return this.#done(motion);
    }
    this.#cluster.timeline.after(pumpMs * millisecond, () => this.#pump(others));
  }

  #landed({ sent }: Wish): Sent | undefined {
    return sent.find(({ id }) => this.#cluster.witness.indexes.has(id));
  }

  #send(wish: Wish): void {
    const { consortium, clientClock, plan } = this.#cluster;
    const now = clientClock.now();
    let last = wish.sent.at(-1);
    if (last === undefined || last.validUntil < now) {
      const reference = `G${++this.#references}`;
      const validUntil = now + validityMsOf(plan);
      const { member } = wish.by;
      const what = { contract: 'consortium', method: wish.method, args: wish.args() };
      const chainId = digestBytes(consortium.commit.head.digest);
      const body = bodyOf({ chainId, member, reference, validUntil, ...what });
      const { id, bytes } = signTransaction(body, wish.by.seed, wish.by.publicKey);
      last = { id, bytes, reference, validUntil };
      wish.sent.push(last);
    }
    const { bytes } = last;
    for (const station of this.#chance.some([...this.#cluster.served], 2)) station.ask((node) => node.submit(bytes));
  }

  #done(motion: Motion): void {
    this.#motion = undefined;
    for (const { kind, machine } of motion.planned)
      if (kind === 'remove' && this.#chance.hits(0.6)) this.#stopLater(machine);
    // Two changes in successive blocks, as far as transactions travel.
    if (this.#chance.hits(0.3)) this.act();
  }

  /** [E8] Its operator stops it when a quorum of the others has what it has. */
  #stopLater(machine: number): void {
    const { timeline, epochs, stations, retired } = this.#cluster;
    timeline.after(this.#chance.waiting(4) * second, () => {
      const { latest } = epochs;
      const isWanted = this.#motion?.planned.some((each) => each.machine === machine) === true;
      if (this.#isOver || isWanted || latest.machines.includes(machine)) return;
      const have = this.#cluster
        .honest()
        .filter((each) => latest.machines.includes(each.index) && heightOf(each) >= latest.from);
      if (have.length < latest.quorum) return this.#stopLater(machine);
      for (const station of stations) {
        if (station.index !== machine) continue;
        retired.add(station);
        station.crash('was removed');
      }
    });
  }
}

function changeOf({ kind, machine }: PlannedChange): Change {
  const id = validatorName(machine);
  return {
    kind: kind === 'add' ? 'add-validator' : kind === 'rotate' ? 'rotate-validator-keys' : 'remove-validator',
    id,
  };
}
