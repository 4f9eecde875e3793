// One block while it is being worked on: transactions are added in order, each admitted and run over those before it.
// Proposing and checking a block are the same work here, so that what one builds the others accept.
import { consortiumName, identityOf, type Parameters } from '../../contracts/consortium-state.ts';
import { FatalError } from '../ledger/assert.ts';
import { encodeEntry } from '../ledger/entry.ts';
import type { Evidence } from '../ledger/evidence.ts';
import type { Digest } from '../ledger/hash.ts';
import { blockBytesMax, blockEntryBytesMax, blockLinesMax, blockTransactionsMax } from '../ledger/limits.ts';
import type { Transaction } from '../ledger/transaction.ts';
import type { ReferenceRow, ReferenceStore, StateStore } from '../store/store.ts';
import { accusationOf } from './accusation.ts';
import { type AdmissionProblem, type AdmissionView, admit } from './admission.ts';
import type { Host } from './host.ts';
import { type DecodedRecords, Overlay, readerOf } from './overlay.ts';
import type { KnownTransactions } from './transaction-cache.ts';

export type BlockLimit = 'transactions' | 'lines' | 'bytes' | 'entry-bytes' | 'member';

export type AddProblem =
  | AdmissionProblem
  /** The reference stands earlier in this same block. */
  | { readonly code: 'repeated' }
  | { readonly code: 'limit'; readonly limit: BlockLimit }
  /** A throw that is no outcome: the proposer drops the transaction, a backup does not vote. */
  | { readonly code: 'unexecutable'; readonly detail: string };

export interface RunGround {
  readonly store: StateStore & ReferenceStore;
  readonly host: Host;
  readonly cache: KnownTransactions;
  readonly records: DecodedRecords;
  readonly chainId: Uint8Array;
  readonly parameters: Parameters;
}

/** What admission sees of a state. Only uses of a reference within the window count. */
export function admissionView(ground: RunGround, state: Overlay, timestamp: number): AdmissionView {
  const { store, cache, chainId, parameters } = ground;
  const reader = readerOf(state, consortiumName);
  return {
    chainId,
    timestamp,
    validityMaxMs: parameters.validityMaxMs,
    identityOf: (key) => identityOf(reader, key),
    usedReference(member, reference) {
      const row = store.reference(member, reference);
      return row !== undefined && timestamp - row.time <= parameters.referenceWindowMs ? row : undefined;
    },
    isVerified: (transaction) => cache.isVerified(transaction),
  };
}

export class BlockRun {
  readonly transactions: Transaction[] = [];
  readonly entries: Uint8Array[] = [];
  readonly references: ReferenceRow[] = [];
  readonly indexes: (readonly [Digest, number])[] = [];
  readonly state: Overlay;
  evidence: Evidence | undefined;
  readonly #ground: RunGround;
  readonly #view: AdmissionView;
  readonly #height: number;
  readonly #firstIndex: number;
  readonly #used = new Set<string>();
  readonly #ofMember = new Map<string, number>();
  #lines = 0;
  #bytes = 0;
  #entryBytes = 0;

  constructor(
    ground: RunGround,
    place: { readonly height: number; readonly time: number; readonly firstIndex: number },
  ) {
    this.#ground = ground;
    this.state = new Overlay(ground.store, ground.records);
    this.#view = admissionView(ground, this.state, place.time);
    this.#height = place.height;
    this.#firstIndex = place.firstIndex;
  }

  /** [A3] One, as the first entry of its block; or says what is wrong with it. */
  addEvidence(evidence: Evidence): string | undefined {
    if (this.entries.length > 0) return 'evidence is the first entry of its block, and one a block';
    const event = accusationOf(evidence, readerOf(this.state, consortiumName), this.#ground.chainId);
    if ('code' in event) return event.detail;
    const entry = encodeEntry({ kind: 4, evidence, events: [event] });
    this.#ground.host.evolve(event, this.state, this.#firstIndex);
    this.evidence = evidence;
    this.entries.push(entry);
    this.#entryBytes += entry.length;
    return undefined;
  }

  /** Adds a transaction, or says why not and stays as it was. */
  add(transaction: Transaction): AddProblem | undefined {
    const { body, bytes } = transaction;
    const full = this.#fullFor(transaction);
    if (full !== undefined) return { code: 'limit', limit: full };
    if (this.#used.has(usedKey(body.member, body.reference))) return { code: 'repeated' };
    const admitted = admit(transaction, this.#view);
    if ('code' in admitted) return admitted;
    const layer = new Overlay(this.state);
    const index = this.#firstIndex + this.entries.length;
    const isUsed = (reference: string) =>
      this.#used.has(usedKey(body.member, reference)) || this.#view.usedReference(body.member, reference) !== undefined;
    const place = { ...admitted, height: this.#height, time: this.#view.timestamp, index, isUsed };
    let result: ReturnType<Host['run']>;
    try {
      result = this.#ground.host.run(transaction, place, layer);
    } catch (error) {
      if (error instanceof FatalError) throw error;
      return { code: 'unexecutable', detail: String(error) };
    }
    const lines = Math.max(1, result.entries.length - 1);
    if (this.#lines + lines > blockLinesMax) return { code: 'limit', limit: 'lines' };
    const entryBytes = result.entries.reduce((sum, entry) => sum + entry.length, 0);
    if (this.#entryBytes + entryBytes > blockEntryBytesMax) return { code: 'limit', limit: 'entry-bytes' };
    layer.merge();
    this.transactions.push(transaction);
    this.entries.push(...result.entries);
    this.references.push(...result.references);
    this.indexes.push([transaction.id, index]);
    for (const { member, reference } of result.references) this.#used.add(usedKey(member, reference));
    this.#ofMember.set(body.member, (this.#ofMember.get(body.member) ?? 0) + 1);
    this.#lines += lines;
    this.#bytes += bytes.length;
    this.#entryBytes += entryBytes;
    return undefined;
  }

  #fullFor({ bytes, body }: Transaction): BlockLimit | undefined {
    if (this.transactions.length >= blockTransactionsMax) return 'transactions';
    if (this.#bytes + bytes.length > blockBytesMax) return 'bytes';
    const { memberTransactionsMax } = this.#ground.parameters;
    return (this.#ofMember.get(body.member) ?? 0) >= memberTransactionsMax ? 'member' : undefined;
  }
}

/** Neither text holds a control character. */
function usedKey(member: string, reference: string): string {
  return `${member}\n${reference}`;
}
