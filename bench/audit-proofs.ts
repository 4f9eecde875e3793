// What proofs cost: receipts under seven validators, and balances where the state holds a million accounts.
import { encodeBalanceProof, verifyBalanceProof } from '../node/audit/balance-proof.ts';
import { verifyProofReceipt } from '../node/audit/receipt-check.ts';
import { stateKey } from '../node/execution/state-path.ts';
import { originOf } from '../node/ledger/checkpoint.ts';
import { checkpointNote, noteSignature } from '../node/ledger/cosignature.ts';
import { encodeStateProof } from '../node/ledger/ics23.ts';
import { inclusionPath } from '../node/ledger/merkle.ts';
import { publicKeyOf, sign } from '../node/ledger/signature.ts';
import { encodeReceiptExtra, formatProof } from '../node/ledger/tlog-proof.ts';
import { verifierKey } from '../node/ledger/verifier-key.ts';
import type { Store } from '../node/store/store.ts';
import { type AuditChain, accountPath, idleAccount } from './audit-chain.ts';

export interface ProofFigures {
  /** On average. */
  readonly bytes: number;
  readonly bytesMax: number;
  /** Microseconds of processor time each: the same on a busy machine. */
  readonly makeUs: number;
  readonly verifyUs: number;
}

const rounds = 500;

/** The last stable checkpoint as a node serves it: with a line of its own besides the validators'. */
function noteOf({ store, log, genesis }: AuditChain<Store>): { note: Uint8Array; size: number; height: number } {
  const checkpoint = store.lastCheckpoint();
  if (checkpoint === undefined) throw new Error('no checkpoint');
  const seed = new Uint8Array(32).fill(9);
  const key = verifierKey(originOf(log), 'note', publicKeyOf(seed));
  const own = noteSignature(key, sign(new Uint8Array(100), seed)); // its bytes count here, not what they sign
  const note = checkpointNote(log, checkpoint, genesis.validators, [own]);
  return { note, size: checkpoint.size, height: checkpoint.height };
}

function pathTo({ store }: AuditChain<Store>, index: number, size: number): Uint8Array[] {
  return inclusionPath((level, at) => store.node(level, at), index, size);
}

function measured(make: (i: number) => Uint8Array, judge: (proof: Uint8Array) => void): ProofFigures {
  const timed = <T>(work: () => T): [T, number] => {
    const before = process.cpuUsage();
    const result = work();
    const { user, system } = process.cpuUsage(before);
    return [result, (user + system) / rounds];
  };
  for (let i = 0; i < rounds; i++) judge(make(i)); // meanwhile the code is compiled
  const [proofs, makeUs] = timed(() => Array.from({ length: rounds }, (_, i) => make(i)));
  const [, verifyUs] = timed(() => proofs.forEach(judge));
  const sizes = proofs.map(({ length }) => length);
  const bytes = sizes.reduce((sum, size) => sum + size, 0) / rounds;
  return { bytes, bytesMax: Math.max(...sizes), makeUs, verifyUs };
}

export function measureReceipts(chain: AuditChain<Store>): ProofFigures {
  const { note, size } = noteOf(chain);
  const make = (i: number): Uint8Array => {
    const index = 1_003 + ((i * 7_919) % (size - 1_010));
    const entry = chain.store.entry(index) ?? new Uint8Array(0);
    return formatProof({ extra: encodeReceiptExtra(entry), index, path: pathTo(chain, index, size), note });
  };
  return measured(make, (proof) => verifyProofReceipt(proof, chain.genesis));
}

export function measureBalances(chain: AuditChain<Store>, idle: number): ProofFigures {
  const { note, size } = noteOf(chain);
  const header = chain.store.entry(size - 1) ?? new Uint8Array(0);
  const anchor = { setChanges: [], checkpoint: note, header, headerPath: pathTo(chain, size - 1, size) };
  const make = (i: number): Uint8Array => {
    const account = idleAccount((i * 7_919) % idle);
    const key = stateKey(accountPath(account));
    const recordOf = () => chain.store.get(accountPath(account)) ?? new Uint8Array(0);
    const state = encodeStateProof(chain.tree.prove(key), key, recordOf);
    const format = 'daybook/balance-proof/v1' as const;
    return encodeBalanceProof({ format, account, anchor, state, before: undefined, after: undefined });
  };
  return measured(make, (proof) => verifyBalanceProof(proof, chain.genesis));
}
