// The genesis document as people read and edit it: JSON with hex for bytes, decimal text for amounts and ISO 8601 for
// the time. One document, one canonical text of these fields; unknown fields are refused.
import { type Role, roles } from '../contracts/contract.ts';
import { type AmountProblem, formatAmount, parseAmount } from '../node/ledger/amount.ts';
import { fromHex, toHex } from '../node/ledger/hash.ts';
import type { Validator } from '../node/ledger/validators.ts';
import { checkGenesis, type Genesis, GenesisError } from './genesis.ts';

/** Reads and checks a document. Throws GenesisError. */
export function parseGenesis(text: string): Genesis {
  const document = fieldsOf(parseJson(text), 'genesis', [
    'version',
    'name',
    'nonce',
    'timestamp',
    'parameters',
    'validators',
    'consortium',
    'payments',
  ]);
  if (document.version !== 1) throw new GenesisError('version: not 1');
  const parameters = fieldsOf(document.parameters, 'parameters', [
    'validityMaxMs',
    'referenceWindowMs',
    'memberTransactionsMax',
  ]);
  const consortium = fieldsOf(document.consortium, 'consortium', ['members', 'users']);
  const payments = fieldsOf(document.payments, 'payments', ['issuance']);
  const genesis: Genesis = {
    name: textOf(document.name, 'name'),
    nonce: bytesOf(document.nonce, 'nonce', 32),
    timestamp: timeOf(document.timestamp, 'timestamp'),
    parameters: {
      validityMaxMs: integerOf(parameters.validityMaxMs, 'parameters.validityMaxMs'),
      referenceWindowMs: integerOf(parameters.referenceWindowMs, 'parameters.referenceWindowMs'),
      memberTransactionsMax: integerOf(parameters.memberTransactionsMax, 'parameters.memberTransactionsMax'),
    },
    validators: listOf(document.validators, 'validators', validatorOf),
    consortium: {
      members: listOf(consortium.members, 'consortium.members', (item, field) => {
        const { id, name } = fieldsOf(item, field, ['id', 'name']);
        return { id: textOf(id, `${field}.id`), name: textOf(name, `${field}.name`) };
      }),
      users: listOf(consortium.users, 'consortium.users', (item, field) => {
        const fields = fieldsOf(item, field, ['member', 'user', 'publicKey', 'roles']);
        return {
          member: textOf(fields.member, `${field}.member`),
          user: textOf(fields.user, `${field}.user`),
          publicKey: bytesOf(fields.publicKey, `${field}.publicKey`, 32),
          roles: rolesOf(fields.roles, `${field}.roles`),
        };
      }),
    },
    payments: {
      issuance: listOf(payments.issuance, 'payments.issuance', (item, field) => {
        const fields = fieldsOf(item, field, ['currency', 'amount']);
        const currency = textOf(fields.currency, `${field}.currency`);
        return { currency, amount: amountOf(fields.amount, currency, `${field}.amount`) };
      }),
    },
  };
  checkGenesis(genesis);
  return genesis;
}

/** The text that `parseGenesis` reads back to the same document. */
export function formatGenesis(genesis: Genesis): string {
  const { name, nonce, timestamp, parameters, validators, consortium, payments } = genesis;
  const document = {
    version: 1,
    name,
    nonce: toHex(nonce),
    timestamp: new Date(timestamp).toISOString(),
    parameters,
    validators: validators.map((validator) => ({
      id: validator.id,
      member: validator.member,
      voteKey: toHex(validator.voteKey),
      auditKey: toHex(validator.auditKey),
      networkKey: toHex(validator.networkKey),
      voteProof: toHex(validator.voteProof),
      auditProof: toHex(validator.auditProof),
      networkProof: toHex(validator.networkProof),
    })),
    consortium: {
      members: consortium.members.map(({ id, name }) => ({ id, name })),
      users: consortium.users.map(({ member, user, publicKey, roles: held }) => {
        return { member, user, publicKey: toHex(publicKey), roles: roles.filter((role) => held.includes(role)) };
      }),
    },
    payments: {
      issuance: payments.issuance.map(({ currency, amount }) => ({ currency, amount: formatAmount(amount, currency) })),
    },
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function parseJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new GenesisError(`genesis: no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  // RFC 8259 section 4 leaves open which of two fields of one name counts, and section 6 how exact a number is: the
  // next reader could see another document here than this one.
  if (withoutSpaces(text) !== JSON.stringify(value))
    throw new GenesisError('genesis: a field stands twice, or a number is not written in plain digits');
  return value;
}

/** Valid JSON without the spaces between its parts, and each string with as few escapes as it needs. */
function withoutSpaces(text: string): string {
  return text.replaceAll(/("(?:[^"\\]|\\.)*")|\s+/g, (_, string?: string) =>
    string === undefined ? '' : JSON.stringify(JSON.parse(string)),
  );
}

function fieldsOf<const K extends string>(
  value: unknown,
  field: string,
  names: readonly K[],
): { [name in K]: unknown } {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new GenesisError(`${field}: not an object`);
  const given: { [name: string]: unknown } = { ...value };
  const unknown = Object.keys(given).find((name) => !names.some((known) => known === name));
  if (unknown !== undefined) throw new GenesisError(`${field}: unknown field ${unknown}`);
  const missing = names.find((name) => !Object.hasOwn(given, name));
  if (missing !== undefined) throw new GenesisError(`${field}: ${missing} is missing`);
  return given as { [name in K]: unknown };
}

function listOf<T>(value: unknown, field: string, read: (item: unknown, field: string) => T): T[] {
  if (!Array.isArray(value)) throw new GenesisError(`${field}: not a list`);
  return value.map((item: unknown, i) => read(item, `${field}[${i}]`));
}

function textOf(value: unknown, field: string): string {
  if (typeof value !== 'string') throw new GenesisError(`${field}: not text`);
  return value;
}

function integerOf(value: unknown, field: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw new GenesisError(`${field}: not an integer`);
  return value;
}

function bytesOf(value: unknown, field: string, length: number): Uint8Array {
  const bytes = fromHex(textOf(value, field));
  if (bytes?.length !== length) throw new GenesisError(`${field}: not ${length} bytes in lower-case hex`);
  return bytes;
}

function timeOf(value: unknown, field: string): number {
  const text = textOf(value, field);
  const time = Date.parse(text);
  // One text for each time: exactly what toISOString gives.
  if (Number.isNaN(time) || new Date(time).toISOString() !== text)
    throw new GenesisError(`${field}: not a time like 2026-01-31T00:00:00.000Z`);
  return time;
}

function validatorOf(value: unknown, field: string): Validator {
  const keys = ['voteKey', 'auditKey', 'networkKey'] as const;
  const proofs = ['voteProof', 'auditProof', 'networkProof'] as const;
  const fields = fieldsOf(value, field, ['id', 'member', ...keys, ...proofs]);
  const key = (name: (typeof keys)[number]) => bytesOf(fields[name], `${field}.${name}`, 32);
  const proof = (name: (typeof proofs)[number]) => bytesOf(fields[name], `${field}.${name}`, 64);
  return {
    id: textOf(fields.id, `${field}.id`),
    member: textOf(fields.member, `${field}.member`),
    voteKey: key('voteKey'),
    auditKey: key('auditKey'),
    networkKey: key('networkKey'),
    voteProof: proof('voteProof'),
    auditProof: proof('auditProof'),
    networkProof: proof('networkProof'),
  };
}

function rolesOf(value: unknown, field: string): Role[] {
  const given = listOf(value, field, textOf);
  const unknown = given.find((role) => !roles.some((known) => known === role));
  if (unknown !== undefined) throw new GenesisError(`${field}: unknown role ${unknown}`);
  if (given.length === 0 || new Set(given).size !== given.length)
    throw new GenesisError(`${field}: none, or one of them twice`);
  return roles.filter((role) => given.includes(role));
}

function amountOf(value: unknown, currency: string, field: string): bigint {
  const amount: bigint | AmountProblem = parseAmount(textOf(value, field), currency);
  if (typeof amount === 'bigint') return amount;
  throw new GenesisError(`${field}: ${amount.replaceAll('-', ' ')}`);
}
