// A small ledger for tests: four validators and members, users with known keys, a memory store and an executor on it.
import { approveArguments, proposeArguments } from '../../contracts/consortium.ts';
import { type Change, defaultParameters, type Parameters } from '../../contracts/consortium-state.ts';
import type { Contract, Role } from '../../contracts/contract.ts';
import { contracts as registry } from '../../contracts/registry.ts';
import type { Genesis } from '../../genesis/genesis.ts';
import { type ExecutedBlock, Executor, isBlockProblem, type Proposed } from '../../node/execution/executor.ts';
import { genesisCommit } from '../../node/execution/genesis-commit.ts';
import type { BlockProblem } from '../../node/execution/header-rules.ts';
import { TransactionCache } from '../../node/execution/transaction-cache.ts';
import type { CommitCertificate } from '../../node/ledger/certificate.ts';
import { type LogName, originOf } from '../../node/ledger/checkpoint.ts';
import type { Value } from '../../node/ledger/codec.ts';
import { checkpointNote, cosignatureMessage, type StableCheckpoint } from '../../node/ledger/cosignature.ts';
import { decodeEntry, type LineEntry, type TransactionEntry } from '../../node/ledger/entry.ts';
import { digestBytes, digestOf, sha256, toHex } from '../../node/ledger/hash.ts';
import { Frontier } from '../../node/ledger/merkle.ts';
import { deriveSeed, publicKeyOf, sign } from '../../node/ledger/signature.ts';
import { bodyOf, decodeTransaction, signTransaction, type Transaction } from '../../node/ledger/transaction.ts';
import { keyKinds, keyProofMessage, quorumOf, type Validator } from '../../node/ledger/validators.ts';
import { voteMessage } from '../../node/ledger/vote.ts';
import { MemoryStore } from '../../node/store/memory-store.ts';

export const members = ['NORTH', 'SOUTH', 'EAST', 'WEST'] as const;
export const genesisTime = Date.UTC(2026, 0, 1);
export const nonce = sha256(new TextEncoder().encode('test nonce'));

export function seedOf(name: string): Uint8Array {
  return sha256(new TextEncoder().encode(`seed of ${name}`));
}

export interface Signer {
  readonly member: string;
  readonly user: string;
  readonly seed: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly roles: readonly Role[];
}

export function signer(member: string, user: string, ...roles: Role[]): Signer {
  const seed = seedOf(`${member}/${user}`);
  return { member, user, seed, publicKey: publicKeyOf(seed), roles };
}

/** By vote key: from which seed a validator's keys were made, so that it can sign in whatever set it sits. */
const seedNames = new Map<string, string>();
export const seedBehind = ({ voteKey }: Pick<Validator, 'voteKey'>): Uint8Array =>
  seedOf(seedNames.get(toHex(voteKey)) ?? 'nobody');

export function validator(id: string, member: string, scope: Uint8Array = nonce): Validator {
  const seed = seedOf(id);
  const seeds = keyKinds.map((kind) => [kind, deriveSeed(seed, kind)] as const);
  const keys = Object.fromEntries(seeds.map(([kind, each]) => [`${kind}Key`, publicKeyOf(each)]));
  const voteSeed = seeds.find(([kind]) => kind === 'vote')?.[1];
  if (voteSeed !== undefined) seedNames.set(toHex(publicKeyOf(voteSeed)), id);
  const proofs = seeds.map(([kind, each]) => {
    return [`${kind}Proof`, sign(keyProofMessage(scope, member, kind, publicKeyOf(each)), each)] as const;
  });
  return { id, member, ...keys, ...Object.fromEntries(proofs) } as Validator;
}

export const officers = Object.fromEntries(members.map((member) => [member, signer(member, 'officer', 'officer')])) as {
  [member in (typeof members)[number]]: Signer;
};
export const tellers = Object.fromEntries(members.map((member) => [member, signer(member, 'teller', 'teller')])) as {
  [member in (typeof members)[number]]: Signer;
};
export const clearing = signer('NORTH', 'clearing', 'clearing');
export const auditor = signer('NORTH', 'auditor', 'auditor');
const everyone = [...Object.values(officers), ...Object.values(tellers), clearing, auditor];

export function testGenesis(parameters: Partial<Parameters> = {}): Genesis {
  return {
    name: 'daybook.example/test',
    nonce,
    timestamp: genesisTime,
    parameters: { ...defaultParameters, ...parameters },
    validators: members.map((member, i) => validator(`node-${i}`, member)),
    consortium: {
      members: members.map((id) => ({ id, name: `${id} branch` })),
      users: everyone.map(({ member, user, publicKey, roles }) => ({ member, user, publicKey, roles })),
    },
    payments: { issuance: [{ currency: 'CZK', amount: 1_000_000_00n }] },
  };
}

export interface Outcome {
  readonly outcome: string;
  readonly entry: TransactionEntry | LineEntry;
}

/** The outcomes of a block's entries, without the header. */
export function outcomesOf(block: ExecutedBlock): Outcome[] {
  return block.commit.entries.slice(0, -1).map((bytes) => {
    const entry = decodeEntry(bytes);
    if (entry.kind !== 1 && entry.kind !== 2) throw new Error(`an entry of kind ${entry.kind}`);
    return { outcome: entry.outcome, entry };
  });
}

/** All that a block is, as texts, to compare two of them. */
export function factsOf(block: ExecutedBlock | BlockProblem): unknown {
  if (isBlockProblem(block)) return block;
  const { entries, nodes, writes, ...rest } = block.commit;
  return {
    digest: block.digest,
    ids: block.transactions.map(({ id }) => id),
    tree: toHex(block.tree.root),
    entries: entries.map(toHex),
    nodes: nodes.map(({ level, index, hash }) => `${level}/${index} ${toHex(hash)}`),
    writes: writes.map(([path, value]) => [path, value && toHex(value)]),
    ...rest,
  };
}

export class TestLedger {
  readonly store: MemoryStore;
  readonly executor: Executor;
  readonly chainId: Uint8Array;
  readonly genesis: Genesis;
  lastCommit: CommitCertificate | undefined;
  time = genesisTime;
  #references = 0;

  constructor(genesis: Genesis = testGenesis(), contracts: readonly Contract[] = registry) {
    const { commit, tree } = genesisCommit(genesis, contracts);
    this.genesis = genesis;
    this.chainId = digestBytes(commit.head.digest);
    this.store = new MemoryStore({ chainId: commit.head.digest, validator: 'node-0', format: 1 }, commit);
    const cache = new TransactionCache();
    this.executor = new Executor({ store: this.store, chainId: this.chainId, contracts, tree, cache });
  }

  transaction(by: Signer, contract: string, method: string, args: Value, reference?: string): Transaction {
    const fields = {
      chainId: this.chainId,
      member: by.member,
      reference: reference ?? `R${++this.#references}`,
      validUntil: this.time + 3_600_000,
      contract,
      method,
      args,
    };
    // Decoded again, as it would come from a client.
    return decodeTransaction(Uint8Array.from(signTransaction(bodyOf(fields), by.seed, by.publicKey).bytes));
  }

  propose(...candidates: Transaction[]): Proposed {
    return this.executor.propose({ proposer: 0, timestamp: this.time + 1, lastCommit: this.lastCommit, candidates });
  }

  /** A quorum's certificate for a block. */
  certify({ header: { epoch, height }, digest }: ExecutedBlock, view = 0): CommitCertificate {
    const position = { epoch, view, height, digest };
    const message = voteMessage('commit', this.chainId, position);
    const signers = this.#quorumAt(height).map((each, i) => {
      return { validator: i, signature: sign(message, deriveSeed(seedBehind(each), 'vote')) };
    });
    return { ...position, signers };
  }

  /** In force at a height. */
  validatorsAt(height: number): readonly Validator[] {
    return this.executor.validatorsAt(height) ?? [];
  }

  #quorumAt(height: number): readonly Validator[] {
    const set = this.validatorsAt(height);
    return set.slice(0, quorumOf(set.length).size);
  }

  /** A change that registers keys made from a seed's name, for a validator to be or as the next ones of one that is. */
  learner(id: string, seed = id, member = 'NORTH'): Change {
    return { kind: 'add-learner', ...validator(seed, member, this.chainId), id };
  }

  /** Proposed and approved by three of four officers in one block. */
  govern(...changes: Change[]): Outcome[] {
    const reference = `G${++this.#references}`;
    const name = approveArguments({ member: 'NORTH', reference });
    const proposed = proposeArguments(changes, this.chainId);
    return this.settle(
      this.transaction(officers.NORTH, 'consortium', 'propose', proposed, reference),
      this.transaction(officers.EAST, 'consortium', 'approve', name),
      this.transaction(officers.WEST, 'consortium', 'approve', name),
    );
  }

  commit(block: ExecutedBlock): void {
    const certificate = this.certify(block);
    this.store.commit({ ...block.commit, certificate }, { record: new Uint8Array(1), putBodies: [], deleteBodies: [] });
    this.store.persistCheckpoints({ stable: [this.#cosign(block)] });
    this.executor.committed(block);
    this.lastCommit = certificate;
    this.time = block.header.timestamp;
  }

  /** As a note without any node's own line. */
  checkpointNote(height: number): Uint8Array | undefined {
    const checkpoint = this.store.checkpoint(height);
    return checkpoint && checkpointNote(this.logName, checkpoint, this.validatorsAt(height));
  }

  get logName(): LogName {
    return { ledger: this.genesis.name, chainId: digestOf(this.chainId) };
  }

  /** What the validators say of the log once the block is durable. */
  #cosign({ commit: { head } }: ExecutedBlock): StableCheckpoint {
    const origin = originOf(this.logName);
    const treeHead = { size: head.logSize, root: digestOf(Frontier.fromHashes(head.logSize, head.peaks).root()) };
    const time = Math.floor(head.timestamp / 1_000);
    const cosignatures = this.#quorumAt(head.height).map((each, validator) => {
      const seed = deriveSeed(seedBehind(each), 'audit');
      return { validator, time, signature: sign(cosignatureMessage({ origin, ...treeHead }, time), seed) };
    });
    return { height: head.height, ...treeHead, cosignatures };
  }

  /** Orders the transactions in one block and answers with the outcome of each entry. */
  settle(...transactions: Transaction[]): Outcome[] {
    const { block, left } = this.propose(...transactions);
    if (block === undefined || left.length > 0) throw new Error(`left out: ${JSON.stringify(left)}`);
    this.commit(block);
    return outcomesOf(block);
  }

  /** Settles one call and answers with its code. */
  call(by: Signer, contract: string, method: string, args: Value, reference?: string): string {
    return this.settle(this.transaction(by, contract, method, args, reference))[0]?.outcome ?? 'nothing';
  }
}
