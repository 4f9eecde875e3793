// Blocks from transactions, and the check of blocks that others built: the same work, then a comparison. Many
// candidates may be executed on one head; nothing here or in the store changes until `committed`.
import {
  consortiumName,
  type Epoch,
  epochAt,
  epochRecords,
  isMember,
  latestEpoch,
  type Parameters,
  parameterRecords,
  parametersOf,
} from '../../contracts/consortium-state.ts';
import type { Contract } from '../../contracts/contract.ts';
import { assert } from '../ledger/assert.ts';
import type { CommitCertificate } from '../ledger/certificate.ts';
import { DecodeError } from '../ledger/codec.ts';
import { decodeEntry, decodeHeader, encodeHeader } from '../ledger/entry.ts';
import type { Evidence } from '../ledger/evidence.ts';
import { type Digest, digestBytes, digestOf, equalBytes, leafHash } from '../ledger/hash.ts';
import type { Header } from '../ledger/header.ts';
import { blockEntriesMax, blockTransactionsMax, protocolVersion } from '../ledger/limits.ts';
import { type CompleteSubtree, Frontier } from '../ledger/merkle.ts';
import type { Transaction } from '../ledger/transaction.ts';
import { type ValidatorSet, validatorSetHash } from '../ledger/validators.ts';
import type { BlockCommit, Head, ReferenceStore, StatePath, StateStore } from '../store/store.ts';
import { accusationOf, type EvidenceProblem } from './accusation.ts';
import { type AdmissionProblem, admit } from './admission.ts';
import { type AddProblem, admissionView, BlockRun, type RunGround } from './block-run.ts';
import { DivergedRecord } from './diverged-record.ts';
import { type BlockProblem, type BlockRule, headerProblem } from './header-rules.ts';
import { Host } from './host.ts';
import { DecodedRecords, Overlay, readerOf } from './overlay.ts';
import { stateKey, stateValueHash } from './state-path.ts';
import type { StateChange, StateTree } from './state-tree.ts';
import type { KnownTransactions } from './transaction-cache.ts';

export interface ExecutedBlock {
  /** Leaf hash of the header: what consensus votes on. */
  readonly digest: Digest;
  readonly header: Header;
  readonly headerBytes: Uint8Array;
  readonly evidence: Evidence | undefined;
  readonly transactions: readonly Transaction[];
  /** All that the store needs besides the block's own certificate. */
  readonly commit: Omit<BlockCommit, 'certificate'>;
  /** The state tree after this block. */
  readonly tree: StateTree;
  /** What it writes, over the state before it. */
  readonly state: Overlay;
  /** The epoch that begins after this block, if it changes the validator set. */
  readonly nextEpoch: Epoch | undefined;
}

/** A candidate that may not be ordered now, and why. */
export interface LeftOut {
  readonly id: Digest;
  readonly problem: Exclude<AddProblem, { code: 'limit' | 'repeated' }>;
}

export interface Proposed {
  /** Undefined when neither evidence nor a candidate is left to propose. */
  readonly block: ExecutedBlock | undefined;
  readonly left: readonly LeftOut[];
}

export interface ExecuteOptions {
  /** A certificate of the head that was checked already: the same bytes in `lastCommit` are not verified again. */
  readonly trustedLastCommit?: CommitCertificate | undefined;
}

export interface ExecutorParts {
  readonly store: StateStore & ReferenceStore & { head(): Head };
  readonly chainId: Uint8Array;
  readonly contracts: readonly Contract[];
  /** Of the store's head, as `treeOf` builds it. */
  readonly tree: StateTree;
  readonly cache: KnownTransactions;
}

export function isBlockProblem(result: ExecutedBlock | BlockProblem): result is BlockProblem {
  return 'rule' in result;
}

export class Executor {
  readonly #parts: ExecutorParts;
  /** The store's, each state record held against the tree [R4]. */
  readonly #ledger: StateStore & ReferenceStore;
  readonly #host: Host;
  /** Of the head's state. */
  readonly #records = new DecodedRecords();
  #head: Head;
  #tree: StateTree;
  #ground: RunGround;
  /** Of the block after the head. */
  #epoch: Epoch;
  #setHash: Digest;
  /** Of the head itself: its validators certify it. */
  #headEpoch: Epoch;

  constructor(parts: ExecutorParts) {
    this.#parts = parts;
    const { store } = parts;
    this.#ledger = {
      get: (path) => this.#covered(path, store.get(path)),
      reference: (member, reference) => store.reference(member, reference),
    };
    this.#host = new Host(parts.contracts, (state, id) => isMember(readerOf(state, consortiumName), id), parts.chainId);
    this.#head = parts.store.head();
    this.#tree = parts.tree;
    assert(digestOf(this.#tree.root) === this.#head.stateRoot, 'the state tree is that of the head');
    ({ ground: this.#ground, epoch: this.#epoch, headEpoch: this.#headEpoch } = this.#consortiumNow());
    this.#setHash = validatorSetHash(this.#epoch.validators);
  }

  get head(): Head {
    return this.#head;
  }

  /** In force for the next block. */
  get parameters(): Parameters {
    return this.#ground.parameters;
  }

  get tree(): StateTree {
    return this.#tree;
  }

  /** That of the next block. */
  get epoch(): Epoch {
    return this.#epoch;
  }

  /** The set in force for the next block. */
  get validators(): ValidatorSet {
    return this.#epoch.validators;
  }

  /** The set that a block is judged by; for blocks after the next one as far as it is known. */
  validatorsAt(height: number): ValidatorSet | undefined {
    if (height >= this.#epoch.from) return this.#epoch.validators;
    return epochAt(readerOf(this.#overlay(), consortiumName), height)?.validators;
  }

  /**
   * What would keep a transaction from being ordered in a block of this timestamp on this head. With `isSigned` its
   * signature is not looked at: it was verified before, or will be.
   */
  admissionProblem(transaction: Transaction, timestamp: number, isSigned = false): AdmissionProblem | undefined {
    const view = admissionView(this.#ground, this.#overlay(), timestamp);
    const admitted = admit(transaction, isSigned ? { ...view, isVerified: () => true } : view);
    return 'code' in admitted ? admitted : undefined;
  }

  /** Why evidence may not stand in the next block, or undefined. */
  evidenceProblem(evidence: Evidence): EvidenceProblem | undefined {
    const found = accusationOf(evidence, readerOf(this.#overlay(), consortiumName), this.#parts.chainId);
    return 'code' in found ? found : undefined;
  }

  /** Builds the next block from candidates, in their order, as far as the limits allow. */
  propose(request: {
    readonly proposer: number;
    readonly timestamp: number;
    readonly lastCommit: CommitCertificate | undefined;
    /** Of these the first that may stand [A3]. */
    readonly evidence?: Iterable<Evidence>;
    readonly candidates: Iterable<Transaction>;
  }): Proposed {
    const { proposer, timestamp, lastCommit } = request;
    assert(timestamp > this.#head.timestamp, 'block timestamps grow');
    assert((lastCommit === undefined) === (this.#head.height === 0), 'every block but the first certifies its parent');
    const run = this.#run(timestamp);
    for (const each of request.evidence ?? []) if (run.addEvidence(each) === undefined) break;
    const left: LeftOut[] = [];
    for (const candidate of request.candidates) {
      const problem = run.add(candidate);
      if (problem?.code === 'limit' && problem.limit !== 'member') break;
      // A reference of this very block is no verdict yet: the block may still be replaced.
      if (problem === undefined || problem.code === 'limit' || problem.code === 'repeated') continue;
      left.push({ id: candidate.id, problem });
    }
    if (run.entries.length === 0) return { block: undefined, left };
    const sealed = this.#seal(run);
    const header: Header = {
      version: 1,
      chainId: this.#parts.chainId,
      epoch: this.#epoch.number,
      height: this.#head.height + 1,
      proposer,
      timestamp,
      parent: digestBytes(this.#head.digest),
      logSize: sealed.frontier.size,
      logRoot: sealed.frontier.root(),
      stateRoot: sealed.tree.root,
      validatorSetHash: digestBytes(this.#setHash),
      nextValidatorSetHash: digestBytes(sealed.nextSetHash),
      protocolVersion,
      lastCommit,
    };
    return { block: this.#executed(run, sealed, header, encodeHeader(header)), left };
  }

  /**
   * The whole validity of a block on this head, except that its timestamp is near the clock. Never throws on content.
   */
  execute(
    block: {
      readonly header: Uint8Array;
      readonly evidence?: Evidence | undefined;
      readonly transactions: readonly Uint8Array[];
    },
    options: ExecuteOptions = {},
  ): ExecutedBlock | BlockProblem {
    const header = this.#decoded(() => decodeHeader(block.header));
    if (typeof header === 'string') return broken('header', header);
    const problem = headerProblem(header, {
      chainId: this.#parts.chainId,
      head: this.#head,
      epoch: this.#epoch.number,
      validators: this.#epoch.validators,
      validatorSetHash: this.#setHash,
      parentEpoch: this.#headEpoch.number,
      parentValidators: this.#headEpoch.validators,
      trusted: options.trustedLastCommit,
    });
    if (problem !== undefined) return problem;
    const count = block.transactions.length;
    if (count > blockTransactionsMax || (count < 1 && block.evidence === undefined))
      return broken('limits', `${count} transactions`);
    const run = this.#run(header.timestamp);
    const refusal = block.evidence && run.addEvidence(block.evidence); // [A3]
    if (refusal !== undefined) return broken('evidence', refusal);
    for (const [at, bytes] of block.transactions.entries()) {
      const transaction = this.#decoded(() => this.#parts.cache.decode(bytes));
      if (typeof transaction === 'string') return broken('transaction', `transaction ${at}: ${transaction}`);
      const refused = run.add(transaction);
      if (refused?.code === 'limit') return broken('limits', `transaction ${at} passes the limit of ${refused.limit}`);
      if (refused !== undefined) return broken('transaction', `transaction ${at}: ${describe(refused)}`);
    }
    const logSize = this.#head.logSize + run.entries.length;
    if (header.logSize !== logSize) return broken('log-size', `log size ${header.logSize}, executed to ${logSize}`);
    const sealed = this.#seal(run);
    if (!equalBytes(header.logRoot, sealed.frontier.root()))
      return broken('log-root', 'execution gives another log root');
    if (!equalBytes(header.stateRoot, sealed.tree.root))
      return broken('state-root', 'execution gives another state root');
    if (!equalBytes(header.nextValidatorSetHash, digestBytes(sealed.nextSetHash)))
      return broken('next-validator-set', 'execution gives another next validator set');
    return this.#executed(run, sealed, header, block.header);
  }

  /** A fetched block: its transactions are executed again, and every entry must be the one that this gives. */
  replay(entries: readonly Uint8Array[], options: ExecuteOptions = {}): ExecutedBlock | BlockProblem {
    const header = entries.at(-1);
    if (header === undefined || entries.length > blockEntriesMax + 1) return broken('limits', 'no block of entries');
    const transactions: Uint8Array[] = [];
    let evidence: Evidence | undefined;
    for (const [at, bytes] of entries.slice(0, -1).entries()) {
      const entry = this.#decoded(() => decodeEntry(bytes));
      if (typeof entry === 'string') return broken('entries', `entry ${at}: ${entry}`);
      if (entry.kind === 1) transactions.push(entry.transaction);
      else if (entry.kind === 4 && at === 0) evidence = entry.evidence;
      else if (entry.kind !== 2) return broken('entries', `entry ${at} is of kind ${entry.kind}`);
    }
    const executed = this.execute({ header, evidence, transactions }, options);
    if (isBlockProblem(executed)) return executed;
    const given = executed.commit.entries;
    const differs =
      given.length !== entries.length || given.some((bytes, at) => !equalBytes(bytes, entries[at] ?? header));
    return differs ? broken('entries', 'the entries are not those that execution gives') : executed;
  }

  /** Moves to a block that the store has committed. */
  committed(executed: ExecutedBlock): void {
    const { head } = executed.commit;
    assert(equalBytes(executed.header.parent, digestBytes(this.#head.digest)), 'a committed block follows the head');
    assert(this.#parts.store.head().digest === head.digest, 'the store has committed the block');
    this.#head = head;
    this.#headEpoch = this.#epoch;
    this.#tree = executed.tree;
    executed.state.handOver(this.#records);
    if (executed.commit.writes.some(([path]) => isConsortiumSetting(path))) {
      ({ ground: this.#ground, epoch: this.#epoch } = this.#consortiumNow());
      this.#setHash = validatorSetHash(this.#epoch.validators);
    }
  }

  #consortiumNow(): { ground: RunGround; epoch: Epoch; headEpoch: Epoch } {
    const { cache, chainId } = this.#parts;
    const reader = readerOf(this.#overlay(), consortiumName);
    const [parameters, epoch] = [parametersOf(reader), latestEpoch(reader)];
    assert(parameters !== undefined && epoch !== undefined, 'genesis wrote the parameters and the validators');
    const headEpoch = epochAt(reader, this.#head.height) ?? epoch; // genesis has none
    return {
      ground: { store: this.#ledger, host: this.#host, cache, records: this.#records, chainId, parameters },
      epoch,
      headEpoch,
    };
  }

  #overlay(): Overlay {
    return new Overlay(this.#ledger, this.#records);
  }

  /**
   * A sum of its own shows that a record is what some write meant; only the state root shows that it is this height's.
   * So no outcome, vote or proposal comes from a record that the chain does not cover.
   */
  #covered(path: StatePath, value: Uint8Array | undefined): Uint8Array | undefined {
    if (this.#tree.holds(stateKey(path), value === undefined ? undefined : stateValueHash(value))) return value;
    throw new DivergedRecord(
      `state record ${path} is not the one that the state root of height ${this.#head.height} covers: this node's ` +
        'state differs from the chain',
      path,
    );
  }

  #run(time: number): BlockRun {
    return new BlockRun(this.#ground, { height: this.#head.height + 1, time, firstIndex: this.#head.logSize });
  }

  #decoded<T>(work: () => T): T | string {
    try {
      return work();
    } catch (error) {
      if (error instanceof DecodeError) return error.message;
      throw error;
    }
  }

  /** The log and the state with a block's entries, before its header. */
  #seal(run: BlockRun): Sealed {
    const nodes: CompleteSubtree[] = [];
    const frontier = Frontier.fromHashes(this.#head.logSize, this.#head.peaks);
    for (const entry of run.entries) frontier.append(leafHash(entry), nodes);
    const writes = run.state.writes();
    const nextEpoch = writes.some(([path]) => path.startsWith(epochsPrefix))
      ? latestEpoch(readerOf(run.state, consortiumName))
      : undefined;
    const nextSetHash = nextEpoch === undefined ? this.#setHash : validatorSetHash(nextEpoch.validators);
    return { nodes, frontier, writes, tree: this.#tree.update(stateChanges(writes)), nextEpoch, nextSetHash };
  }

  #executed(run: BlockRun, sealed: Sealed, header: Header, headerBytes: Uint8Array): ExecutedBlock {
    const { frontier, nodes, writes, tree, nextEpoch } = sealed;
    const leaf = leafHash(headerBytes);
    const digest = digestOf(leaf);
    const headerIndex = frontier.size;
    frontier.append(leaf, nodes);
    const { height, timestamp } = header;
    const stateRoot = digestOf(tree.root);
    const head = { height, digest, logSize: frontier.size, timestamp, peaks: frontier.toHashes(), stateRoot };
    const block = { height, digest, firstIndex: this.#head.logSize, headerIndex };
    const entries = [...run.entries, headerBytes];
    const { evidence, transactions, references, indexes } = run;
    const commit = { head, block, entries, nodes, writes, references, transactions: indexes };
    return { digest, header, headerBytes, evidence, transactions, commit, tree, state: run.state, nextEpoch };
  }
}

interface Sealed {
  readonly nodes: CompleteSubtree[];
  readonly frontier: Frontier;
  readonly writes: BlockCommit['writes'];
  readonly tree: StateTree;
  readonly nextEpoch: Epoch | undefined;
  readonly nextSetHash: Digest;
}

export function stateChanges(writes: BlockCommit['writes']): StateChange[] {
  return writes.map(([path, value]) => [stateKey(path), value === undefined ? undefined : stateValueHash(value)]);
}

function isConsortiumSetting(path: string): boolean {
  return path.startsWith(epochsPrefix) || path.startsWith(`${consortiumName}/${parameterRecords.name}/`);
}

const epochsPrefix = `${consortiumName}/${epochRecords.name}/`;

function broken(rule: BlockRule, detail: string): BlockProblem {
  return { rule, detail };
}

function describe(problem: AddProblem): string {
  return problem.code === 'unexecutable' ? problem.detail : problem.code;
}
