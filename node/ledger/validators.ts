// The validator set of an epoch: who votes, with which keys, in which order. Index in the list is the validator's
// number in votes, certificates and the primary's formula.
import { assert } from './assert.ts';
import { type Digest, digestOf, taggedHash } from './hash.ts';
import { hash, identifier, name, publicKey, signature } from './identifiers.ts';
import { validatorsMax, validatorsMin } from './limits.ts';
import { encodeAs, list, oneOf, record, type TypeOf, uint } from './schema.ts';
import { checkPublicKey, PublicKeyError, verify } from './signature.ts';
import { taggedMessage } from './tagged.ts';

/** What a key of a validator is for. One seed, three keys: a signature of one kind can never serve as another. */
export const keyKinds = ['vote', 'audit', 'network'] as const;
export type KeyKind = (typeof keyKinds)[number];

export const validatorSchema = record({
  id: name,
  member: identifier,
  voteKey: publicKey,
  auditKey: publicKey,
  networkKey: publicKey,
  voteProof: signature,
  auditProof: signature,
  networkProof: signature,
});
export type Validator = TypeOf<typeof validatorSchema>;

/** Fewer than four tolerate no fault; more than 100 was never measured. */
export const validatorSetSchema = list(validatorSchema, validatorsMin, validatorsMax);
export type ValidatorSet = readonly Validator[];

/** Payload of the event that says a new set: its epoch, the first height that it votes for, and the whole set. */
export const validatorsChangedSchema = record({ epoch: uint, from: uint, validators: validatorSetSchema });

const proofSchema = record({ scope: hash, member: identifier, kind: oneOf(keyKinds), key: publicKey });

export function validatorSetHash(set: ValidatorSet): Digest {
  return digestOf(taggedHash('daybook/validators/v1', encodeAs(validatorSetSchema, set)));
}

/** What a proof of possession signs. `scope` is the genesis nonce in a genesis document and the chainId afterwards. */
export function keyProofMessage(scope: Uint8Array, member: string, kind: KeyKind, key: Uint8Array): Uint8Array {
  return taggedMessage('daybook/key-proof/v1', encodeAs(proofSchema, { scope, member, kind, key }));
}

/** What is wrong with a validator's keys or proofs, or undefined. */
export function validatorProblem(validator: Validator, scope: Uint8Array): string | undefined {
  const keys: readonly (readonly [KeyKind, Uint8Array, Uint8Array])[] = [
    ['vote', validator.voteKey, validator.voteProof],
    ['audit', validator.auditKey, validator.auditProof],
    ['network', validator.networkKey, validator.networkProof],
  ];
  for (const [kind, key, proof] of keys) {
    const problem = publicKeyProblem(key);
    if (problem !== undefined) return `the ${kind} key of validator ${validator.id}: ${problem}`;
    if (!verify(keyProofMessage(scope, validator.member, kind, key), proof, key))
      return `the ${kind} key of validator ${validator.id}: the proof of possession does not verify`;
  }
  return undefined;
}

/** What is wrong with a public key that somebody wants to register, or undefined. */
export function publicKeyProblem(key: Uint8Array): string | undefined {
  try {
    checkPublicKey(key);
    return undefined;
  } catch (error) {
    if (error instanceof PublicKeyError) return error.message;
    throw error;
  }
}

/** n validators, f of them may lie, any two quorums share an honest one (docs/consensus.md, Q1). */
export interface Quorum {
  readonly validators: number;
  readonly faulty: number;
  readonly size: number;
}

// [Q1]
export function quorumOf(validators: number): Quorum {
  assert(Number.isSafeInteger(validators) && validators >= 1, 'validators is a positive count');
  const faulty = Math.floor((validators - 1) / 3);
  const size = Math.floor((validators + faulty) / 2) + 1;
  assert(2 * size - validators >= faulty + 1, 'any two quorums share an honest validator');
  assert(size <= validators - faulty, 'the honest validators are a quorum');
  return { validators, faulty, size };
}
