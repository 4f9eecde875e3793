// What one validator spends on a block, stage by stage, in one process: decode, verify, execute, state root, seal, store.
// Two loads: transactions of one transfer each, and batches of many lines under one signature.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { batchArguments, openBatchArguments, transferArguments } from '../contracts/payments.ts';
import { contracts } from '../contracts/registry.ts';
import { encodeRecord, firstRecord } from '../node/consensus/record.ts';
import { type ExecutedBlock, Executor, stateChanges } from '../node/execution/executor.ts';
import { genesisCommit } from '../node/execution/genesis-commit.ts';
import { TransactionCache } from '../node/execution/transaction-cache.ts';
import type { CommitCertificate } from '../node/ledger/certificate.ts';
import type { Value } from '../node/ledger/codec.ts';
import { digestBytes, leafHash } from '../node/ledger/hash.ts';
import { Frontier } from '../node/ledger/merkle.ts';
import { bodyOf, decodeTransaction, isSigned, signTransaction, type Transaction } from '../node/ledger/transaction.ts';
import { createLmdbStore } from '../node/store/lmdb-store.ts';
import { benchGenesis, benchUser } from './bench-genesis.ts';
import { rowsOf, type Stage, type StageRow } from './stage-times.ts';

const accounts = 2_000;
const blocks = 12;
const vote = { record: encodeRecord(firstRecord()), putBodies: [], deleteBodies: [] };

export interface StageReport {
  readonly load: string;
  readonly transfers: number;
  readonly rows: readonly StageRow[];
}

export async function measureStages(load: 'single' | 'bulk'): Promise<StageReport> {
  const folder = mkdtempSync(join(tmpdir(), 'daybook-bench-'));
  const genesis = benchGenesis();
  const { commit, tree } = genesisCommit(genesis, contracts);
  const identity = { chainId: commit.head.digest, validator: 'validator-1', format: 1 };
  const store = await createLmdbStore(join(folder, 'data'), identity, commit, vote);
  const chainId = digestBytes(commit.head.digest);
  const cache = new TransactionCache();
  const executor = new Executor({ store, chainId, contracts, tree, cache });
  const user = benchUser();
  let time = genesis.timestamp;
  let reference = 0;
  let lastCommit: CommitCertificate | undefined;

  const signed = (method: string, args: Value): Transaction => {
    const validUntil = time + 3_600_000;
    const fields = { chainId, member: user.member, reference: `R${++reference}`, validUntil, contract: 'payments' };
    return signTransaction(bodyOf({ ...fields, method, args }), user.seed, user.publicKey);
  };
  const settle = (block: ExecutedBlock) => {
    // The certificate's signatures are not looked at by the store; consensus has its own bench (cluster.ts).
    const { height, digest } = block.commit.head;
    const signers = [0, 1, 2].map((validator) => ({ validator, signature: new Uint8Array(64) }));
    lastCommit = { epoch: 0, view: 0, height, digest, signers };
    store.commit({ ...block.commit, certificate: lastCommit }, vote);
    executor.committed(block);
    time = block.header.timestamp;
  };
  const propose = (candidates: readonly Transaction[]): ExecutedBlock => {
    const { block } = executor.propose({ proposer: 0, timestamp: time + 1, lastCommit, candidates });
    if (block === undefined) throw new Error('nothing to propose');
    return block;
  };

  const open = Array.from({ length: accounts }, (_, i) => ({
    reference: `O${i}`,
    args: { account: `A${i}`, branch: user.member, currency: 'CZK', overdraftLimit: undefined, openingBalance: 0n },
  }));
  for (let i = 0; i < accounts; i += 200)
    settle(propose([signed('open-batch', openBatchArguments(open.slice(i, i + 200)))]));

  const stages: Stage[] = [];
  const timed = <T>(name: string, work: () => T): T => {
    const from = process.hrtime.bigint();
    const result = work();
    stages.push({ name, ns: process.hrtime.bigint() - from });
    return result;
  };
  let transfers = 0;
  const line = (i: number) => {
    const args = { from: `A${(i * 7) % accounts}`, to: `A${(i * 13 + 1) % accounts}`, amount: 100n, currency: 'CZK' };
    return { ...args, purpose: 'salary', date: '2026-01-31' };
  };
  for (let b = 0; b < blocks; b++) {
    const made: Transaction[] = [];
    if (load === 'single') {
      for (let i = 0; i < 1_000; i++) made.push(signed('transfer', transferArguments(line(transfers++))));
    } else {
      for (let k = 0; k < 40; k++) {
        const lines = Array.from({ length: 150 }, () => {
          const n = transfers++;
          return { reference: `L${n}`, args: line(n) };
        });
        made.push(signed('batch', batchArguments(lines)));
      }
    }
    const decoded = timed('decode', () => made.map((each) => decodeTransaction(each.bytes)));
    timed('verify', () => decoded.every((each) => isSigned(each)));
    for (const each of decoded) cache.isVerified(each);
    const block = timed('execute and seal (all of the rows below it)', () => propose(decoded));
    timed('  of it: state root', () => executor.tree.update(stateChanges(block.commit.writes)));
    timed('  of it: log root', () => {
      const { logSize, peaks } = executor.head;
      const frontier = Frontier.fromHashes(logSize, peaks);
      for (const entry of block.commit.entries) frontier.append(leafHash(entry));
    });
    timed('store', () => settle(block));
  }
  await store.close();
  rmSync(folder, { recursive: true, force: true });
  return { load, transfers, rows: rowsOf(stages, transfers) };
}
