// The little ledger behind every worked example of docs/formats.md: two members, four validators, three blocks. All of
// it follows from names, since the seed of each key is the SHA-256 of its owner's name.
import { approveArguments, proposeArguments } from '../../contracts/consortium.ts';
import { defaultParameters } from '../../contracts/consortium-state.ts';
import type { Role } from '../../contracts/contract.ts';
import { batchArguments, openArguments, transferArguments } from '../../contracts/payments.ts';
import { contracts } from '../../contracts/registry.ts';
import type { Genesis } from '../../genesis/genesis.ts';
import { type ExecutedBlock, Executor } from '../../node/execution/executor.ts';
import { genesisCommit } from '../../node/execution/genesis-commit.ts';
import { TransactionCache } from '../../node/execution/transaction-cache.ts';
import type { CommitCertificate, Signer } from '../../node/ledger/certificate.ts';
import { checkpointText, type LogName, originOf } from '../../node/ledger/checkpoint.ts';
import type { Value } from '../../node/ledger/codec.ts';
import {
  checkpointNote,
  cosignatureMessage,
  noteSignature,
  type StableCheckpoint,
} from '../../node/ledger/cosignature.ts';
import { digestBytes, digestOf, sha256 } from '../../node/ledger/hash.ts';
import { Frontier } from '../../node/ledger/merkle.ts';
import { deriveSeed, publicKeyOf, sign } from '../../node/ledger/signature.ts';
import { bodyOf, signTransaction, type Transaction } from '../../node/ledger/transaction.ts';
import { type KeyKind, keyProofMessage, type Validator } from '../../node/ledger/validators.ts';
import { verifierKey } from '../../node/ledger/verifier-key.ts';
import { type VoteKind, type VotePosition, voteMessage } from '../../node/ledger/vote.ts';
import { MemoryStore } from '../../node/store/memory-store.ts';

export const nonce = Uint8Array.from({ length: 32 }, (_, i) => i);
const genesisTime = Date.UTC(2026, 0, 1);
const validatorIds = ['validator-1', 'validator-2', 'validator-3', 'validator-4'] as const;

export function seedOf(name: string): Uint8Array {
  return sha256(new TextEncoder().encode(name));
}

export function validatorKey(id: string, kind: KeyKind): Uint8Array {
  return publicKeyOf(deriveSeed(seedOf(id), kind));
}

function validatorOf(id: string, member: string): Validator {
  const key = (kind: KeyKind) => validatorKey(id, kind);
  const proof = (kind: KeyKind) => sign(keyProofMessage(nonce, member, kind, key(kind)), deriveSeed(seedOf(id), kind));
  return {
    ...{ id, member, voteKey: key('vote'), auditKey: key('audit'), networkKey: key('network') },
    ...{ voteProof: proof('vote'), auditProof: proof('audit'), networkProof: proof('network') },
  };
}

export function userOf(member: string, user: string, roles: readonly Role[]) {
  return { member, user, publicKey: publicKeyOf(seedOf(`${member}/${user}`)), roles };
}

export const genesis: Genesis = {
  name: 'daybook.example',
  nonce,
  timestamp: genesisTime,
  parameters: defaultParameters,
  validators: validatorIds.map((id, i) => validatorOf(id, i < 2 ? 'HQ' : 'NORTH')),
  consortium: {
    members: [
      { id: 'HQ', name: 'Head office' },
      { id: 'NORTH', name: 'Pobočka Sever' },
    ],
    users: [userOf('HQ', 'settlement', ['officer', 'clearing']), userOf('NORTH', 'anna', ['teller', 'officer'])],
  },
  payments: { issuance: [{ currency: 'CZK', amount: 1_000_000_00n }] },
};

const started = genesisCommit(genesis, contracts);
const { digest: chainDigest } = started.commit.head;
export const chainId = digestBytes(chainDigest);
export const store = new MemoryStore({ chainId: chainDigest, validator: 'validator-1', format: 1 }, started.commit);
const executor = new Executor({ store, chainId, contracts, tree: started.tree, cache: new TransactionCache() });

export function signedBy(validator: number, kind: VoteKind, position: VotePosition): Signer {
  const seed = deriveSeed(seedOf(validatorIds[validator] ?? ''), 'vote');
  return { validator, signature: sign(voteMessage(kind, chainId, position), seed) };
}

export const positionOf = (block: ExecutedBlock): VotePosition => {
  return { epoch: 0, view: 0, height: block.header.height, digest: block.digest };
};

function certify(block: ExecutedBlock): CommitCertificate {
  const position = positionOf(block);
  return { ...position, signers: [0, 1, 3].map((each) => signedBy(each, 'commit', position)) };
}

function transaction(by: string, reference: string, method: string, args: Value): Transaction {
  const [member = ''] = by.split('/');
  const contract = method === 'propose' || method === 'approve' ? 'consortium' : 'payments';
  const validUntil = genesisTime + 3_600_000;
  const body = bodyOf({ chainId, member, reference, validUntil, contract, method, args });
  return signTransaction(body, seedOf(by), publicKeyOf(seedOf(by)));
}

let lastCommit: CommitCertificate | undefined;
function settle(...candidates: readonly Transaction[]): ExecutedBlock {
  const height = executor.head.height + 1;
  const { block } = executor.propose({ proposer: 0, timestamp: genesisTime + height * 1_000, lastCommit, candidates });
  if (block?.transactions.length !== candidates.length) throw new Error('every example transaction is ordered');
  lastCommit = certify(block);
  const record = new Uint8Array(0);
  store.commit({ ...block.commit, certificate: lastCommit }, { record, putBodies: [], deleteBodies: [] });
  executor.committed(block);
  return block;
}

const account = { branch: 'NORTH', currency: 'CZK', overdraftLimit: 0n };
const payment = { from: 'N-1', to: 'N-2', currency: 'CZK', date: '2026-01-02' };

/** Opens two accounts, the first with 1,000.00 CZK that are issued for it. */
export const opening = transaction(
  'HQ/settlement',
  'OPEN-1',
  'open',
  openArguments({ account: 'N-1', ...account, openingBalance: 1_000_00n }),
);
const openingEmpty = transaction(
  'HQ/settlement',
  'OPEN-2',
  'open',
  openArguments({ account: 'N-2', ...account, overdraftLimit: undefined, openingBalance: 0n }),
);
/** 125.00 CZK, then a batch whose second line asks for more than there is. */
export const transfer = transaction(
  'NORTH/anna',
  'INV-2026-0001',
  'transfer',
  transferArguments({ ...payment, amount: 125_00n, purpose: 'Nájem 01/2026' }),
);
export const batch = transaction(
  'NORTH/anna',
  'FILE-1',
  'batch',
  batchArguments([
    { reference: 'FILE-1-1', args: { ...payment, amount: 10_00n, purpose: '' } },
    { reference: 'FILE-1-2', args: { ...payment, amount: 5_000_00n, purpose: '' } },
  ]),
);
export const proposal = transaction(
  'HQ/settlement',
  'ADD-BEN',
  'propose',
  proposeArguments([{ kind: 'add-user', ...userOf('NORTH', 'ben', ['teller']) }]),
);
export const approval = transaction(
  'NORTH/anna',
  'YES-BEN',
  'approve',
  approveArguments({ member: 'HQ', reference: 'ADD-BEN' }),
);

/** Entries: 0 genesis; 1, 2, 3 (header); 4, 5, 6, 7, 8 (header); 9, 10, 11 (header). */
export const blocks = [settle(opening, openingEmpty), settle(transfer, batch), settle(proposal, approval)] as const;
export const stateTree = executor.tree;

export const logName: LogName = { ledger: genesis.name, chainId: chainDigest };
const logSeed = deriveSeed(seedOf(validatorIds[0]), 'log');
export const logKey = verifierKey(originOf(logName), 'note', publicKeyOf(logSeed));

/** Of block 2, cosigned like its certificate. */
export const checkpoint = stableAt(2);

function stableAt(height: 1 | 2 | 3): StableCheckpoint {
  const { head } = blocks[height - 1]?.commit ?? blocks[0].commit;
  const treeHead = { size: head.logSize, root: digestOf(Frontier.fromHashes(head.logSize, head.peaks).root()) };
  const time = Math.floor(head.timestamp / 1_000) + 1;
  const cosignatures = [0, 1, 3].map((validator) => {
    const seed = deriveSeed(seedOf(validatorIds[validator] ?? ''), 'audit');
    const message = cosignatureMessage({ origin: originOf(logName), ...treeHead }, time);
    return { validator, time, signature: sign(message, seed) };
  });
  return { height, ...treeHead, cosignatures };
}

store.persistCheckpoints({ stable: [stableAt(1), checkpoint, stableAt(3)] });

/** As validator-1 serves it. */
export function checkpointBytes(): Uint8Array {
  const text = new TextEncoder().encode(checkpointText({ origin: originOf(logName), ...checkpoint }));
  return checkpointNote(logName, checkpoint, genesis.validators, [noteSignature(logKey, sign(text, logSeed))]);
}

export function entryAt(index: number): Uint8Array {
  const entry = store.entry(index);
  if (entry === undefined) throw new Error(`no entry ${index}`);
  return entry;
}

export function certificateAt(height: number): CommitCertificate {
  const certificate = store.certificate(height);
  if (certificate === undefined) throw new Error(`no certificate ${height}`);
  return certificate;
}
