// What the consortium keeps: members, their users and keys, the validator set, parameters and proposals; and the few
// questions that the host asks of it. How any of it changes is in consortium.ts.
import { DecodeError, type Value } from '../node/ledger/codec.ts';
import { toHex } from '../node/ledger/hash.ts';
import { identifier, name, publicKey, referenceText, userName } from '../node/ledger/identifiers.ts';
import { blockTransactionsMax } from '../node/ledger/limits.ts';
import {
  bytes,
  integer,
  list,
  oneOf,
  option,
  record,
  type Schema,
  type TypeOf,
  text,
  uint,
} from '../node/ledger/schema.ts';
import { type Validator, type ValidatorSet, validatorSchema, validatorSetSchema } from '../node/ledger/validators.ts';
import { type Collection, type Role, roles, type SignerIdentity, type StateReader } from './contract.ts';
import { variant } from './variant.ts';

export const consortiumName = 'consortium';

const rolesMask = 2 ** roles.length - 1;

/** A set of roles as one integer, a bit for each in the order of `roles`: a proposal names hundreds of users. */
export const roleSet: Schema<readonly Role[]> = {
  write: (held) => roles.reduce((mask, role, bit) => (held.includes(role) ? mask | (1 << bit) : mask), 0),
  read(value: Value) {
    if (typeof value !== 'number' || value < 1 || value > rolesMask) throw new DecodeError('no set of known roles');
    return roles.filter((_, bit) => (value & (1 << bit)) !== 0);
  },
};

export const memberNameText: Schema<string> = text(1, 70); // ISO 20022 Max70Text, as party names in SEPA
export const memberSchema = record({ id: identifier, name: memberNameText });
export const userSchema = record({ member: identifier, user: userName, publicKey, roles: roleSet });
export type Member = TypeOf<typeof memberSchema>;
export type User = TypeOf<typeof userSchema>;

/** Approvals of all of them fit a proposal's record. */
export const membersMax = 1_024;

const dayMs = 86_400_000;
/**
 * What the founders agree on; no proposal changes it in this version. A reference stays used for at least as long as it
 * can be sent.
 */
export const parametersSchema = record({
  validityMaxMs: integer(1_000, 366 * dayMs),
  referenceWindowMs: integer(1_000, 3_660 * dayMs),
  memberTransactionsMax: integer(1, blockTransactionsMax),
});
export type Parameters = TypeOf<typeof parametersSchema>;
export const defaultParameters: Parameters = {
  validityMaxMs: dayMs,
  referenceWindowMs: 35 * dayMs,
  memberTransactionsMax: blockTransactionsMax,
};

const compactUser = record({ user: userName, publicKey, roles: roleSet });
/** One thing that a proposal asks for. A proposal of 78 members with two users each fits a transaction. */
export const changeSchema = variant({
  'add-member': [0, record({ id: identifier, name: memberNameText, users: list(compactUser, 0, 64) })],
  'add-user': [1, userSchema],
  'deactivate-user': [2, record({ member: identifier, user: userName })],
  'add-learner': [3, validatorSchema],
  'remove-learner': [4, record({ id: name })],
  'add-validator': [5, record({ id: name })],
  'rotate-validator-keys': [6, record({ id: name })],
  'remove-validator': [7, record({ id: name })],
});
export type Change = TypeOf<typeof changeSchema>;
export const changesSchema = list(changeSchema, 1, 256);

export const proposalKey = record({ member: identifier, reference: referenceText });
/** A proposal is named by the member that made it and the reference it was made under. */
export type ProposalId = TypeOf<typeof proposalKey>;
export const proposalStatuses = ['open', 'enacted', 'failed'] as const;

export const memberRecords: Collection<{ readonly name: string }> = {
  name: 'members',
  schema: record({ name: memberNameText }),
};
/** Key `member/user` -> the user's public key. */
export const userRecords: Collection<Uint8Array> = { name: 'users', schema: bytes(32) };
/** Key: a public key in hex. A key stays here for ever, so that it never changes hands. */
const keyRecord = record({ member: identifier, user: userName, roles: roleSet, active: integer(0, 1) });
export const keyRecords: Collection<TypeOf<typeof keyRecord>> = { name: 'keys', schema: keyRecord };
/** Keys of validators, in hex -> which validator: no user may register one. */
export const validatorKeyRecords: Collection<string> = { name: 'validator-keys', schema: text(1, 34) };
/** Key: the id of a validator to be, or of one that is: then these are its next keys. It follows without a vote. */
export const learnerRecords: Collection<Validator> = { name: 'learners', schema: validatorSchema };
export const learnersMax = 16;
/** Key: the epoch's number -> its validator set and the first height that it votes for. Kept for ever: a certificate is
 * judged by the set of its own height.
 */
const epochRecord = record({ from: uint, validators: validatorSetSchema });
export const epochRecords: Collection<TypeOf<typeof epochRecord>> = { name: 'epochs', schema: epochRecord };
export const parameterRecords: Collection<Parameters> = { name: 'parameters', schema: parametersSchema };
export const countRecords: Collection<number> = { name: 'counts', schema: uint };
const proposalRecord = record({
  changes: changesSchema,
  approvals: list(identifier, 1, membersMax),
  status: oneOf(proposalStatuses),
  failure: option(text(2, 8)),
});
export type Proposal = TypeOf<typeof proposalRecord>;
/** Key `member/reference`. */
export const proposalRecords: Collection<Proposal> = { name: 'proposals', schema: proposalRecord };

/** Key `epoch/validator` -> log index of the evidence against it: one a validator and epoch. */
export const accusedRecords: Collection<number> = { name: 'accused', schema: uint };
export const accusedKey = (epoch: number, validator: string): string => `${epoch}/${validator}`;

export const userKey = (member: string, user: string): string => `${member}/${user}`;
export const proposalText = ({ member, reference }: ProposalId): string => `${member}/${reference}`;
export const currentKey = 'current';

/** Who a key speaks for, or undefined when it is no active user's. `state` reads the consortium's records. */
export function identityOf(state: StateReader, key: Uint8Array): SignerIdentity | undefined {
  const found = state.read(keyRecords, toHex(key));
  return found?.active === 1 ? found : undefined;
}

export function isMember(state: StateReader, id: string): boolean {
  return state.read(memberRecords, id) !== undefined;
}

export function memberCount(state: StateReader): number {
  return state.read(countRecords, 'members') ?? 0;
}

/** A validator set with the heights that it votes for: from `from` until the next epoch begins. */
export interface Epoch {
  readonly number: number;
  readonly from: number;
  readonly validators: ValidatorSet;
}

/** The epoch of the block after this state; absent only before the genesis state is written. */
export function latestEpoch(state: StateReader): Epoch | undefined {
  return epochNumbered(state, state.read(countRecords, 'epoch') ?? 0);
}

/** The epoch that a height belongs to. Heights after the next one count to the latest that is known. */
export function epochAt(state: StateReader, height: number): Epoch | undefined {
  let epoch = latestEpoch(state);
  while (epoch !== undefined && epoch.from > height) epoch = epochNumbered(state, epoch.number - 1);
  return epoch;
}

export function epochNumbered(state: StateReader, number: number): Epoch | undefined {
  const found = state.read(epochRecords, `${number}`);
  return found && { number, ...found };
}

/** The validator set of the block after this state. */
export function validatorsOf(state: StateReader): ValidatorSet | undefined {
  return latestEpoch(state)?.validators;
}

/** The set of the epoch of the next block or of the one before it; of no other is anything judged any more. */
export function validatorsOfEpoch(state: StateReader, epoch: number): ValidatorSet | undefined {
  const latest = latestEpoch(state)?.number ?? 0;
  return epoch === latest || epoch === latest - 1 ? epochNumbered(state, epoch)?.validators : undefined;
}

/** Whether there is evidence on the ledger already. */
export function isAccused(state: StateReader, epoch: number, validator: string): boolean {
  return state.read(accusedRecords, accusedKey(epoch, validator)) !== undefined;
}

/** The parameters; absent only before the genesis state is written. */
export function parametersOf(state: StateReader): Parameters | undefined {
  return state.read(parameterRecords, currentKey);
}
