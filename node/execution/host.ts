// Runs one transaction: finds the contract and method, asks it to decide, and lets it turn its events into state on a
// layer of its own; a batch's lines one after another, each with its own outcome. It knows nothing of what contracts
// do.
import {
  type Context,
  type Contract,
  type ContractEvent,
  hostRefusals,
  type LineCall,
  type SignerIdentity,
} from '../../contracts/contract.ts';
import { DecodeError, type Value } from '../ledger/codec.ts';
import { accepted, type Entry, encodeEntry, type LedgerEvent } from '../ledger/entry.ts';
import { batchLinesMax, entryBytesMax, entryEventsMax, lineEntryBytesMax } from '../ledger/limits.ts';
import type { Transaction } from '../ledger/transaction.ts';
import type { ReferenceRow } from '../store/store.ts';
import { Overlay, readerOf, writerOf } from './overlay.ts';

/** A limit of the host was met: the operation is rolled back and refused as a fault. Any other throw is no outcome. */
export class HostError extends Error {
  override name = 'HostError';
}

/** Where a transaction is run: for whom, in which block, and at which log index its entry will stand. */
export interface RunPlace {
  readonly signer: SignerIdentity;
  readonly height: number;
  readonly time: number;
  readonly index: number;
  /** Whether the signer's member used a reference before: in the window, or earlier in this block. */
  isUsed(reference: string): boolean;
}

export interface RunResult {
  /** The transaction's entry and then one for each line. */
  readonly entries: readonly Uint8Array[];
  readonly references: readonly ReferenceRow[];
}

interface Operation {
  readonly contract: string;
  readonly method: string;
  readonly args: Value;
  readonly reference: string;
  readonly index: number;
  /** Whether it may be made of lines: a line may not. */
  readonly lines: boolean;
  entryOf(outcome: string, events: readonly LedgerEvent[]): Entry;
}

interface Performed {
  readonly entry: Uint8Array;
  readonly lines: readonly LineCall[];
}

type Decided = { readonly events: readonly ContractEvent[]; readonly lines: readonly LineCall[] } | string;

export class Host {
  readonly #contracts: ReadonlyMap<string, Contract>;
  readonly #isMember: (state: Overlay, id: string) => boolean;
  readonly #chainId: Uint8Array;

  constructor(contracts: readonly Contract[], isMember: (state: Overlay, id: string) => boolean, chainId: Uint8Array) {
    this.#chainId = chainId;
    this.#contracts = new Map(contracts.map((contract) => [contract.name, contract]));
    this.#isMember = isMember;
  }

  /** Writes to `state` and nowhere else; after a throw the caller drops that layer. */
  run(transaction: Transaction, place: RunPlace, state: Overlay): RunResult {
    const { body, bytes, id } = transaction;
    const row = (reference: string, index: number, line: number): ReferenceRow => {
      return { member: body.member, reference, index, time: place.time, transaction: id, line };
    };
    const whole = this.#perform(state, place, {
      contract: body.contract,
      method: body.method,
      args: body.args,
      reference: body.reference,
      index: place.index,
      lines: true,
      entryOf: (outcome, events) => ({ kind: 1, transaction: bytes, outcome, events }),
    });
    const entries = [whole.entry];
    const references = [row(body.reference, place.index, 0)];
    const inFile = new Set([body.reference]);
    whole.lines.forEach(({ reference, method, args }, at) => {
      const [line, index] = [at + 1, place.index + at + 1];
      const entryOf = (outcome: string, events: readonly LedgerEvent[]): Entry => {
        return { kind: 2, batch: place.index, line, reference, outcome, events };
      };
      if (inFile.has(reference) || place.isUsed(reference)) {
        entries.push(encodeEntry(entryOf(hostRefusals.duplicateReference, [])));
        return;
      }
      inFile.add(reference);
      references.push(row(reference, index, line));
      const operation = { contract: body.contract, method, args, reference, index, lines: false, entryOf };
      entries.push(this.#perform(state, place, operation).entry);
    });
    return { entries, references };
  }

  /** What no method decided: an event that the host itself has found to be one. */
  evolve(event: LedgerEvent, state: Overlay, index: number): void {
    const { contract, ...inner } = event;
    this.#contracts.get(contract)?.evolve(writerOf(state, contract), inner, index);
  }

  /** One operation on a layer of its own, merged if it is accepted. */
  #perform(state: Overlay, place: RunPlace, operation: Operation): Performed {
    const { contract: name, index, entryOf } = operation;
    const layer = new Overlay(state);
    try {
      const decided = this.#decide(layer, place, operation);
      if (typeof decided === 'string') return { entry: encodeEntry(entryOf(decided, [])), lines: [] };
      const { events, lines } = decided;
      if (events.length > entryEventsMax) throw new HostError(`more than ${entryEventsMax} events`);
      if (lines.length > (operation.lines ? batchLinesMax : 0)) throw new HostError('too many lines');
      const entry = encodeBounded(
        entryOf(
          accepted,
          events.map((event) => ({ contract: name, ...event })),
        ),
      );
      const writer = writerOf(layer, name);
      for (const event of events) this.#contracts.get(name)?.evolve(writer, event, index);
      layer.merge();
      return { entry, lines };
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      return { entry: encodeEntry(entryOf(hostRefusals.fault, [])), lines: [] };
    }
  }

  /** Events and lines, or the code of a refusal. */
  #decide(state: Overlay, place: RunPlace, operation: Operation): Decided {
    const contract = this.#contracts.get(operation.contract);
    const method =
      contract !== undefined && Object.hasOwn(contract.methods, operation.method)
        ? contract.methods[operation.method]
        : undefined;
    if (contract === undefined || method === undefined) return hostRefusals.unknownMethod;
    let args: unknown;
    try {
      args = method.args.read(operation.args);
    } catch (error) {
      if (error instanceof DecodeError) return hostRefusals.malformedArguments;
      throw error;
    }
    const { signer, height, time } = place;
    const { reference, index } = operation;
    const isMember = (id: string) => this.#isMember(state, id);
    const facts = { chainId: this.#chainId, signer, reference, height, time, index, isMember };
    const context: Context = { ...readerOf(state, contract.name), ...facts };
    const decision = method.decide(context, args);
    if ('refusal' in decision) return decision.refusal;
    return { events: decision.events, lines: decision.lines ?? [] };
  }
}

function encodeBounded(entry: Entry): Uint8Array {
  const bytesMax = entry.kind === 2 ? lineEntryBytesMax : entryBytesMax;
  try {
    const encoded = encodeEntry(entry);
    if (encoded.length > bytesMax) throw new HostError(`an entry over ${bytesMax} bytes`);
    return encoded;
  } catch (error) {
    if (error instanceof DecodeError) throw new HostError(error.message);
    throw error;
  }
}
