// Clients: several workers that open accounts and move money through different validators, send the same bytes again
// until somebody answers, and record every operation. An answer counts only with a receipt that verifies.

import { BadAnswerError, listOf, objectOf, readOutcome, textOf } from '../../cli/api-types.ts';
import { ApiProblem, requestNode, type VerifiedOutcome, verifyOutcome } from '../../cli/client.ts';
import type { SigningKey } from '../../cli/keystore.ts';
import { signOperation } from '../../cli/operation.ts';
import { type Trust, UnknownEpochError, VerificationError } from '../../cli/receipt.ts';
import { decodedLink } from '../../cli/trusted-sets.ts';
import { consortiumName } from '../../contracts/consortium-state.ts';
import { batchArguments, openArguments, paymentsName, transferArguments } from '../../contracts/payments.ts';
import type { Value } from '../../node/ledger/codec.ts';
import { decodeHeader } from '../../node/ledger/entry.ts';
import { digestBytes } from '../../node/ledger/hash.ts';
import { SetChain } from '../../node/ledger/set-chain.ts';
import type { Transaction } from '../../node/ledger/transaction.ts';
import { type Prng, prng } from '../_prng.ts';
import type { Cluster } from './cluster.ts';
import type { History, Operation, Payment } from './history.ts';
import { clearing, issuer } from './model.ts';
import { pause, type Validator } from './validator.ts';

/** A node that says so did not take it; another may. */
const passing = new Set(['not-ready', 'read-only', 'busy', 'mempool-full', 'internal', 'wrong-host']);
const answerTimeoutMs = 2_000;
const validityMs = 3_000_000;
/** Of a brief load. */
const briefValidityMs = 18_000;
const accountsMax = 200;
const currency = 'CZK';

export interface LoadPlan {
  readonly workers: number;
  readonly seed: number;
  /** How long an operation is tried before it is called unknown. */
  readonly patienceMs: number;
  /** Between two operations of one worker. */
  readonly restMs: number;
  /** Where used references are forgotten within the run, none is used again: the model would refuse it for ever. */
  readonly isBrief?: boolean;
}

interface Known {
  readonly account: string;
  readonly branch: string;
}

export class Load {
  readonly #cluster: Cluster;
  readonly #history: History;
  readonly #plan: LoadPlan;
  readonly #accounts: Known[] = [];
  readonly #references: string[] = [];
  /** Answers whose receipt does not verify: nobody here is allowed to lie. */
  readonly lies: string[] = [];
  #isStopping = false;
  readonly #trust: Trust & { readonly sets: SetChain };
  #running: Promise<unknown> = Promise.resolve();
  #serial = 0;

  constructor(cluster: Cluster, history: History, plan: LoadPlan) {
    this.#cluster = cluster;
    this.#history = history;
    this.#plan = plan;
    const { chainId, validators } = cluster.ledger;
    this.#trust = { chainId, validators, sets: new SetChain(digestBytes(chainId), validators) };
  }

  /** Operations that got a final answer so far. */
  get settled(): number {
    const { ok, refused } = this.#history.counts;
    return ok + refused;
  }

  start(): void {
    const workers = Array.from({ length: this.#plan.workers }, (_, i) => this.#work(i));
    this.#running = Promise.all([...workers, this.#look()]);
  }

  /** Resolves when the last operation under way has ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#running;
  }

  async #work(worker: number): Promise<void> {
    const random = prng(this.#plan.seed * 64 + worker);
    while (!this.#isStopping) {
      const { member, operation } = this.#choose(random);
      await this.submit(member, operation, random);
      await pause(this.#plan.restMs);
    }
  }

  #choose(random: Prng): { member: string; operation: Operation } {
    const branches = this.#cluster.ledger.validators.length;
    const isShort = this.#accounts.length < 8;
    if (isShort || (this.#accounts.length < accountsMax && random.int(8) === 0)) {
      const branch = `BRANCH-${1 + random.int(branches)}`;
      // Now and then one that exists already.
      const old = random.int(12) === 0 ? this.#accounts.at(-1) : undefined;
      const account = old?.account ?? `A-${++this.#serial}`;
      const limit = random.int(3);
      const overdraft = limit === 0 ? {} : { overdraft: String(limit === 1 ? 0 : 5_000) };
      const opening = String(random.int(3) === 0 ? 0 : 1 + random.int(100_000));
      return { member: clearing, operation: { kind: 'open', account, branch, opening, ...overdraft } };
    }
    const first = this.#payment(random);
    const owner = this.#accounts.find(({ account }) => account === first.from)?.branch;
    const member = owner === undefined || random.int(3) === 0 ? clearing : owner;
    if (random.int(6) !== 0) return { member, operation: { kind: 'transfer', ...first } };
    const lines = Array.from({ length: 1 + random.int(8) }, (_, i) => {
      const isRepeated = !this.#plan.isBrief && random.int(20) === 0 && this.#references.length > 0;
      const reference = isRepeated ? random.pick(this.#references) : this.#reference();
      return { reference, ...(i === 0 ? first : this.#payment(random)) };
    });
    return { member, operation: { kind: 'batch', lines } };
  }

  #payment(random: Prng): Payment {
    const from = random.pick(this.#accounts).account;
    const others = this.#accounts.filter(({ account }) => account !== from);
    const to = random.int(30) === 0 ? 'NOBODY' : random.pick(others).account;
    const amount = random.int(40) === 0 ? 0 : 1 + random.int(20_000);
    return { from, to, amount: String(amount) };
  }

  #reference(): string {
    const reference = `R-${++this.#serial}`;
    this.#references.push(reference);
    if (this.#references.length > 500) this.#references.shift();
    return reference;
  }

  /** One operation from its signature to its end. */
  async submit(member: string, operation: Operation, random: Prng): Promise<void> {
    await this.#carry(member, operation, this.#sign(member, operation), random);
  }

  /** An officer's word in the consortium, to its end, which must be that it is done. Gives its reference. */
  async govern(member: string, method: string, args: Value, random: Prng): Promise<string> {
    const key = this.#cluster.keys.get(`${member.toLowerCase()}.officer`);
    if (key === undefined) throw new Error(`no officer of ${member}`);
    const reference = this.#reference();
    const validUntil = Date.now() + this.#validityMs;
    const transaction = signOperation(
      this.#cluster.ledger,
      key,
      { contract: consortiumName, method, args, reference },
      validUntil,
    );
    const operation: Operation = { kind: 'governance', says: `${method} by ${member}` };
    const outcome = await this.#carry(member, operation, transaction, random);
    if (outcome !== 'OK') throw new Error(`${method} by ${member} came to ${outcome ?? 'nothing'}`);
    return reference;
  }

  get #validityMs(): number {
    return this.#plan.isBrief ? briefValidityMs : validityMs;
  }

  /** Undefined where nobody says what became of it. */
  async #carry(
    member: string,
    operation: Operation,
    transaction: Transaction,
    random: Prng,
  ): Promise<string | undefined> {
    const history = this.#history;
    const op = history.next();
    const { id, body } = transaction;
    history.add({ type: 'invoked', op, at: history.now(), id, member, reference: body.reference, operation });
    const deadline = history.now() + this.#plan.patienceMs;
    let isTaken = false;
    while (history.now() < deadline) {
      const validator = random.pick(this.#cluster.validators);
      const answer = await this.#ask(validator, transaction);
      if ('told' in answer) {
        const { outcome, ...told } = answer.told;
        const seen = { op, at: history.now(), node: validator.index, ...told };
        history.add(outcome === 'OK' ? { type: 'ok', ...seen } : { type: 'refused', code: outcome, ...seen });
        // Learnt only now: an account exists for other workers once its opening was acknowledged.
        if (operation.kind === 'open' && outcome === 'OK') this.#accounts.push(operation);
        return outcome;
      }
      if (answer.rejected !== undefined && !isTaken) {
        history.add({ type: 'rejected', op, at: history.now(), code: answer.rejected });
        return undefined;
      }
      isTaken ||= answer.mayBeTaken;
      if (!answer.mayBeTaken) await pause(50);
    }
    history.add({ type: 'unknown', op, at: history.now() });
    return undefined;
  }

  #sign(member: string, operation: Operation): Transaction {
    const key = this.#key(member);
    const [method, args] = argumentsOf(operation);
    const signed = { contract: paymentsName, method, args, reference: this.#reference() };
    return signOperation(this.#cluster.ledger, key, signed, Date.now() + this.#validityMs);
  }

  #key(member: string): SigningKey {
    const name = member === clearing ? 'clearing' : `${member.toLowerCase()}.teller`;
    const key = this.#cluster.keys.get(name);
    if (key === undefined) throw new Error(`no key ${name}`);
    return key;
  }

  async #ask(validator: Validator, { bytes, id }: Transaction): Promise<Answer> {
    if (!validator.isRunning) return { mayBeTaken: false };
    const path = `/v1/transactions?wait=final&timeoutMs=${answerTimeoutMs / 2}`;
    const body = { transaction: Buffer.from(bytes).toString('base64') };
    try {
      const value = await requestNode(validator.url, 'POST', path, { body, timeoutMs: answerTimeoutMs });
      if ((value as { readonly status?: unknown }).status === 'pending') return { mayBeTaken: true };
      const outcome = await this.#verified(validator, value);
      if (outcome.id !== id) throw new BadAnswerError('the outcome of another transaction');
      const { height, index } = outcome;
      const lines = listOf(objectOf(value)['lines'] ?? []).map((line) => textOf(objectOf(line)['outcome']));
      const told = { height, index, ...(lines.length > 0 ? { lines } : {}) };
      return { told: { outcome: outcome.outcome, ...told } };
    } catch (error) {
      if (error instanceof ApiProblem && !passing.has(error.code)) return { mayBeTaken: false, rejected: error.code };
      if (error instanceof VerificationError || error instanceof BadAnswerError)
        this.lies.push(`${validator.id} on ${id}: ${error.message}`);
      return { mayBeTaken: !(error instanceof ApiProblem) };
    }
  }

  /** Throws VerificationError, UnknownEpochError among them. */
  async #verified(validator: Validator, value: unknown): Promise<VerifiedOutcome> {
    const { sets } = this.#trust;
    for (;;) {
      try {
        return verifyOutcome(readOutcome(value), this.#trust);
      } catch (error) {
        if (!(error instanceof UnknownEpochError)) throw error;
        const { epoch } = sets.latest;
        const shown = (await validator.get(`/v1/validator-sets?after=${epoch}`)) as { changes: string[] } | undefined;
        // Where it does not answer, the transaction is sent again to another.
        if (shown === undefined) throw new Error(`${validator.id} does not show its validators`);
        for (const change of shown.changes) {
          const link = decodedLink(Uint8Array.from(Buffer.from(change, 'base64')));
          // Another worker may have learnt it meanwhile.
          if (sets.latest.epoch === decodeHeader(link.header).epoch) sets.add(link);
        }
        if (sets.latest.epoch === epoch) throw error;
      }
    }
  }

  /** Reads beside the payments: one account, or a height alone. */
  async #look(): Promise<void> {
    const random = prng(this.#plan.seed * 64 + 63);
    while (!this.#isStopping) {
      const validator = random.pick(this.#cluster.validators);
      const known = this.#accounts.length === 0 ? undefined : random.pick(this.#accounts);
      const path = known === undefined ? '/v1/status' : `/v1/accounts/${known.account}`;
      const asked = this.#history.now();
      const found = (await validator.get(path)) as { height: number; account?: string; balance?: string } | undefined;
      if (found !== undefined) this.#read(validator, asked, found.height, found.account === undefined ? [] : [found]);
      await pause(20);
    }
  }

  /** Every account of a node, once, for the checker. False where the node does not answer. */
  async readAll(validator: Validator): Promise<boolean> {
    const asked = this.#history.now();
    const page = (await validator.get('/v1/accounts', 10_000)) as { height: number; accounts: Shown[] } | undefined;
    if (page !== undefined) this.#read(validator, asked, page.height, page.accounts, true);
    return page !== undefined;
  }

  #read(validator: Validator, asked: number, height: number, shown: readonly Shown[], isWhole = false): void {
    const at = this.#history.now();
    const balances = Object.fromEntries(shown.map(({ account = '', balance = '' }) => [account, minor(balance)]));
    if (isWhole) balances[issuer] ??= '0';
    this.#history.add({ type: 'read', node: validator.index, asked, at, height, balances, isWhole });
  }
}

interface Shown {
  readonly account?: string;
  readonly balance?: string;
}

type Answer =
  | { readonly told: { outcome: string; height: number; index: number; lines?: string[] } }
  | { readonly mayBeTaken: boolean; readonly rejected?: string };

function argumentsOf(operation: Operation): readonly [string, ReturnType<typeof transferArguments>] {
  switch (operation.kind) {
    case 'open': {
      const { account, branch, overdraft, opening } = operation;
      const overdraftLimit = overdraft === undefined ? undefined : BigInt(overdraft);
      return ['open', openArguments({ account, branch, currency, overdraftLimit, openingBalance: BigInt(opening) })];
    }
    case 'transfer':
      return ['transfer', transferArguments(transferOf(operation))];
    case 'batch': {
      const lines = operation.lines.map(({ reference, ...line }) => ({ reference, args: transferOf(line) }));
      return ['batch', batchArguments(lines)];
    }
    case 'governance':
      throw new Error('no payment');
  }
}

function transferOf({ from, to, amount }: Payment) {
  return { from, to, amount: BigInt(amount), currency, purpose: 'made up', date: '2026-03-02' };
}

/** Minor units of a currency with two digits, as text. */
function minor(text: string): string {
  const match = /^(-?)(\d+)\.(\d\d)$/.exec(text);
  if (match === null) return text;
  const [, sign = '', whole = '', cents = ''] = match;
  return (BigInt(`${whole}${cents}`) * (sign === '' ? 1n : -1n)).toString();
}
