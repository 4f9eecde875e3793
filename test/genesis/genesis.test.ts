import test from 'ava';
import { contracts } from '../../contracts/registry.ts';
import {
  chainIdOf,
  type Genesis,
  GenesisError,
  genesisEntry,
  readGenesisEntry,
  sectionOf,
} from '../../genesis/genesis.ts';
import { formatGenesis, parseGenesis } from '../../genesis/genesis-text.ts';
import { genesisCommit } from '../../node/execution/genesis-commit.ts';
import { encode } from '../../node/ledger/codec.ts';
import { decodeEntry, encodeEntry } from '../../node/ledger/entry.ts';
import { digestOf, leafHash, toHex } from '../../node/ledger/hash.ts';
import { smallOrderEncodings } from '../../node/ledger/signature.ts';
import { nonce, signer, testGenesis, validator } from '../execution/_ledger.ts';

const genesis = testGenesis();
const text = formatGenesis(genesis);

test('text and entry map one to one onto the document', (t) => {
  t.deepEqual(parseGenesis(text), genesis);
  t.is(formatGenesis(parseGenesis(text)), text);
  const entry = genesisEntry(genesis);
  t.deepEqual(formatGenesis(readGenesisEntry(entry)), text);
  t.deepEqual(genesisEntry(parseGenesis(text)), entry);
  t.is(chainIdOf(entry), digestOf(leafHash(entry)));
});

test('the same document gives the same first state, another nonce another chain', (t) => {
  const [one, same] = [genesisCommit(genesis, contracts), genesisCommit(parseGenesis(text), contracts)];
  t.deepEqual(one.commit.head, same.commit.head);
  t.is(one.commit.head.height, 0);
  t.is(one.commit.head.logSize, 1);
  t.is(one.commit.head.timestamp, genesis.timestamp);
  t.is(one.commit.head.digest, chainIdOf(genesisEntry(genesis)));
  const other = new Uint8Array(32).fill(7);
  const validators = genesis.validators.map(({ id, member }) => validator(id, member, other));
  t.not(genesisCommit({ ...genesis, nonce: other, validators }, contracts).commit.head.digest, one.commit.head.digest);
  t.is(sectionOf(genesis, 'unknown'), undefined);
});

test('a document with an error is refused, and the error names the field and the reason', (t) => {
  type Fields = { [name: string]: unknown };
  type Document = Fields & {
    parameters: Fields;
    validators: Fields[];
    consortium: { members: Fields[]; users: Fields[] };
    payments: { issuance: Fields[] };
  };
  const smallOrder = smallOrderEncodings[1] ?? '';
  const notCanonical = 'f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f';
  const cases: [RegExp, (document: Document) => void][] = [
    [/^genesis: unknown field colour/, (d) => Object.assign(d, { colour: 'red' })],
    [/^genesis: nonce is missing/, (d) => Reflect.deleteProperty(d, 'nonce')],
    [/^version: not 1/, (d) => Object.assign(d, { version: 2 })],
    [/^name: text that does not match/, (d) => Object.assign(d, { name: 'https://x.example' })],
    [/^nonce: not 32 bytes/, (d) => Object.assign(d, { nonce: 'ab' })],
    [/^nonce: not 32 bytes/, (d) => Object.assign(d, { nonce: toHex(nonce).toUpperCase() })],
    [/^timestamp: not a time/, (d) => Object.assign(d, { timestamp: '2026-01-01' })],
    [/^timestamp: not text/, (d) => Object.assign(d, { timestamp: 5 })],
    [/^parameters: unknown field/, (d) => Object.assign(d.parameters, { limit: 1 })],
    [/^parameters.validityMaxMs: not an integer/, (d) => Object.assign(d.parameters, { validityMaxMs: 1.5 })],
    [/^parameters: validityMaxMs/, (d) => Object.assign(d.parameters, { validityMaxMs: 0 })],
    [/^parameters.referenceWindowMs: shorter/, (d) => Object.assign(d.parameters, { referenceWindowMs: 1_000 })],
    [/^parameters: memberTr/, (d) => Object.assign(d.parameters, { memberTransactionsMax: 1_025 })],
    [/^validators: not a list/, (d) => Object.assign(d, { validators: {} })],
    [/^document: validators: not 4 to 100 items/, (d) => d.validators.pop()],
    [/^validators\[1\]: unknown field/, (d) => Object.assign(d.validators[1] ?? {}, { address: 'x' })],
    [/^validators\[1\].id: node-0 stands twice/, (d) => Object.assign(d.validators[1] ?? {}, { id: 'node-0' })],
    [/^validators\[1\].member: MOON is no member/, (d) => Object.assign(d.validators[1] ?? {}, { member: 'MOON' })],
    [/^validators\[1\]: the vote key .* proof/, (d) => Object.assign(d.validators[1] ?? {}, { member: 'NORTH' })],
    [
      /^validators\[0\]: the audit key .* proof/,
      (d) => Object.assign(d.validators[0] ?? {}, { auditProof: '00'.repeat(64) }),
    ],
    [/^validators\[2\]: the network key/, (d) => Object.assign(d.validators[2] ?? {}, { networkKey: smallOrder })],
    [
      /^validators\[1\].voteKey: the same key as validators\[0\].voteKey/,
      (d) => Object.assign(d, { validators: [d.validators[0], { ...d.validators[0], id: 'x' }, ...d.validators] }),
    ],
    [/^consortium.members\[4\].id: NORTH stands twice/, (d) => d.consortium.members.push({ id: 'NORTH', name: 'x' })],
    [/^consortium.members\[4\]: id:/, (d) => d.consortium.members.push({ id: 'north', name: 'x' })],
    [/^consortium.members\[4\]: name:/, (d) => d.consortium.members.push({ id: 'X', name: '' })],
    [
      /^consortium.users\[0\].member: MOON is no/,
      (d) => Object.assign(d.consortium.users[0] ?? {}, { member: 'MOON' }),
    ],
    [/^consortium.users\[0\].roles: unknown role/, (d) => Object.assign(d.consortium.users[0] ?? {}, { roles: ['x'] })],
    [/^consortium.users\[0\].roles: none/, (d) => Object.assign(d.consortium.users[0] ?? {}, { roles: [] })],
    [
      /^consortium.users\[0\].roles: none, or one of them twice/,
      (d) => Object.assign(d.consortium.users[0] ?? {}, { roles: ['teller', 'teller'] }),
    ],
    [
      /^consortium.users\[10\].user: NORTH\/teller stands twice/,
      (d) => d.consortium.users.push({ ...d.consortium.users[4], publicKey: toHex(signer('A', 'b').publicKey) }),
    ],
    [
      /^consortium.users\[10\].publicKey: the same key as consortium.users\[0\]/,
      (d) => d.consortium.users.push({ ...d.consortium.users[0], user: 'second' }),
    ],
    [
      /^consortium.users\[0\].publicKey: the same key as validators\[3\].auditKey/,
      (d) => Object.assign(d.consortium.users[0] ?? {}, { publicKey: d.validators[3]?.['auditKey'] }),
    ],
    [
      /^consortium.users\[0\].publicKey: public key refused/,
      (d) => Object.assign(d.consortium.users[0] ?? {}, { publicKey: smallOrder }),
    ],
    [
      /^consortium.users\[0\].publicKey: public key refused/,
      (d) => Object.assign(d.consortium.users[0] ?? {}, { publicKey: notCanonical }),
    ],
    [
      /^payments.issuance\[0\].amount: too precise/,
      (d) => Object.assign(d.payments.issuance[0] ?? {}, { amount: '1.001' }),
    ],
    [
      /^payments.issuance\[0\].amount: not positive/,
      (d) => Object.assign(d.payments.issuance[0] ?? {}, { amount: '0' }),
    ],
    [/^payments.issuance\[0\].amount: not text/, (d) => Object.assign(d.payments.issuance[0] ?? {}, { amount: 1 })],
    [
      /^payments.issuance\[0\].amount: unknown curr/,
      (d) => Object.assign(d.payments.issuance[0] ?? {}, { currency: 'QQQ' }),
    ],
    [/^payments.issuance\[1\].currency: CZK stands/, (d) => d.payments.issuance.push({ currency: 'CZK', amount: '1' })],
  ];
  for (const [message, change] of cases) {
    const document: Document = JSON.parse(text);
    change(document);
    t.throws(() => parseGenesis(JSON.stringify(document)), { instanceOf: GenesisError, message });
  }
  t.throws(() => parseGenesis('{'), { instanceOf: GenesisError, message: /no JSON/ });
  t.throws(() => parseGenesis('[]'), { instanceOf: GenesisError, message: /not an object/ });
});

test('an entry is held to the same checks as a text', (t) => {
  const wrong: [RegExp, Partial<Genesis>][] = [
    [
      /stands twice/,
      { consortium: { ...genesis.consortium, members: [...genesis.consortium.members, { id: 'EAST', name: 'x' }] } },
    ],
    [/proof of possession/, { nonce: new Uint8Array(32) }],
    [/unknown currency/, { payments: { issuance: [{ currency: 'QQQ', amount: 1n }] } }],
    [/4 to 100/, { validators: genesis.validators.slice(1) }],
  ];
  for (const [message, fields] of wrong)
    t.throws(() => genesisEntry({ ...genesis, ...fields }), { instanceOf: GenesisError, message });
  const refused = (bytes: Uint8Array) => t.throws(() => readGenesisEntry(bytes), { instanceOf: GenesisError });
  refused(new Uint8Array([1]));
  refused(encode([3, []]));
  refused(encodeEntry({ kind: 0, document: [1, 'x'] }));
  const entry = decodeEntry(genesisEntry(genesis));
  if (entry.kind !== 0 || !Array.isArray(entry.document)) return t.fail();
  const fields = [...entry.document];
  refused(encodeEntry({ kind: 0, document: [2, ...fields.slice(1)] }));
  refused(encodeEntry({ kind: 0, document: fields.map((field, i) => (i === 2 ? new Uint8Array(32) : field)) }));
  const sections = fields[6];
  if (!Array.isArray(sections)) return t.fail();
  refused(encodeEntry({ kind: 0, document: [...fields.slice(0, 6), [...sections].reverse()] }));
});
