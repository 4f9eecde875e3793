// What a contract is, and all that one may see: a decider. `decide` looks at the state and answers with events or with
// a refusal; `evolve` alone turns events into state, so that the log rebuilds everything. Nothing else is reachable: no
// clock, no chance, no other contract's state.
import type { Value } from '../node/ledger/codec.ts';
import type { Schema } from '../node/ledger/schema.ts';

export const roles = ['teller', 'officer', 'clearing', 'auditor', 'operator'] as const;
export type Role = (typeof roles)[number];

/** Who signed: an active user of a member, as the consortium contract has them. */
export interface SignerIdentity {
  readonly member: string;
  readonly user: string;
  readonly roles: readonly Role[];
}

/** A named family of records in a contract's own state. The name is of a-z and '-'. */
export interface Collection<T> {
  readonly name: string;
  readonly schema: Schema<T>;
}

export interface StateReader {
  read<T>(collection: Collection<T>, key: string): T | undefined;
}

export interface StateWriter extends StateReader {
  write<T>(collection: Collection<T>, key: string, value: T): void;
  remove<T>(collection: Collection<T>, key: string): void;
}

export interface Context extends StateReader {
  /** Names the chain: what is proved for it is proved for no other. */
  readonly chainId: Uint8Array;
  readonly signer: SignerIdentity;
  /** The reference of the transaction, or of the batch line that is being decided. */
  readonly reference: string;
  readonly height: number;
  /** The block's timestamp, UTC milliseconds: agreed on, no clock. */
  readonly time: number;
  /** Log index of the entry that will hold the outcome. */
  readonly index: number;
  /** Whether an identifier names a member of the consortium. */
  isMember(id: string): boolean;
}

export interface ContractEvent {
  readonly type: string;
  readonly payload: Value;
}

/** One line of a batch: a call of another method of the same contract, with a reference of its own. */
export interface LineCall {
  readonly reference: string;
  readonly method: string;
  readonly args: Value;
}

export type Decision<Code extends string = string> =
  | { readonly events: readonly ContractEvent[]; readonly lines?: readonly LineCall[] }
  | { readonly refusal: Code };

export interface Method<Args = unknown, Code extends string = string> {
  readonly args: Schema<Args>;
  /** Every code that `decide` can answer, in order of precedence. */
  readonly refusals: readonly Code[];
  decide(context: Context, args: Args): Decision<Code>;
}

export interface Contract {
  readonly name: string;
  readonly methods: { readonly [name: string]: Method };
  /** First state, from this contract's section of the genesis document. Throws DecodeError on a bad section. */
  begin(state: StateWriter, section: Value): void;
  /** The only writer of state. `index` is the log index of the entry that holds the event. */
  evolve(state: StateWriter, event: ContractEvent, index: number): void;
}

/** ISO 20022 external codes that the host itself answers, in order of precedence; a contract's own come after them. */
export const hostRefusals = {
  /** The reference is used within the window: only for a batch line; a whole transaction is not ordered at all. */
  duplicateReference: 'DU04',
  /** Unknown contract or method. */
  unknownMethod: 'AG03',
  /** Arguments that the method's schema does not read. */
  malformedArguments: 'FF01',
  /** The entry would pass its size, or another limit of the host was met: rolled back. */
  fault: 'fault',
} as const;
