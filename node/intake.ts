// Where transactions come in: from clients and from other validators. Each is decoded, checked and verified once, taken
// into the mempool, and told to everyone else; nothing here decides an outcome.

import type { Accusations } from './accusations.ts';
import type { Submission } from './api/ledger-node.ts';
import type { EventLoop } from './event-loop.ts';
import { type AdmissionProblem, admissionCodes } from './execution/admission.ts';
import type { Executor } from './execution/executor.ts';
import type { TransactionCache } from './execution/transaction-cache.ts';
import { DecodeError, decode } from './ledger/codec.ts';
import { type Evidence, evidenceSchema } from './ledger/evidence.ts';
import type { Digest } from './ledger/hash.ts';
import { blockTransactionsMax, transactionBytesMax } from './ledger/limits.ts';
import { bytes, encodeAs, list, literal, record, type Schema } from './ledger/schema.ts';
import type { Transaction } from './ledger/transaction.ts';
import type { Mempool } from './mempool.ts';

/** One frame of the transactions channel. */
const frameSchema = list(bytes(1, transactionBytesMax), 1, blockTransactionsMax);
const frameBytesMax = 524_288;
/** The list and its transactions; evidence has fewer. */
const frameItemsMax = 1 + blockTransactionsMax;
/** Another frame of that channel: its first item is a number, which no transaction is. */
const evidenceFrameSchema = record({ kind: literal(1), evidence: evidenceSchema });
/** After a frame that no honest validator sends its sender is not heard here for so long, doubled each time. */
const offenceMs = 1_000;
const offenceMsMax = 60_000;

export interface IntakeParts {
  readonly executor: Executor;
  readonly mempool: Mempool;
  readonly accusations: Accusations;
  readonly cache: TransactionCache;
  /** To all other validators, on the transactions channel. */
  announce(frame: Uint8Array): void;
  /** To one of them. */
  tell(validator: number, frame: Uint8Array): void;
  /** Of the view that this validator votes in, if it is another one. `view` names it, whatever the epoch. */
  primary(): { readonly validator: number; readonly view: string } | undefined;
  /** A round that has lasted so long in a view makes the primary be told what waits. */
  readonly tellTicks: number;
  /** After the mempool has changed; at most once a turn of the event loop. */
  changed(): void;
  readonly soon: EventLoop['soon'];
  readonly monotonicMs: EventLoop['monotonicMs'];
  /** UTC milliseconds. */
  now(): number;
  /** Why nothing may be taken now, or undefined. */
  refusal(): { readonly code: 'read-only' | 'not-ready'; readonly detail: string } | undefined;
}

export class Intake {
  readonly #parts: IntakeParts;
  readonly #offences = new Map<number, { readonly count: number; readonly untilMs: number }>();
  #fresh: Transaction[] = [];
  #isScheduled = false;
  /** The round and the view of the last tick, and how long they have lasted. */
  #lasting = { place: '', ticks: 0 };

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /** From a client. Never throws on its bytes. */
  submit(encoded: Uint8Array): Submission {
    const refusal = this.#parts.refusal();
    if (refusal !== undefined) return { status: 'refused', ...refusal };
    if (encoded.length > transactionBytesMax) {
      const detail = `the transaction has ${encoded.length} bytes; at most ${transactionBytesMax} are taken`;
      return { status: 'refused', code: 'too-large', detail };
    }
    const transaction = this.#decoded(encoded);
    if (typeof transaction === 'string') {
      const detail = `the bytes are no transaction in canonical form: ${transaction}`;
      return { status: 'refused', code: 'malformed', detail };
    }
    return this.#admit(transaction);
  }

  /**
   * From another validator. What may not be ordered now is dropped: it says nothing about who passed it on. But who
   * passes on bad forms or bad signatures, which an honest validator has checked, would have us verify without end.
   */
  receive(from: number, frame: Uint8Array): void {
    if (this.#parts.refusal()?.code === 'read-only') return;
    if (this.#parts.monotonicMs() < (this.#offences.get(from)?.untilMs ?? 0)) return;
    const evidence = evidenceIn(frame);
    if (evidence !== undefined) {
      if (!this.#parts.accusations.take(evidence)) this.#offended(from);
      return;
    }
    for (const encoded of readAs(frameSchema, frame) ?? [noTransaction]) {
      const transaction = this.#decoded(encoded);
      if (typeof transaction === 'string' || !this.#take(transaction, from)) return this.#offended(from);
    }
  }

  /** [C4] Sends what clients of this node wait for once more. */
  repeat(): void {
    this.#announce(this.#parts.mempool.repeat(blockTransactionsMax, frameBytesMax));
  }

  /** [C4] Whom others told of a transaction cannot know whether the primary was told. */
  tick(): void {
    const { mempool, tell, tellTicks } = this.#parts;
    if (mempool.roundNumber === undefined) return; // most ticks: nothing waits
    const primary = this.#parts.primary();
    if (primary === undefined) return;
    const { validator, view } = primary;
    const place = `${view} ${mempool.roundNumber}`;
    this.#lasting = { place, ticks: place === this.#lasting.place ? this.#lasting.ticks + 1 : 1 };
    if (this.#lasting.ticks % tellTicks !== 0) return;
    this.#announce(mempool.untold(view, blockTransactionsMax, frameBytesMax), (frame) => tell(validator, frame));
  }

  /** Drops what no later block may hold, by this node's clock. */
  expire(): void {
    if (this.#parts.mempool.expired(this.#parts.now()).length > 0) this.#schedule();
  }

  #decoded(encoded: Uint8Array): Transaction | string {
    try {
      return this.#parts.cache.decode(encoded);
    } catch (error) {
      if (error instanceof DecodeError) return error.message;
      throw error;
    }
  }

  /** False when its signature is bad, which is looked at last: it costs ten times all the rest. */
  #take(transaction: Transaction, from: number): boolean {
    const { mempool, executor, cache } = this.#parts;
    if (mempool.problem(transaction) !== undefined) return true;
    if (executor.admissionProblem(transaction, this.#timestamp(), true) !== undefined) return true;
    if (!cache.isVerified(transaction)) return false;
    mempool.add(transaction, from);
    this.#schedule();
    return true;
  }

  #offended(from: number): void {
    const count = (this.#offences.get(from)?.count ?? 0) + 1;
    const untilMs = this.#parts.monotonicMs() + Math.min(offenceMs * 2 ** (count - 1), offenceMsMax);
    this.#offences.set(from, { count, untilMs });
  }

  #timestamp(): number {
    return Math.max(this.#parts.now(), this.#parts.executor.head.timestamp + 1);
  }

  #admit(transaction: Transaction): Submission {
    const { mempool, executor } = this.#parts;
    const { id } = transaction;
    if (mempool.has(id)) {
      mempool.add(transaction, 'client');
      this.#schedule();
      return { status: 'waiting', id };
    }
    const problem = executor.admissionProblem(transaction, this.#timestamp());
    if (problem !== undefined) return refused(id, problem, transaction);
    switch (mempool.add(transaction, 'client')) {
      case 'added':
        this.#fresh.push(transaction);
        this.#schedule();
        return { status: 'admitted', id };
      case 'waiting':
        return { status: 'waiting', id };
      case 'conflict': {
        const detail = `another transaction with reference ${transaction.body.reference} waits to be ordered`;
        return { status: 'refused', code: 'DU04', detail, id };
      }
      case 'full': {
        const detail = 'the mempool has no room for this member now; send it again in a moment';
        return { status: 'refused', code: 'mempool-full', detail, id };
      }
    }
  }

  /** One frame and one look at the work for all that came in this turn: a bulk request makes one block, not two. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#parts.soon(() => {
      this.#isScheduled = false;
      const fresh = this.#fresh;
      this.#fresh = [];
      this.#announce(fresh);
      this.#parts.changed();
    });
  }

  #announce(transactions: readonly Transaction[], announce = this.#parts.announce): void {
    let frame: Uint8Array[] = [];
    let size = 0;
    for (const { bytes: encoded } of transactions) {
      if (size + encoded.length > frameBytesMax || frame.length === blockTransactionsMax) {
        announce(encodeAs(frameSchema, frame));
        frame = [];
        size = 0;
      }
      frame.push(encoded);
      size += encoded.length;
    }
    if (frame.length > 0) announce(encodeAs(frameSchema, frame));
  }
}

const noTransaction = new Uint8Array(0);

export function evidenceFrame(evidence: Evidence): Uint8Array {
  return encodeAs(evidenceFrameSchema, { kind: 1, evidence });
}

/** A list of two whose first item is 1; anything else is left to be read as transactions. */
function evidenceIn(frame: Uint8Array): Evidence | undefined {
  return frame[0] === 0x82 && frame[1] === 1 ? readAs(evidenceFrameSchema, frame)?.evidence : undefined;
}

function readAs<T>(schema: Schema<T>, frame: Uint8Array): T | undefined {
  try {
    return schema.read(decode(frame, frameItemsMax));
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

function refused(id: Digest, problem: AdmissionProblem, transaction: Transaction): Submission {
  const code = admissionCodes[problem.code];
  const { member, reference, validUntil } = transaction.body;
  switch (problem.code) {
    case 'chain':
      return {
        status: 'refused',
        code,
        id,
        detail: 'the transaction names another chain; check --home and its genesis',
      };
    case 'signer':
      return { status: 'refused', code, id, detail: `the key is no active user of member ${member}` };
    case 'signature':
      return { status: 'refused', code, id, detail: 'the signature does not verify under its key' };
    case 'reference-used':
      if (problem.replay) return { status: 'final', id, index: problem.row.index };
      return {
        status: 'refused',
        code,
        id,
        first: problem.row.index,
        detail: `reference ${reference} of ${member} was used before with another body; its first outcome stands`,
      };
    case 'expired':
      return { status: 'refused', code, id, detail: `validUntil ${new Date(validUntil).toISOString()} has passed` };
    case 'too-far': {
      const latest = new Date(problem.latest).toISOString();
      return { status: 'refused', code, id, detail: `validUntil is too far ahead; at most ${latest} now` };
    }
  }
}
