// How fast does an auditor get through a log? Builds a chain of transfers in memory (20,000, or the number given), once
// single and once in batches; prints entries per second for the formats alone, with replay, and from an archive.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultParameters } from '../contracts/consortium-state.ts';
import { batchArguments, openArguments, transferArguments } from '../contracts/payments.ts';
import { contracts } from '../contracts/registry.ts';
import type { Genesis } from '../genesis/genesis.ts';
import { exportArchive } from '../node/audit/archive.ts';
import { ArchiveSource } from '../node/audit/archive-source.ts';
import { verify } from '../node/audit/audit.ts';
import { type Verdict, verdictLine } from '../node/audit/finding.ts';
import { StoreSource } from '../node/audit/source.ts';
import { verifyFormat } from '../node/audit/verify.ts';
import { Executor } from '../node/execution/executor.ts';
import { genesisCommit } from '../node/execution/genesis-commit.ts';
import { TransactionCache } from '../node/execution/transaction-cache.ts';
import type { CommitCertificate } from '../node/ledger/certificate.ts';
import type { Value } from '../node/ledger/codec.ts';
import { digestBytes, sha256 } from '../node/ledger/hash.ts';
import { deriveSeed, engineName, publicKeyOf, sign } from '../node/ledger/signature.ts';
import { bodyOf, signTransaction, type Transaction } from '../node/ledger/transaction.ts';
import { type KeyKind, keyKinds, keyProofMessage, type Validator } from '../node/ledger/validators.ts';
import { voteMessage } from '../node/ledger/vote.ts';
import { MemoryStore } from '../node/store/memory-store.ts';

const transfers = Number(process.argv[2] ?? 20_000);
const perBlock = 500;
const perBatch = 100;
const accounts = 1_000;
const seedOf = (name: string) => sha256(new TextEncoder().encode(name));
const nonce = seedOf('nonce');
const clearingSeed = seedOf('clearing');
const clearingKey = publicKeyOf(clearingSeed);

function validator(i: number): Validator {
  const keyOf = (kind: KeyKind) => deriveSeed(seedOf(`v${i}`), kind);
  const proof = (kind: KeyKind) => sign(keyProofMessage(nonce, 'BANK', kind, publicKeyOf(keyOf(kind))), keyOf(kind));
  const [vote, audit, network] = keyKinds;
  return {
    ...{ id: `v${i}`, member: 'BANK' },
    ...{ voteKey: publicKeyOf(keyOf(vote)), voteProof: proof(vote) },
    ...{ auditKey: publicKeyOf(keyOf(audit)), auditProof: proof(audit) },
    ...{ networkKey: publicKeyOf(keyOf(network)), networkProof: proof(network) },
  };
}

const genesis: Genesis = {
  name: 'daybook.example/bench',
  nonce,
  timestamp: Date.UTC(2026, 0, 1),
  parameters: defaultParameters,
  validators: [0, 1, 2, 3].map(validator),
  consortium: {
    members: [{ id: 'BANK', name: 'Bank' }],
    users: [{ member: 'BANK', user: 'clearing', publicKey: clearingKey, roles: ['clearing'] }],
  },
  payments: { issuance: [{ currency: 'EUR', amount: 10n ** 15n }] },
};

class Chain {
  readonly store: MemoryStore;
  readonly #executor: Executor;
  readonly #chainId: Uint8Array;
  #last: CommitCertificate | undefined;
  #references = 0;

  constructor() {
    const { commit, tree } = genesisCommit(genesis, contracts);
    this.#chainId = digestBytes(commit.head.digest);
    this.store = new MemoryStore({ chainId: commit.head.digest, validator: 'v0', format: 1 }, commit);
    const cache = new TransactionCache();
    this.#executor = new Executor({ store: this.store, chainId: this.#chainId, contracts, tree, cache });
  }

  reference(): string {
    return `R${++this.#references}`;
  }

  transaction(method: string, args: Value): Transaction {
    const validUntil = this.store.head().timestamp + 3_600_000;
    const body = bodyOf({
      ...{ chainId: this.#chainId, member: 'BANK', reference: this.reference(), validUntil },
      ...{ contract: 'payments', method, args },
    });
    return signTransaction(body, clearingSeed, clearingKey);
  }

  settle(candidates: readonly Transaction[]): void {
    const timestamp = this.store.head().timestamp + 100;
    const { block } = this.#executor.propose({ proposer: 0, timestamp, lastCommit: this.#last, candidates });
    if (block === undefined || block.transactions.length !== candidates.length)
      throw new Error('a block was left short');
    const position = { epoch: 0, view: 0, height: block.header.height, digest: block.digest };
    const message = voteMessage('commit', this.#chainId, position);
    const signers = [0, 1, 2].map((i) => {
      return { validator: i, signature: sign(message, deriveSeed(seedOf(`v${i}`), 'vote')) };
    });
    this.#last = { ...position, signers };
    const vote = { record: new Uint8Array(1), putBodies: [], deleteBodies: [] };
    this.store.commit({ ...block.commit, certificate: this.#last }, vote);
    this.#executor.committed(block);
  }
}

function transferArgs(i: number) {
  const from = `A-${(i * 7) % accounts}`;
  const to = `A-${(i * 7 + 1 + (i % 11)) % accounts}`;
  return { from, to, amount: BigInt(1 + (i % 500)), currency: 'EUR', purpose: '', date: '' };
}

function build(batched: boolean): Chain {
  const chain = new Chain();
  const opening = Array.from({ length: accounts }, (_, i) => {
    const terms = { account: `A-${i}`, branch: 'BANK', currency: 'EUR', overdraftLimit: undefined };
    return chain.transaction('open', openArguments({ ...terms, openingBalance: 1_000_00n }));
  });
  for (let i = 0; i < accounts; i += perBlock) chain.settle(opening.slice(i, i + perBlock));
  for (let i = 0; i < transfers; i += perBlock) {
    const args = Array.from({ length: Math.min(perBlock, transfers - i) }, (_, j) => transferArgs(i + j));
    if (!batched) chain.settle(args.map((each) => chain.transaction('transfer', transferArguments(each))));
    else {
      const batches: Transaction[] = [];
      for (let j = 0; j < args.length; j += perBatch) {
        const lines = args.slice(j, j + perBatch).map((each) => ({ reference: chain.reference(), args: each }));
        batches.push(chain.transaction('batch', batchArguments(lines)));
      }
      chain.settle(batches);
    }
  }
  return chain;
}

async function timed(title: string, work: () => Promise<Verdict>): Promise<void> {
  const start = performance.now();
  const verdict = await work();
  const seconds = (performance.now() - start) / 1000;
  if (!verdict.ok) throw new Error(verdictLine(verdict));
  const rate = Math.round(verdict.counts.entries / seconds);
  const { entries, signatures } = verdict.counts;
  console.log(
    `  ${title}: ${rate} entries/s (${entries} entries, ${signatures} signatures in ${seconds.toFixed(2)} s)`,
  );
}

const folder = mkdtempSync(join(tmpdir(), 'daybook-bench-audit-'));
try {
  console.log(`audit of ${transfers} transfers, node ${process.version}, signatures by ${engineName}`);
  for (const batched of [false, true]) {
    const chain = build(batched);
    const source = new StoreSource(chain.store);
    const expected = { genesis };
    console.log(batched ? `in batches of ${perBatch}` : 'each its own signed transaction');
    await timed('formats, from memory', () => verifyFormat(source, expected));
    await timed('formats and replay, from memory', () => verify(source, expected));
    const archive = join(folder, String(batched));
    const start = performance.now();
    const { entries, files } = await exportArchive(source, archive);
    console.log(
      `  export: ${entries} entries to ${files} files in ${((performance.now() - start) / 1000).toFixed(2)} s`,
    );
    await timed('formats and replay, from an archive', () => verify(new ArchiveSource(archive), expected));
  }
} finally {
  rmSync(folder, { recursive: true });
}
