// The genesis document: who founds the ledger, with which keys and limits. Checked as a whole, then it is the log's
// first entry, whose leaf hash names the chain. Its text form is genesis-text.ts's. Pure: no files, no clock, no
// chance.

import { consortiumBegin, consortiumSectionSchema } from '../contracts/consortium.ts';
import {
  type Member,
  memberSchema,
  type Parameters,
  parametersSchema,
  type User,
  userSchema,
} from '../contracts/consortium-state.ts';
import { issuanceSchema, paymentsSectionSchema } from '../contracts/payments.ts';
import { isCurrency } from '../node/ledger/amount.ts';
import { DecodeError, type Value } from '../node/ledger/codec.ts';
import { decodeEntry, encodeEntry } from '../node/ledger/entry.ts';
import { type Digest, digestOf, leafHash, toHex } from '../node/ledger/hash.ts';
import { hash, ledgerName } from '../node/ledger/identifiers.ts';
import { timestampMax } from '../node/ledger/limits.ts';
import { anyValue, integer, list, literal, record, text } from '../node/ledger/schema.ts';
import {
  publicKeyProblem,
  type ValidatorSet,
  validatorProblem,
  validatorSchema,
  validatorSetSchema,
} from '../node/ledger/validators.ts';

export interface Issuance {
  readonly currency: string;
  /** The most that may ever be issued, in minor units. */
  readonly amount: bigint;
}

export interface Genesis {
  /** First part of the C2SP origin: a name without scheme, like daybook.example. */
  readonly name: string;
  /** 32 random bytes, so that no two ledgers are the same chain. */
  readonly nonce: Uint8Array;
  /** UTC milliseconds. */
  readonly timestamp: number;
  readonly parameters: Parameters;
  readonly validators: ValidatorSet;
  readonly consortium: { readonly members: readonly Member[]; readonly users: readonly User[] };
  readonly payments: { readonly issuance: readonly Issuance[] };
}

/** A document that no ledger may begin from: says which field and why. */
export class GenesisError extends Error {
  override name = 'GenesisError';
}

const timestampSchema = integer(0, timestampMax);
const sectionSchema = record({ contract: text(1, 34), content: anyValue });
const documentSchema = record({
  version: literal(1),
  name: ledgerName,
  nonce: hash,
  timestamp: timestampSchema,
  parameters: parametersSchema,
  validators: validatorSetSchema,
  sections: list(sectionSchema, 2, 2),
});

/** The first log entry. Throws GenesisError. */
export function genesisEntry(genesis: Genesis): Uint8Array {
  checkGenesis(genesis);
  return named('document', () => encodeEntry({ kind: 0, document: documentOf(genesis) }));
}

/** Reads the first entry of a log, with every check that its text form had to pass. Throws GenesisError. */
export function readGenesisEntry(bytes: Uint8Array): Genesis {
  const entry = named('entry', () => decodeEntry(bytes));
  if (entry.kind !== 0) throw new GenesisError('entry: not a genesis entry');
  const document = named('document', () => documentSchema.read(entry.document));
  const [consortium, payments] = document.sections;
  if (consortium?.contract !== 'consortium' || payments?.contract !== 'payments')
    throw new GenesisError('sections: not those of consortium and payments');
  const genesis: Genesis = {
    name: document.name,
    nonce: document.nonce,
    timestamp: document.timestamp,
    parameters: document.parameters,
    validators: document.validators,
    consortium: named('consortium', () => consortiumSectionSchema.read(consortium.content)),
    payments: named('payments', () => paymentsSectionSchema.read(payments.content)),
  };
  checkGenesis(genesis);
  return genesis;
}

export function chainIdOf(entry: Uint8Array): Digest {
  return digestOf(leafHash(entry));
}

/** What a contract begins from, or undefined when genesis has nothing for it. */
export function sectionOf(genesis: Genesis, contract: string): Value | undefined {
  const { consortium, payments, validators, parameters } = genesis;
  if (contract === 'consortium') return consortiumBegin({ section: consortium, validators, parameters });
  return contract === 'payments' ? paymentsSectionSchema.write(payments) : undefined;
}

function documentOf(genesis: Genesis): Value {
  const sections = [
    { contract: 'consortium', content: consortiumSectionSchema.write(genesis.consortium) },
    { contract: 'payments', content: paymentsSectionSchema.write(genesis.payments) },
  ];
  return documentSchema.write({ version: 1, ...genesis, sections });
}

function named<T>(field: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof DecodeError) throw new GenesisError(`${field}: ${error.message}`);
    throw error;
  }
}

/** Every field, and everything that one field alone does not show. Throws GenesisError. */
export function checkGenesis(genesis: Genesis): void {
  named('name', () => ledgerName.write(genesis.name));
  named('nonce', () => hash.write(genesis.nonce));
  named('timestamp', () => timestampSchema.write(genesis.timestamp));
  named('parameters', () => parametersSchema.write(genesis.parameters));
  const { validityMaxMs, referenceWindowMs } = genesis.parameters;
  if (referenceWindowMs < validityMaxMs)
    throw new GenesisError(
      'parameters.referenceWindowMs: shorter than validityMaxMs, so a used reference could return',
    );
  const members = checkMembers(genesis.consortium.members);
  const keys = new Map<string, string>();
  checkValidators(genesis, members, keys);
  checkUsers(genesis.consortium.users, members, keys);
  const currencies = new Set<string>();
  genesis.payments.issuance.forEach((issuance, i) => {
    const field = `payments.issuance[${i}]`;
    named(field, () => issuanceSchema.write(issuance));
    const { currency } = issuance;
    if (!isCurrency(currency)) throw new GenesisError(`${field}.currency: unknown currency ${currency}`);
    addOnce(currencies, currency, `${field}.currency`);
  });
  named('document', () => documentOf(genesis));
}

function checkMembers(members: readonly Member[]): ReadonlySet<string> {
  const ids = new Set<string>();
  members.forEach((member, i) => {
    const field = `consortium.members[${i}]`;
    named(field, () => memberSchema.write(member));
    addOnce(ids, member.id, `${field}.id`);
  });
  return ids;
}

function checkValidators(
  { validators, nonce }: Genesis,
  members: ReadonlySet<string>,
  keys: Map<string, string>,
): void {
  const ids = new Set<string>();
  validators.forEach((validator, i) => {
    const field = `validators[${i}]`;
    named(field, () => validatorSchema.write(validator));
    addOnce(ids, validator.id, `${field}.id`);
    if (!members.has(validator.member)) throw new GenesisError(`${field}.member: ${validator.member} is no member`);
    const problem = validatorProblem(validator, nonce);
    if (problem !== undefined) throw new GenesisError(`${field}: ${problem}`);
    for (const kind of ['voteKey', 'auditKey', 'networkKey'] as const)
      addKey(keys, validator[kind], `${field}.${kind}`);
  });
}

function checkUsers(users: readonly User[], members: ReadonlySet<string>, keys: Map<string, string>): void {
  const names = new Set<string>();
  users.forEach((each, i) => {
    const field = `consortium.users[${i}]`;
    named(field, () => userSchema.write(each));
    const { member, user, publicKey } = each;
    if (!members.has(member)) throw new GenesisError(`${field}.member: ${member} is no member`);
    addOnce(names, `${member}/${user}`, `${field}.user`);
    const problem = publicKeyProblem(publicKey);
    if (problem !== undefined) throw new GenesisError(`${field}.publicKey: ${problem}`);
    addKey(keys, publicKey, `${field}.publicKey`);
  });
}

function addOnce(seen: Set<string>, value: string, field: string): void {
  if (seen.has(value)) throw new GenesisError(`${field}: ${value} stands twice`);
  seen.add(value);
}

function addKey(keys: Map<string, string>, key: Uint8Array, field: string): void {
  const first = keys.get(toHex(key));
  if (first !== undefined) throw new GenesisError(`${field}: the same key as ${first}`);
  keys.set(toHex(key), field);
}
