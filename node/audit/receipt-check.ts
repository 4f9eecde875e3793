// Judges a receipt (C2SP tlog-proof) with no network: the entry in it, its place in the log, and a quorum of
// cosignatures over that log. Whoever holds the genesis document needs nothing else; a policy may ask for more.
import type { Genesis } from '../../genesis/genesis.ts';
import { type Checkpoint, originOf } from '../ledger/checkpoint.ts';
import { DecodeError } from '../ledger/codec.ts';
import { decodeEntry, type Entry } from '../ledger/entry.ts';
import { digestBytes, leafHash } from '../ledger/hash.ts';
import { verifyInclusion } from '../ledger/merkle.ts';
import type { Note } from '../ledger/note.ts';
import type { SetChain } from '../ledger/set-chain.ts';
import { decodeReceiptExtra, parseProof, type TlogProof } from '../ledger/tlog-proof.ts';
import { logNameOf } from './anchor.ts';
import { FindingError } from './chain.ts';
import { cosignersProblem, readCheckpoint } from './checkpoint-check.ts';
import type { Rule } from './finding.ts';
import { type Policy, policyProblem } from './policy.ts';
import { judgeByPolicy } from './policy-fit.ts';

export interface ProvenEntry {
  readonly index: number;
  readonly entry: Entry;
  readonly bytes: Uint8Array;
  readonly checkpoint: Checkpoint;
}

export interface ReceiptTrust {
  readonly policy?: Policy | undefined;
  /** Changes of the validators since genesis, proved; without them, those of genesis sign. */
  readonly sets?: SetChain | undefined;
}

/** Throws FindingError. */
export function verifyProofReceipt(
  proof: Uint8Array,
  genesis: Genesis,
  { policy, sets }: ReceiptTrust = {},
): ProvenEntry {
  const parsed = decoded('proof-form', () => parseProof(proof));
  const extra = parsed.extra ?? failed('proof-form', 'there is no extra line with the entry');
  const bytes = decoded('proof-form', () => decodeReceiptExtra(extra));
  const entry = decoded('proof-entry', () => decodeEntry(bytes));
  const log = logNameOf(genesis);
  const { checkpoint, note } = readCheckpoint(parsed.note, { height: 0 });
  if (checkpoint.origin !== originOf(log))
    failed('checkpoint-origin', `it is of ${checkpoint.origin}, not of ${originOf(log)}`);
  const { epoch, validators } = sets?.ofSize(checkpoint.size) ?? { epoch: 0, validators: genesis.validators };
  const problem = cosignersProblem({ checkpoint, note }, log, validators);
  if (problem !== undefined) failed('checkpoint-quorum', `${problem}; judged by the validators of epoch ${epoch}`);
  const wrong = proofProblem(parsed, leafHash(bytes), checkpoint);
  if (wrong !== undefined) failed('proof-path', wrong);
  const unmet = policy && judgeByPolicy(policy, log, validators, { checkpoint, note });
  if (unmet !== undefined) failed(unmet.rule, unmet.detail);
  return { index: parsed.index, entry, bytes, checkpoint };
}

/** A proof of any log, under a policy alone: why the leaf is not proved to be in it, or undefined. */
export function verifyTlogProof(proof: Uint8Array, leaf: Uint8Array, policy: Policy): string | undefined {
  try {
    const parsed = parseProof(proof);
    const { checkpoint, note }: { checkpoint: Checkpoint; note: Note } = readCheckpoint(parsed.note, { height: 0 });
    return proofProblem(parsed, leaf, checkpoint) ?? policyProblem(policy, checkpoint, note);
  } catch (error) {
    if (error instanceof DecodeError || error instanceof FindingError) return error.message;
    throw error;
  }
}

function proofProblem({ index, path }: TlogProof, leaf: Uint8Array, { size, root }: Checkpoint): string | undefined {
  if (index >= size) return `index ${index} in a log of ${size} entries`;
  const isProved = verifyInclusion(leaf, index, size, path, digestBytes(root));
  return isProved ? undefined : `the path does not lead from entry ${index} to the root of the checkpoint`;
}

function failed(rule: Rule, detail: string): never {
  throw new FindingError({ height: 0, rule, detail });
}

function decoded<T>(rule: Rule, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof DecodeError) return failed(rule, error.message);
    throw error;
  }
}
