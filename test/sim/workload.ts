// Clients: accounts are opened, money is moved in bursts, and every transaction is sent again, to this validator or
// another, until its outcome is known. Some send to several at once, some use a reference twice, and some ask once more
// about what is settled.
import { openArguments, transferArguments } from '../../contracts/payments.ts';
import type { Submission } from '../../node/api/ledger-node.ts';
import type { Value } from '../../node/ledger/codec.ts';
import { type Digest, digestBytes } from '../../node/ledger/hash.ts';
import { bodyOf, signTransaction } from '../../node/ledger/transaction.ts';
import type { Signer } from '../execution/_ledger.ts';
import type { Chance } from './chance.ts';
import type { Consortium } from './consortium.ts';
import type { ValidatorStation } from './station.ts';
import { millisecond, second, type Timeline } from './timeline.ts';
import { check } from './violation.ts';

interface Request {
  readonly id: Digest;
  readonly bytes: Uint8Array;
  readonly reference: string;
  readonly validUntil: number;
  sent: number;
  /** When an honest validator said, in a calm, that it has it: its client asks no more. */
  admittedAt: number | undefined;
  /** Whoever said so has taken a snapshot since, which leaves nothing of what it had in memory. */
  isForgotten: () => boolean;
}

const accounts = ['A0', 'A1', 'A2', 'A3', 'A4', 'A5', 'A6', 'A7'];
/** After its validity a client has no more to hope for. */
const givenUpMs = 5_000;
/** Of clocks that nobody bends. */
const clocksApartMs = 200;
const retrySeconds = 2;

export interface WorkloadParts {
  readonly consortium: Consortium;
  readonly chance: Chance;
  readonly timeline: Timeline;
  /** Validators that clients may ask now. */
  stations(): readonly ValidatorStation[];
  /** It is of the set in force: what another admits, which has not heard of its removal, nobody need take from it. */
  votes(station: ValidatorStation): boolean;
  nowMs(): number;
  /** Of a transaction. */
  readonly validityMs: number;
  broke(error: unknown): void;
}

export class Workload {
  readonly #parts: WorkloadParts;
  readonly #pending = new Map<Digest, Request>();
  readonly #settled: { readonly request: Request; readonly index: number }[] = [];
  /** A reference that was used for two bodies: one of them is never settled. */
  readonly #contested = new Set<string>();
  #references = 0;
  #isCalm = false;
  #waits: { since: number; until: number }[] = [];
  submitted = 0;

  constructor(parts: WorkloadParts) {
    this.#parts = parts;
  }

  /** What has no outcome yet. */
  get pending(): number {
    return this.#pending.size;
  }

  pendingIds(): ReadonlySet<Digest> {
    return new Set(this.#pending.keys());
  }

  isPending(id: Digest): boolean {
    return this.#pending.has(id);
  }

  /** Nothing is lost any more: what a validator says that it has, its client waits for, and asks nobody else. */
  trust(): void {
    this.#isCalm = true;
  }

  /** From when to when those transactions waited, or still wait, that clients trust in: each settled one once. */
  takeWaits(): { readonly since: number; readonly until: number }[] {
    const waits = this.#waits;
    this.#waits = [];
    const { timeline, nowMs } = this.#parts;
    for (const { admittedAt: since, validUntil, isForgotten } of this.#pending.values()) {
      if (isForgotten()) continue;
      // It waits for nothing more when it is valid no more, by whatever clock.
      const expiredMs = Math.max(0, nowMs() + clocksApartMs - validUntil);
      if (since !== undefined) waits.push({ since, until: timeline.now - expiredMs * millisecond });
    }
    return waits;
  }

  open(): void {
    const { clearing } = this.#parts.consortium;
    accounts.forEach((account, i) => {
      const branch = this.#tellerOf(i).member;
      const terms = { account, branch, currency: 'CZK', overdraftLimit: i % 2 === 0 ? 500n : undefined };
      this.#submit(clearing, 'open', openArguments({ ...terms, openingBalance: 100_000n }));
    });
  }

  burst(size: number): void {
    for (let i = 0; i < size; i++) this.#transfer();
    const { chance } = this.#parts;
    if (this.#settled.length > 0 && chance.hits(0.2)) this.#askAgain(chance.pick(this.#settled));
  }

  /** A transfer that is valid for so long, brought to one validator and never again. */
  brief(station: ValidatorStation, validMs: number): void {
    const move = { from: 'A0', to: 'A1', currency: 'CZK', purpose: '', date: '', amount: 1n };
    const validUntil = this.#parts.nowMs() + validMs;
    const { bytes } = this.#signed(
      this.#tellerOf(0),
      'transfer',
      transferArguments(move),
      `brief ${++this.#references}`,
      validUntil,
    );
    station.ask((node) => this.#guarded(() => node.submit(bytes)));
  }

  #transfer(): void {
    const { chance } = this.#parts;
    const from = chance.int(accounts.length);
    const to = (from + chance.between(1, accounts.length - 1)) % accounts.length;
    const move = { from: accounts[from] ?? '', to: accounts[to] ?? '', currency: 'CZK', purpose: '', date: '' };
    const by = this.#tellerOf(from);
    const amount = BigInt(chance.between(1, 900));
    const reference = this.#submit(by, 'transfer', transferArguments({ ...move, amount }));
    if (!chance.hits(0.03)) return;
    this.#contested.add(reference);
    this.#submit(by, 'transfer', transferArguments({ ...move, amount: amount + 1n }), reference);
  }

  #tellerOf(account: number): Signer {
    const { tellers, clearing } = this.#parts.consortium;
    return tellers[account % tellers.length] ?? clearing;
  }

  #submit(by: Signer, method: string, args: Value, reference = `R${++this.#references}`): string {
    const { chance, nowMs } = this.#parts;
    const validUntil = nowMs() + this.#parts.validityMs;
    const { id, bytes } = this.#signed(by, method, args, reference, validUntil);
    if (chance.hits(0.02)) this.#forged(bytes);
    const request = { id, bytes, reference, validUntil, sent: 0, admittedAt: undefined, isForgotten: () => false };
    this.#pending.set(id, request);
    this.submitted += 1;
    this.#send(request, chance.hits(0.1) ? 2 : 1);
    return reference;
  }

  #signed(by: Signer, method: string, args: Value, reference: string, validUntil: number) {
    const chainId = digestBytes(this.#parts.consortium.commit.head.digest);
    const body = bodyOf({ chainId, member: by.member, reference, validUntil, contract: 'payments', method, args });
    return signTransaction(body, by.seed, by.publicKey);
  }

  /** With a signature that is nobody's, before the good one. */
  #forged(bytes: Uint8Array): void {
    const wrong = Uint8Array.from(bytes);
    const last = wrong.length - 40; // in the first half of the signature, which stands at the end
    wrong[last] = (wrong[last] ?? 0) ^ 1;
    const [station] = this.#parts.chance.some([...this.#parts.stations()], 1);
    station?.ask((node) =>
      this.#guarded(() => check(node.submit(wrong).status === 'refused', 'a forged transaction is refused')),
    );
  }

  #send(request: Request, copies: number): void {
    const { stations, chance, timeline } = this.#parts;
    request.sent = timeline.now;
    for (const station of chance.some([...stations()], copies))
      station.ask((node) => this.#guarded(() => this.#answered(request, node.submit(request.bytes), station)));
  }

  #answered(request: Request, submission: Submission, station: ValidatorStation): void {
    switch (submission.status) {
      case 'final':
        return this.settled(request.id, submission.index);
      case 'refused':
        // Another body has the reference: this one is never ordered.
        if (submission.code === 'DU04' && this.#contested.has(request.reference)) return;
        check(submission.code !== 'malformed' && submission.code !== 'too-large', `refused: ${submission.detail}`);
        if (submission.code === 'TM01') this.#pending.delete(request.id);
        return;
      default:
        if (!this.#isCalm || !this.#parts.votes(station) || request.admittedAt !== undefined) return;
        request.admittedAt = this.#parts.timeline.now;
        request.isForgotten = installedSince(station);
        return;
    }
  }

  /** An outcome, from a block or an answer: it never changes. */
  settled(id: Digest, index: number): void {
    const request = this.#pending.get(id);
    if (request === undefined) return;
    this.#pending.delete(id);
    const since = request.admittedAt;
    if (since !== undefined && !request.isForgotten()) this.#waits.push({ since, until: this.#parts.timeline.now });
    this.#settled.push({ request, index });
    if (!this.#contested.has(request.reference)) return;
    for (const other of this.#pending.values())
      if (other.reference === request.reference) this.#pending.delete(other.id);
  }

  #askAgain({ request, index }: { readonly request: Request; readonly index: number }): void {
    const [station] = this.#parts.chance.some([...this.#parts.stations()], 1);
    station?.ask((node) =>
      this.#guarded(() => {
        const submission = node.submit(request.bytes);
        check(
          submission.status !== 'final' || submission.index === index,
          `the outcome of ${request.reference} stood at ${index} and is told to stand elsewhere`,
        );
      }),
    );
  }

  /** Called once in a while. */
  retry(): void {
    const { timeline, nowMs } = this.#parts;
    for (const { id, validUntil } of this.#pending.values())
      if (nowMs() > validUntil + givenUpMs) this.#pending.delete(id);
    for (const request of this.#pending.values())
      if (request.admittedAt === undefined && timeline.now - request.sent > retrySeconds * second)
        this.#send(request, 1);
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#parts.broke(error);
    }
  }
}

function installedSince(station: ValidatorStation): () => boolean {
  const { installs } = station;
  return () => station.installs !== installs;
}
