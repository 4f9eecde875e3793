// What one validator spends on a block, stage by stage, in one process: decode, verify, execute, state root, log root,
// store. Two loads: transactions of one transfer each, and batches of many lines under one signature. Votes and the
// network are not in it; the run with four processes (ledger-load.ts) has them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { batchArguments, openBatchArguments, transferArguments } from '../contracts/payments.ts';
import { contracts } from '../contracts/registry.ts';
import { encodeRecord, firstRecord } from '../node/consensus/record.ts';
import {
  type ExecutedBlock,
  Executor,
  type ExecutorParts,
  isBlockProblem,
  stateChanges,
} from '../node/execution/executor.ts';
import { genesisCommit } from '../node/execution/genesis-commit.ts';
import { type KnownTransactions, TransactionCache } from '../node/execution/transaction-cache.ts';
import type { CommitCertificate } from '../node/ledger/certificate.ts';
import type { Value } from '../node/ledger/codec.ts';
import { digestBytes, leafHash } from '../node/ledger/hash.ts';
import { blockLinesMax, blockTransactionsMax } from '../node/ledger/limits.ts';
import { Frontier } from '../node/ledger/merkle.ts';
import { bodyOf, decodeTransaction, isSigned, signTransaction, type Transaction } from '../node/ledger/transaction.ts';
import { createLmdbStore } from '../node/store/lmdb-opening.ts';
import type { Store } from '../node/store/store.ts';
import { benchGenesis, benchUser } from './bench-genesis.ts';
import { median, rowsOf, type Stage, type StageRow } from './stage-times.ts';

export type Load = 'single' | 'bulk';

export interface StageReport {
  readonly load: Load;
  readonly transfers: number;
  readonly rows: readonly StageRow[];
}

export interface FullBlockReport {
  readonly load: Load;
  readonly transactions: number;
  readonly lines: number;
  /** Medians: a backup's execution, everything of it, and its store. */
  readonly executeMs: number;
  readonly storeMs: number;
}

const accounts = 2_000;
const blocks = 12;
const linesPerBatch = 150;
const vote = { record: encodeRecord(firstRecord()), putBodies: [], deleteBodies: [] };

/** One validator's executor over a store of its own, and somebody who signs. */
class Bench {
  readonly #store: Store;
  readonly #cache: KnownTransactions;
  readonly #user = benchUser();
  readonly executor: Executor;
  readonly #chainId: Uint8Array;
  #time: number;
  #references = 0;
  #transfers = 0;
  #lastCommit: CommitCertificate | undefined;

  private constructor(store: Store, parts: ExecutorParts, time: number) {
    this.#store = store;
    this.#chainId = parts.chainId;
    this.#cache = parts.cache;
    this.executor = new Executor(parts);
    this.#time = time;
  }

  static async open(folder: string): Promise<Bench> {
    const genesis = benchGenesis();
    const { commit, tree } = genesisCommit(genesis, contracts);
    const identity = { chainId: commit.head.digest, validator: 'validator-1', format: 1 };
    const store = await createLmdbStore(join(folder, 'data'), identity, commit, vote);
    const chainId = digestBytes(commit.head.digest);
    const parts = { store, chainId, contracts, tree, cache: new TransactionCache() };
    const bench = new Bench(store, parts, genesis.timestamp);
    bench.#openAccounts();
    return bench;
  }

  get transfers(): number {
    return this.#transfers;
  }

  /** What intake has done before a block comes. */
  know(transactions: readonly Transaction[]): void {
    for (const each of transactions) this.#cache.isVerified(each);
  }

  propose(candidates: readonly Transaction[]): ExecutedBlock {
    const { block } = this.executor.propose({
      proposer: 0,
      timestamp: this.#time + 1,
      lastCommit: this.#lastCommit,
      candidates,
    });
    if (block === undefined) throw new Error('nothing to propose');
    return block;
  }

  settle(block: ExecutedBlock): void {
    // The store does not look at the certificate's signatures.
    const { height, digest } = block.commit.head;
    const signers = [0, 1, 2].map((validator) => ({ validator, signature: new Uint8Array(64) }));
    this.#lastCommit = { epoch: 0, view: 0, height, digest, signers };
    this.#store.commit({ ...block.commit, certificate: this.#lastCommit }, vote);
    this.executor.committed(block);
    this.#time = block.header.timestamp;
  }

  get lastCommit(): CommitCertificate | undefined {
    return this.#lastCommit;
  }

  /** `transactions` of one transfer each, or batches of `lines` lines in all. */
  make(load: Load, transactions: number, lines: number): Transaction[] {
    const made: Transaction[] = [];
    if (load === 'single') {
      while (made.length < transactions) made.push(this.#sign('transfer', transferArguments(this.#nextTransfer())));
      return made;
    }
    for (let left = lines; left > 0; left -= linesPerBatch) {
      const batch = Array.from({ length: Math.min(left, linesPerBatch) }, () => {
        const args = this.#nextTransfer();
        return { reference: `L${this.#transfers}`, args };
      });
      made.push(this.#sign('batch', batchArguments(batch)));
    }
    return made;
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  #openAccounts(): void {
    const terms = { branch: this.#user.member, currency: 'CZK', overdraftLimit: undefined, openingBalance: 0n };
    const open = Array.from({ length: accounts }, (_, i) => ({
      reference: `O${i}`,
      args: { account: `A${i}`, ...terms },
    }));
    for (let i = 0; i < accounts; i += 200)
      this.settle(this.propose([this.#sign('open-batch', openBatchArguments(open.slice(i, i + 200)))]));
  }

  #nextTransfer() {
    const i = this.#transfers++;
    const sides = { from: `A${(i * 7) % accounts}`, to: `A${(i * 13 + 1) % accounts}` };
    return { ...sides, amount: 100n, currency: 'CZK', purpose: 'salary', date: '2026-01-31' };
  }

  #sign(method: string, args: Value): Transaction {
    const { member, seed, publicKey } = this.#user;
    const reference = `R${++this.#references}`;
    const head = { chainId: this.#chainId, member, reference, validUntil: this.#time + 3_600_000 };
    return signTransaction(bodyOf({ ...head, contract: 'payments', method, args }), seed, publicKey);
  }
}

async function withBench<T>(work: (bench: Bench) => T): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'daybook-bench-'));
  const bench = await Bench.open(folder);
  try {
    return work(bench);
  } finally {
    await bench.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

export function measureStages(load: Load): Promise<StageReport> {
  return withBench((bench) => {
    const stages: Stage[] = [];
    const timed = <T>(name: string, work: () => T): T => {
      const from = process.hrtime.bigint();
      const result = work();
      stages.push({ name, ns: process.hrtime.bigint() - from });
      return result;
    };
    const before = bench.transfers;
    for (let b = 0; b < blocks; b++) {
      const made = bench.make(load, 1_000, 4_000);
      const decoded = timed('decode', () => made.map((each) => decodeTransaction(each.bytes)));
      timed('verify', () => decoded.every((each) => isSigned(each)));
      bench.know(decoded);
      const block = timed('execute and seal, the two rows below among it', () => bench.propose(decoded));
      timed('  state root', () => bench.executor.tree.update(stateChanges(block.commit.writes)));
      timed('  log root', () => {
        const { logSize, peaks } = bench.executor.head;
        const frontier = Frontier.fromHashes(logSize, peaks);
        for (const entry of block.commit.entries) frontier.append(leafHash(entry));
      });
      timed('store', () => bench.settle(block));
    }
    const transfers = bench.transfers - before;
    return { load, transfers, rows: rowsOf(stages, transfers) };
  });
}

/** A block at the limit of transactions, or of lines, as a backup meets it: its transactions came before. */
export function measureFullBlock(load: Load): Promise<FullBlockReport> {
  return withBench((bench) => {
    const [execute, store]: [number[], number[]] = [[], []];
    let count = 0;
    for (let b = 0; b < 5; b++) {
      const made = bench.make(load, blockTransactionsMax, blockLinesMax);
      bench.know(made);
      const proposed = bench.propose(made);
      count = proposed.transactions.length;
      const content = { header: proposed.headerBytes, transactions: proposed.transactions.map(({ bytes }) => bytes) };
      const began = performance.now();
      const executed = bench.executor.execute(content, { trustedLastCommit: bench.lastCommit });
      const done = performance.now();
      if (isBlockProblem(executed)) throw new Error(`${executed.rule}: ${executed.detail}`);
      bench.settle(executed);
      execute.push(done - began);
      store.push(performance.now() - done);
    }
    const lines = load === 'single' ? count : blockLinesMax;
    return { load, transactions: count, lines, executeMs: median(execute), storeMs: median(store) };
  });
}
