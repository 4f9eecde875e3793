// Executes every block again, from its entries alone, and compares what comes out with what the log says; beside it an
// account book adds up the money from the events. And the same state from events alone, without executing anything.
// The one audit file that imports the node's execution and contracts.

import { accountsCollection } from '../../contracts/accounts.ts';
import { hostRefusals } from '../../contracts/contract.ts';
import { paymentsName } from '../../contracts/payments.ts';
import { contracts } from '../../contracts/registry.ts';
import type { Genesis } from '../../genesis/genesis.ts';
import { Executor, isBlockProblem } from '../execution/executor.ts';
import { genesisCommit } from '../execution/genesis-commit.ts';
import type { BlockProblem } from '../execution/header-rules.ts';
import { StateFold } from '../execution/state-fold.ts';
import { isStatePath, stateKey, statePath, stateValueHash } from '../execution/state-path.ts';
import { StateTree } from '../execution/state-tree.ts';
import type { KnownTransactions } from '../execution/transaction-cache.ts';
import { InvariantError } from '../ledger/assert.ts';
import { DecodeError } from '../ledger/codec.ts';
import { decodeEntry, headerDigest } from '../ledger/entry.ts';
import type { Evidence } from '../ledger/evidence.ts';
import { type Digest, digestBytes, digestOf, equalBytes, leafHash, toHex } from '../ledger/hash.ts';
import type { Header } from '../ledger/header.ts';
import { encodeStateProof } from '../ledger/ics23.ts';
import { decodeAs } from '../ledger/schema.ts';
import type { SetLink } from '../ledger/set-chain.ts';
import { decodeTransaction, isSigned, type Transaction } from '../ledger/transaction.ts';
import type { BlockCommit, Head, ReferenceRow, ReferenceStore, StatePath, StateStore } from '../store/store.ts';
import { Bookkeeper } from './bookkeeper.ts';
import { type CheckedBlock, FindingError } from './chain.ts';
import type { CurrencySum, Finding, Rule } from './finding.ts';
import type { BookAccount } from './money.ts';
import type { KeptWork, Projection, TakenUp } from './projection.ts';
import type { BlockPlace } from './proof-source.ts';
import type { StateRecords } from './resume.ts';

/** State and used references, and no log: its size is that of the state and the reference window. */
class ReplayStore implements StateStore, ReferenceStore {
  readonly #windowMs: number;
  #state = new Map<StatePath, Uint8Array>();
  /** In the order of use. */
  readonly #references = new Map<string, ReferenceRow>();
  #head: Head;

  constructor(windowMs: number, genesis: BlockCommit) {
    this.#windowMs = windowMs;
    this.#head = genesis.head;
    this.commit(genesis);
  }

  head(): Head {
    return this.#head;
  }

  get(path: StatePath): Uint8Array | undefined {
    return this.#state.get(path);
  }

  records(): Iterable<readonly [StatePath, Uint8Array]> {
    return this.#state;
  }

  reference(member: string, reference: string): ReferenceRow | undefined {
    return this.#references.get(`${member} ${reference}`);
  }

  commit({ head, writes, references }: Pick<BlockCommit, 'head' | 'writes' | 'references'>): void {
    this.#head = head;
    for (const [path, value] of writes) {
      if (value === undefined) this.#state.delete(path);
      else this.#state.set(path, value);
    }
    this.use(references, head.timestamp);
  }

  /** References of a block of this time; those that the window has passed are forgotten. */
  use(references: readonly ReferenceRow[], now: number): void {
    for (const row of references) {
      const key = `${row.member} ${row.reference}`;
      this.#references.delete(key);
      this.#references.set(key, row);
    }
    for (const [key, { time }] of this.#references) {
      if (now - time <= this.#windowMs) break;
      this.#references.delete(key);
    }
  }

  /** Another state, under the references as they are. */
  replace(head: Head, state: ReadonlyMap<StatePath, Uint8Array>): void {
    this.#head = head;
    this.#state = new Map(state);
  }
}

/** Uses of references, as execution of the block has written them. */
function referencesIn({ header, body }: CheckedBlock): ReferenceRow[] {
  let [member, transaction]: [string, Digest | undefined] = ['', undefined];
  const rows: ReferenceRow[] = [];
  const add = (reference: string, index: number, line: number) => {
    if (transaction !== undefined) rows.push({ member, reference, index, time: header.timestamp, transaction, line });
  };
  for (const item of body) {
    if (item.kind === 1) {
      ({ member } = item.transaction.body);
      transaction = item.transaction.id;
      add(item.transaction.body.reference, item.index, 0);
    } else if (item.kind === 2 && item.entry.outcome !== hostRefusals.duplicateReference) {
      add(item.entry.reference, item.index, item.entry.line);
    }
  }
  return rows;
}

/** The chain's own step has decoded a block's transactions and verified their signatures: neither is done again. */
class JudgedTransactions implements KnownTransactions {
  #known = new Map<Uint8Array, Transaction>();

  take(transactions: readonly Transaction[]): void {
    this.#known = new Map(transactions.map((transaction) => [transaction.bytes, transaction]));
  }

  decode(bytes: Uint8Array): Transaction {
    return this.#known.get(bytes) ?? decodeTransaction(bytes);
  }

  isVerified(transaction: Transaction): boolean {
    return this.#known.get(transaction.bytes) === transaction || isSigned(transaction);
  }
}

export class Replay implements Projection, KeptWork {
  readonly executes = true;
  readonly kept = this;
  readonly #chainId: Uint8Array;
  readonly #judged = new JudgedTransactions();
  readonly #book: Bookkeeper;
  readonly #store: ReplayStore;
  #executor: Executor;

  constructor(genesis: Genesis) {
    const { commit, tree } = genesisCommit(genesis, contracts);
    this.#chainId = digestBytes(commit.head.digest);
    this.#store = new ReplayStore(genesis.parameters.referenceWindowMs, commit);
    this.#executor = this.#executorOf(tree);
    this.#book = new Bookkeeper(genesis);
  }

  block(block: CheckedBlock): void {
    // Before anything is executed: the book must hold of the log by itself.
    this.#book.block(block);
    const { header, headerBytes, body } = block;
    const judged = body.flatMap((item) => (item.kind === 1 ? [item.transaction] : []));
    this.#judged.take(judged);
    const transactions = judged.map(({ bytes }) => bytes);
    const [evidence] = evidenceIn(block);
    // Nor is the parent's certificate, which that step has judged too.
    const executed = this.#executor.execute(
      { header: headerBytes, evidence, transactions },
      { trustedLastCommit: header.lastCommit },
    );
    if (isBlockProblem(executed)) return this.#broken(block, executed);
    const { entries } = executed.commit;
    body.forEach((item, i) => {
      const entry = entries[i];
      if (entry === undefined || !equalBytes(entry, item.bytes))
        fail(header.height, 'execution', 'execution gives another entry', {
          ...{ index: item.index, ...(entry && { found: outcomeOf(item.bytes), expected: outcomeOf(entry) }) },
        });
    });
    if (entries.length !== body.length + 1)
      fail(header.height, 'execution', `execution gives ${entries.length - 1} entries`, {
        ...{ found: `${body.length} entries`, expected: `${entries.length - 1} entries` },
      });
    this.#store.commit(executed.commit);
    this.#executor.committed(executed);
  }

  past(block: CheckedBlock): void {
    this.#book.block(block);
    this.#store.use(referencesIn(block), block.header.timestamp);
  }

  takeUp({ peaks, stateRoot, ...at }: TakenUp, records: ReadonlyMap<string, Uint8Array>): string | undefined {
    // The file's own sum says nothing of who wrote it.
    if (![...records.keys()].every(isStatePath)) return 'a record of its state lies in no collection of a contract';
    const pairs = [...records].map(([path, value]) => [stateKey(path), stateValueHash(value)] as const);
    const tree = StateTree.fromEntries(pairs);
    const root = digestOf(tree.root);
    if (root !== stateRoot) return `its state has the root ${root} where header ${at.height} names ${stateRoot}`;
    this.#store.replace({ ...at, peaks, stateRoot: root }, records);
    try {
      this.#executor = this.#executorOf(tree);
    } catch (error) {
      // The header's own certificate comes after it: until then the state may be any.
      if (error instanceof InvariantError) return `its state is none of this chain: ${error.message}`;
      throw error;
    }
    return undefined;
  }

  records(): StateRecords {
    return this.#store.records();
  }

  finish(): readonly CurrencySum[] {
    this.#compareAccounts(this.#executor.head.height);
    return this.#book.finish();
  }

  #executorOf(tree: StateTree): Executor {
    const [store, chainId, cache] = [this.#store, this.#chainId, this.#judged];
    return new Executor({ store, chainId, contracts, tree, cache });
  }

  /** Names the first entry that differs, by building the block from its transactions as a proposer would. */
  #broken(block: CheckedBlock, problem: BlockProblem): never {
    const { header, body } = block;
    const rule: Rule = problem.rule === 'state-root' ? 'state-root' : 'execution';
    const candidates = body.flatMap((item) => (item.kind === 1 ? [item.transaction] : []));
    const { proposer, timestamp, lastCommit } = header;
    const { block: rebuilt } = this.#executor.propose({
      ...{ proposer, timestamp, lastCommit, candidates },
      evidence: evidenceIn(block),
    });
    const differing = body.find((item, i) => {
      const entry = rebuilt?.commit.entries[i];
      return entry === undefined || !equalBytes(entry, item.bytes);
    });
    const root = rebuilt?.header.stateRoot;
    return fail(header.height, rule, problem.detail, {
      ...(rule === 'execution' && differing !== undefined && { index: differing.index }),
      ...(rule === 'state-root' && root && { found: toHex(header.stateRoot), expected: toHex(root) }),
    });
  }

  /** The state that execution built and the book that the events built are the same accounts. */
  #compareAccounts(height: number): void {
    const prefix = `${paymentsName}/${accountsCollection.name}/`;
    let count = 0;
    for (const [path, bytes] of this.#store.records()) {
      if (!path.startsWith(prefix)) continue;
      count++;
      const id = path.slice(prefix.length);
      const account = decodeAs(accountsCollection.schema, bytes);
      const booked = this.#book.accounts.get(id);
      const [found, expected] = [inWords(account), booked === undefined ? 'no account' : inWords(booked)];
      if (found !== expected)
        fail(height, 'posting', `the account ${id} is not what its postings make it`, { found, expected });
    }
    const { size } = this.#book.accounts;
    if (count !== size)
      fail(height, 'posting', `${count} accounts where the events open ${size}`, {
        ...{ found: `${count}`, expected: `${size}` },
      });
  }
}

function inWords({ branch, currency, balance, seq, lastIndex }: Omit<BookAccount, 'overdraftLimit'>): string {
  return `${balance} ${currency} of ${branch} after ${seq} postings, the last in entry ${lastIndex}`;
}

function evidenceIn({ body }: CheckedBlock): Evidence[] {
  return body.flatMap((item) => (item.kind === 4 ? [item.entry.evidence] : []));
}

function fail(height: number, rule: Rule, detail: string, more: Partial<Finding> = {}): never {
  throw new FindingError({ height, rule, detail, ...more });
}

/** In words, of an entry that was decoded before or made here. */
function outcomeOf(bytes: Uint8Array): string {
  const entry = decodeEntry(bytes);
  const what = 'outcome' in entry ? `outcome ${entry.outcome}` : `kind ${entry.kind}`;
  return `${what}, leaf hash ${toHex(leafHash(bytes))}`;
}

/** State from events alone: nothing is decided again. Every state root that a header names is compared. */
export class Rebuild implements Projection {
  readonly executes = false;
  readonly #fold: StateFold;

  constructor(genesis: Genesis) {
    this.#fold = new StateFold(genesis, contracts, { checksRoots: true });
  }

  block({ header, headerBytes, body }: CheckedBlock): void {
    const { height } = header;
    const problem = fold(this.#fold, [...body.map(({ bytes }) => bytes), headerBytes], header);
    if (problem !== undefined) fail(height, 'execution', `its events do not evolve: ${problem}`);
    if (!this.#fold.isRight)
      fail(height, 'state-root', 'the events of the log give another state root than its header');
  }

  finish(): readonly CurrencySum[] {
    return [];
  }
}

/** The state after the last block of a log, with proofs of what is in it. Entries are taken as they come. */
export class RebuiltState {
  readonly #fold: StateFold;
  readonly #blocks: BlockPlace[] = [];
  readonly #setChanges: SetLink[] = [];
  /** A block that changed the set; the next header holds its certificate. */
  #changed: Pick<SetLink, 'header' | 'next'> | undefined;
  #body: Uint8Array[] = [];
  #proofs: { readonly tree: StateTree; readonly records: ReadonlyMap<string, Uint8Array> } | undefined;

  constructor(genesis: Genesis) {
    this.#fold = new StateFold(genesis, contracts);
  }

  get height(): number {
    return this.#fold.head.height;
  }

  /** Of each height from 1 on. */
  get blocks(): readonly BlockPlace[] {
    return this.#blocks;
  }

  /** Of the validators, up to the epoch of the last block. */
  get setChanges(): readonly SetLink[] {
    return this.#setChanges;
  }

  /** The next entry after genesis. Says why it is none, if it ends a block. */
  push(entry: Uint8Array): string | undefined {
    this.#body.push(entry);
    const header = headerIn(entry);
    if (header === undefined) return undefined;
    const problem = fold(this.#fold, this.#body, header);
    this.#body = [];
    if (problem !== undefined) return problem;
    this.#blocks.push({ headerIndex: this.#fold.head.logSize - 1, header: entry });
    if (this.#changed !== undefined && header.lastCommit !== undefined)
      this.#setChanges.push({ ...this.#changed, certificate: header.lastCommit });
    const changes = !equalBytes(header.validatorSetHash, header.nextValidatorSetHash);
    this.#changed = changes ? { header: entry, next: this.#fold.validators } : undefined;
    return undefined;
  }

  /** ICS23. */
  prove(account: string): Uint8Array {
    this.#proofs ??= this.#tree();
    const { tree, records } = this.#proofs;
    const key = stateKey(statePath(paymentsName, accountsCollection.name, account));
    return encodeStateProof(tree.prove(key), key, (under) => records.get(toHex(under)) ?? new Uint8Array(0));
  }

  #tree() {
    const pairs = [...this.#fold.state].map(([path, value]) => [stateKey(path), value] as const);
    const tree = StateTree.fromEntries(pairs.map(([key, value]) => [key, stateValueHash(value)]));
    return { tree, records: new Map(pairs.map(([key, value]) => [toHex(key), value])) };
  }
}

/** A fold asks for the certificate's position alone; that it is signed is judged elsewhere. */
function fold(state: StateFold, entries: readonly Uint8Array[], { height, epoch }: Header): string | undefined {
  const digest = headerDigest(entries.at(-1) ?? new Uint8Array(0));
  try {
    const folded = state.add(entries, { epoch, view: 0, height, digest, signers: [] });
    return typeof folded === 'string' ? folded : undefined;
  } catch (error) {
    // What a contract never decides it may refuse to evolve: a log from outside can hold it all the same.
    if (error instanceof InvariantError) return error.message;
    throw error;
  }
}

function headerIn(bytes: Uint8Array): Header | undefined {
  try {
    const entry = decodeEntry(bytes);
    return entry.kind === 3 ? entry.header : undefined;
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
