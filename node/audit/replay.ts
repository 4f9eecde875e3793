// Executes every block again, from its entries alone, and compares what comes out with what the log says; beside it an
// account book adds up the money from the events. And the same state from events alone, without executing anything.
// The one audit file that imports the node's execution and contracts.

import { accountsCollection } from '../../contracts/accounts.ts';
import { paymentsName, paymentsSectionSchema } from '../../contracts/payments.ts';
import { contracts } from '../../contracts/registry.ts';
import { type Genesis, sectionOf } from '../../genesis/genesis.ts';
import { Executor, isBlockProblem } from '../execution/executor.ts';
import { genesisCommit } from '../execution/genesis-commit.ts';
import type { BlockProblem } from '../execution/header-rules.ts';
import { StateFold } from '../execution/state-fold.ts';
import { stateKey, statePath, stateValueHash } from '../execution/state-path.ts';
import { StateTree } from '../execution/state-tree.ts';
import type { KnownTransactions } from '../execution/transaction-cache.ts';
import { formatAmount } from '../ledger/amount.ts';
import { InvariantError } from '../ledger/assert.ts';
import { DecodeError } from '../ledger/codec.ts';
import { decodeEntry, headerDigest } from '../ledger/entry.ts';
import type { Evidence } from '../ledger/evidence.ts';
import { digestBytes, equalBytes, toHex } from '../ledger/hash.ts';
import type { Header } from '../ledger/header.ts';
import { encodeStateProof } from '../ledger/ics23.ts';
import { decodeAs } from '../ledger/schema.ts';
import type { SetLink } from '../ledger/set-chain.ts';
import { decodeTransaction, isSigned, type Transaction } from '../ledger/transaction.ts';
import type { BlockCommit, Head, ReferenceRow, ReferenceStore, StatePath, StateStore } from '../store/store.ts';
import { type CheckedBlock, FindingError } from './chain.ts';
import type { CurrencySum, Rule } from './finding.ts';
import { AccountBook } from './money.ts';
import type { BlockPlace } from './proof-source.ts';
import type { Follower } from './verify.ts';

/** State and used references, and no log: its size is that of the state and the reference window. */
class ReplayStore implements StateStore, ReferenceStore {
  readonly #windowMs: number;
  readonly #state = new Map<StatePath, Uint8Array>();
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
    for (const row of references) {
      const key = `${row.member} ${row.reference}`;
      this.#references.delete(key);
      this.#references.set(key, row);
    }
    for (const [key, { time }] of this.#references) {
      if (head.timestamp - time <= this.#windowMs) break;
      this.#references.delete(key);
    }
  }
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

export class Replay implements Follower {
  readonly #store: ReplayStore;
  readonly #executor: Executor;
  readonly #judged = new JudgedTransactions();
  readonly #book: AccountBook;

  constructor(genesis: Genesis) {
    const { commit, tree } = genesisCommit(genesis, contracts);
    this.#store = new ReplayStore(genesis.parameters.referenceWindowMs, commit);
    const chainId = digestBytes(commit.head.digest);
    this.#executor = new Executor({ store: this.#store, chainId, contracts, tree, cache: this.#judged });
    this.#book = new AccountBook(allowances(genesis));
  }

  block(block: CheckedBlock): void {
    this.#money(block);
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
        fail(header.height, 'execution', 'execution gives another entry', item.index);
    });
    if (entries.length !== body.length + 1)
      fail(header.height, 'execution', `execution gives ${entries.length - 1} entries`);
    this.#store.commit(executed.commit);
    this.#executor.committed(executed);
  }

  finish(): readonly CurrencySum[] {
    const { height } = this.#executor.head;
    this.#compareAccounts(height);
    return this.#book.totals().map(({ currency, accounts, moved, issued, balances }) => {
      if (balances !== 0n) fail(height, 'conservation', `all balances of ${currency} sum to ${balances}`);
      const text = (amount: bigint) => formatAmount(amount, currency);
      return { currency, accounts, moved: text(moved), issued: text(issued), balances: text(balances) };
    });
  }

  /** Before anything is executed: the book must hold of the log by itself. */
  #money({ header, body }: CheckedBlock): void {
    for (const { entry, index } of body) {
      for (const event of entry.events) {
        if (event.contract !== paymentsName) continue;
        const problem = this.#book.apply(event, index);
        if (problem !== undefined) fail(header.height, problem.rule, problem.detail, index);
      }
    }
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
    return fail(header.height, rule, problem.detail, rule === 'execution' ? differing?.index : undefined);
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
      const same =
        booked !== undefined &&
        booked.branch === account.branch &&
        booked.currency === account.currency &&
        booked.balance === account.balance &&
        booked.seq === account.seq &&
        booked.lastIndex === account.lastIndex;
      if (!same) fail(height, 'posting', `the account ${id} is not what its postings make it`);
    }
    if (count !== this.#book.accounts.size)
      fail(height, 'posting', `${count} accounts where the events open ${this.#book.accounts.size}`);
  }
}

function evidenceIn({ body }: CheckedBlock): Evidence[] {
  return body.flatMap((item) => (item.kind === 4 ? [item.entry.evidence] : []));
}

function allowances(genesis: Genesis): ReadonlyMap<string, bigint> {
  const section = sectionOf(genesis, paymentsName);
  if (section === undefined) return new Map();
  return new Map(paymentsSectionSchema.read(section).issuance.map(({ currency, amount }) => [currency, amount]));
}

function fail(height: number, rule: Rule, detail: string, index?: number): never {
  throw new FindingError({ height, ...(index === undefined ? {} : { index }), rule, detail });
}

/** State from events alone: nothing is decided again. Every state root that a header names is compared. */
export class Rebuild implements Follower {
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
