// A chain to be audited: accounts, then transfers, each its own signed transaction or as lines of batches, in blocks of
// 500 with certificates and cosignatures of a quorum; through the real executor into the store that is given.
import { accountsCollection } from '../contracts/accounts.ts';
import { defaultParameters } from '../contracts/consortium-state.ts';
import { batchArguments, openArguments, transferArguments } from '../contracts/payments.ts';
import { contracts } from '../contracts/registry.ts';
import type { Genesis } from '../genesis/genesis.ts';
import { Executor, stateChanges } from '../node/execution/executor.ts';
import { genesisCommit } from '../node/execution/genesis-commit.ts';
import { statePath } from '../node/execution/state-path.ts';
import type { StateTree } from '../node/execution/state-tree.ts';
import { TransactionCache } from '../node/execution/transaction-cache.ts';
import type { CommitCertificate } from '../node/ledger/certificate.ts';
import { type LogName, originOf } from '../node/ledger/checkpoint.ts';
import type { Value } from '../node/ledger/codec.ts';
import { cosignatureMessage, type StableCheckpoint } from '../node/ledger/cosignature.ts';
import { digestBytes, digestOf, sha256 } from '../node/ledger/hash.ts';
import { Frontier } from '../node/ledger/merkle.ts';
import { encodeAs } from '../node/ledger/schema.ts';
import { deriveSeed, publicKeyOf, sign } from '../node/ledger/signature.ts';
import { bodyOf, signTransaction, type Transaction } from '../node/ledger/transaction.ts';
import { type KeyKind, keyKinds, keyProofMessage, quorumOf, type Validator } from '../node/ledger/validators.ts';
import { voteMessage } from '../node/ledger/vote.ts';
import { MemoryStore } from '../node/store/memory-store.ts';
import type { BlockCommit, Head, Store, StoreIdentity } from '../node/store/store.ts';

export const transfersPerBlock = 500;
export const linesPerBatch = 100;
const accounts = 1_000;
const seedOf = (name: string) => sha256(new TextEncoder().encode(name));
const nonce = seedOf('nonce');
const clearingSeed = seedOf('clearing');
const clearingKey = publicKeyOf(clearingSeed);
const vote = { record: new Uint8Array(1), putBodies: [], deleteBodies: [] };

function validator(_: unknown, i: number): Validator {
  const keyOf = (kind: KeyKind) => deriveSeed(seedOf(`v${i}`), kind);
  const proof = (kind: KeyKind) => sign(keyProofMessage(nonce, 'BANK', kind, publicKeyOf(keyOf(kind))), keyOf(kind));
  const [voteKind, audit, network] = keyKinds;
  return {
    ...{ id: `v${i}`, member: 'BANK' },
    ...{ voteKey: publicKeyOf(keyOf(voteKind)), voteProof: proof(voteKind) },
    ...{ auditKey: publicKeyOf(keyOf(audit)), auditProof: proof(audit) },
    ...{ networkKey: publicKeyOf(keyOf(network)), networkProof: proof(network) },
  };
}

export function auditGenesis(validators: number): Genesis {
  return {
    name: 'daybook.example/bench',
    nonce,
    timestamp: Date.UTC(2026, 0, 1),
    parameters: defaultParameters,
    validators: Array.from({ length: validators }, validator),
    consortium: {
      members: [{ id: 'BANK', name: 'Bank' }],
      users: [{ member: 'BANK', user: 'clearing', publicKey: clearingKey, roles: ['clearing'] }],
    },
    payments: { issuance: [{ currency: 'EUR', amount: 10n ** 15n }] },
  };
}

/** Where the chain is written, begun with its genesis. */
export type StoreMaker<S extends Store> = (identity: StoreIdentity, genesis: BlockCommit) => S | Promise<S>;

export class AuditChain<S extends Store> {
  readonly store: S;
  readonly genesis: Genesis;
  readonly log: LogName;
  readonly #executor: Executor;
  readonly #chainId: Uint8Array;
  #last: CommitCertificate | undefined;
  #references = 0;

  private constructor(genesis: Genesis, store: S, { commit, tree }: Beginning) {
    this.store = store;
    this.genesis = genesis;
    this.log = { ledger: genesis.name, chainId: commit.head.digest };
    this.#chainId = digestBytes(commit.head.digest);
    const cache = new TransactionCache();
    this.#executor = new Executor({ store, chainId: this.#chainId, contracts, tree, cache });
  }

  /** With `idle` more accounts in the state of height 0 than anything opens, so that it is as large as wanted. */
  static async in<S extends Store>(make: StoreMaker<S>, { validators = 4, idle = 0 } = {}): Promise<AuditChain<S>> {
    const genesis = auditGenesis(validators);
    const begin = withIdle(genesisCommit(genesis, contracts), idle);
    const { head } = begin.commit;
    const store = await make({ chainId: head.digest, validator: 'v0', format: 1 }, begin.commit);
    const chain = new AuditChain(genesis, store, begin);
    chain.#openAccounts();
    return chain;
  }

  get tree(): StateTree {
    return this.#executor.tree;
  }

  /** Appends transfers in blocks of 500. */
  transfer(transfers: number, batched: boolean): void {
    for (let i = 0; i < transfers; i += transfersPerBlock) {
      const args = Array.from({ length: Math.min(transfersPerBlock, transfers - i) }, (_, j) => transferOf(i + j));
      if (!batched) this.#settle(args.map((each) => this.#transaction('transfer', transferArguments(each))));
      else {
        const batches: Transaction[] = [];
        for (let j = 0; j < args.length; j += linesPerBatch) {
          const lines = args.slice(j, j + linesPerBatch).map((each) => ({ reference: this.#reference(), args: each }));
          batches.push(this.#transaction('batch', batchArguments(lines)));
        }
        this.#settle(batches);
      }
    }
  }

  #openAccounts(): void {
    const opening = Array.from({ length: accounts }, (_, i) => {
      const terms = { account: `A-${i}`, branch: 'BANK', currency: 'EUR', overdraftLimit: undefined };
      return this.#transaction('open', openArguments({ ...terms, openingBalance: 1_000_00n }));
    });
    for (let i = 0; i < accounts; i += transfersPerBlock) this.#settle(opening.slice(i, i + transfersPerBlock));
  }

  #reference(): string {
    return `R${++this.#references}`;
  }

  #transaction(method: string, args: Value): Transaction {
    const validUntil = this.store.head().timestamp + 3_600_000;
    const body = bodyOf({
      ...{ chainId: this.#chainId, member: 'BANK', reference: this.#reference(), validUntil },
      ...{ contract: 'payments', method, args },
    });
    return signTransaction(body, clearingSeed, clearingKey);
  }

  #settle(candidates: readonly Transaction[]): void {
    const timestamp = this.store.head().timestamp + 100;
    const { block } = this.#executor.propose({ proposer: 0, timestamp, lastCommit: this.#last, candidates });
    if (block === undefined || block.transactions.length !== candidates.length)
      throw new Error('a block was left short');
    const position = { epoch: 0, view: 0, height: block.header.height, digest: block.digest };
    const message = voteMessage('commit', this.#chainId, position);
    const signers = this.#quorum().map((i) => {
      return { validator: i, signature: sign(message, deriveSeed(seedOf(`v${i}`), 'vote')) };
    });
    this.#last = { ...position, signers };
    this.store.commit({ ...block.commit, certificate: this.#last }, vote, {
      stable: [this.#cosigned(block.commit.head)],
    });
    this.#executor.committed(block);
  }

  #cosigned(head: Head): StableCheckpoint {
    const treeHead = { size: head.logSize, root: digestOf(Frontier.fromHashes(head.logSize, head.peaks).root()) };
    const time = Math.floor(head.timestamp / 1_000);
    const message = cosignatureMessage({ origin: originOf(this.log), ...treeHead }, time);
    const cosignatures = this.#quorum().map((i) => {
      return { validator: i, time, signature: sign(message, deriveSeed(seedOf(`v${i}`), 'audit')) };
    });
    return { height: head.height, ...treeHead, cosignatures };
  }

  #quorum(): number[] {
    return Array.from({ length: quorumOf(this.genesis.validators.length).size }, (_, i) => i);
  }
}

export const inMemory: StoreMaker<MemoryStore> = (identity, genesis) => new MemoryStore(identity, genesis);

interface Beginning {
  readonly commit: BlockCommit;
  readonly tree: StateTree;
}

export const idleAccount = (i: number): string => `IDLE-${i}`;
export const accountPath = (account: string): string => statePath('payments', accountsCollection.name, account);

function withIdle(begin: Beginning, idle: number): Beginning {
  const terms = { branch: 'BANK', currency: 'EUR', overdraftLimit: undefined, status: 'open' } as const;
  const record = (i: number) =>
    encodeAs(accountsCollection.schema, { ...terms, balance: BigInt(i), seq: i % 1_000, lastIndex: 0 });
  const writes = Array.from({ length: idle }, (_, i) => [accountPath(idleAccount(i)), record(i)] as const);
  const tree = begin.tree.update(stateChanges(writes));
  const head = { ...begin.commit.head, stateRoot: digestOf(tree.root) };
  return { tree, commit: { ...begin.commit, head, writes: [...begin.commit.writes, ...writes] } };
}

function transferOf(i: number) {
  const from = `A-${(i * 7) % accounts}`;
  const to = `A-${(i * 7 + 1 + (i % 11)) % accounts}`;
  return { from, to, amount: BigInt(1 + (i % 500)), currency: 'EUR', purpose: '', date: '' };
}
