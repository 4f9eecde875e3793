// What the HTTP API needs of a node, and nothing more. The composition root implements it; tests have one of their own.
import type { Digest } from '../ledger/hash.ts';
import type { ProvenState } from '../state-prover.ts';
import type { BlockCommit, BlockRow, StatePath, Store } from '../store/store.ts';

/** What GET /v1/status answers. Indexes are those of the validator set in force; hashes are hex. */
export interface NodeStatus {
  /** Of this program. */
  readonly version: string;
  readonly chainId: string;
  /** The ledger's name in its genesis document. */
  readonly name: string;
  /** This validator's id and its index in the set. */
  readonly validator: string;
  readonly index: number;
  readonly epoch: number;
  readonly view: number;
  readonly mode: string;
  /** Index of the current view's primary. */
  readonly primary: number;
  readonly height: number;
  readonly logSize: number;
  readonly stateRoot: string;
  /** Root of the whole log, the last header included. */
  readonly logRoot: string;
  /** Indexes of the validators that are connected now, ascending. */
  readonly peers: readonly number[];
  readonly validators: number;
  readonly quorum: number;
  /** It hears a quorum and is not behind. `reason` says why not. */
  readonly ready: boolean;
  readonly reason?: string;
  readonly readOnly: boolean;
  readonly mempool: { readonly transactions: number; readonly bytes: number };
  /** From submission here to the durable block here, over the last while. */
  readonly finalityMsP50?: number;
  readonly finalityMsP99?: number;
  readonly pid: number;
  /** UTC milliseconds. */
  readonly startedAt: number;
}

/** Codes that the node answers before ordering, beside the ledger's own (DU04, TM01, ...). */
export type NodeRefusal = 'malformed' | 'too-large' | 'mempool-full' | 'read-only' | 'not-ready';

export interface Refused {
  readonly status: 'refused';
  /** A NodeRefusal or a ledger code. */
  readonly code: string;
  readonly detail: string;
  readonly id?: Digest;
  /** Log index of the entry that used the reference (DU04). */
  readonly first?: number;
}

/** `waiting`: it was in the mempool already. `final`: the same body has its outcome in the entry at `index`. */
export type Submission =
  | { readonly status: 'admitted' | 'waiting'; readonly id: Digest }
  | { readonly status: 'final'; readonly id: Digest; readonly index: number }
  | Refused;

export interface LedgerNode {
  readonly store: Store;
  /** The genesis document as its file has it. */
  readonly genesisText: string;
  status(): NodeStatus;
  /** While the state is made again nothing of it is shown (rule R4). */
  readonly isHealing?: boolean;
  /** The newest stable checkpoint as a signed note, this node's own line first. */
  checkpoint(): Uint8Array | undefined;
  /** The stable checkpoint of a height as a signed note, with this node's line or without. */
  checkpointAt(height: number, hasOwnLine: boolean): Uint8Array | undefined;
  /** Verifier key of this node's own line. */
  readonly logKey: string;
  /** An ICS23 proof about a state record after the last block; undefined where that is not possible now. */
  proveState(path: StatePath): Promise<ProvenState | undefined>;
  /** Whether a transaction waits in the mempool. */
  isWaiting(id: Digest): boolean;
  /** Checks bytes from a client and takes them into the mempool. Never throws on them. */
  submit(bytes: Uint8Array): Submission;
  /** Called after each block is durable here, in order of height. Answers with a function that ends it. */
  onBlock(listener: BlockListener): () => void;
}

export type BlockListener = (block: BlockRow, transactions: BlockCommit['transactions']) => void;
