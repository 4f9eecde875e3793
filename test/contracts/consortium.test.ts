import test, { type ExecutionContext } from 'ava';
import { approveArguments, consortium, consortiumBegin, proposeArguments } from '../../contracts/consortium.ts';
import {
  type Change,
  changesSchema,
  countRecords,
  identityOf,
  isMember,
  memberCount,
  membersMax,
  parametersOf,
  proposalRecords,
  validatorsOf,
} from '../../contracts/consortium-state.ts';
import type { SignerIdentity } from '../../contracts/contract.ts';
import { refusalTexts } from '../../contracts/refusals.ts';
import { validatorCodes } from '../../contracts/validator-changes.ts';
import { DecodeError, type Value } from '../../node/ledger/codec.ts';
import { transactionBytesMax } from '../../node/ledger/limits.ts';
import { smallOrderEncodings } from '../../node/ledger/signature.ts';
import { bodyOf, signTransaction } from '../../node/ledger/transaction.ts';
import { auditor, members, nonce, officers, signer, tellers, testGenesis } from '../execution/_ledger.ts';
import { Bench } from './_contract.ts';

const genesis = testGenesis();
const begin = consortiumBegin({ ...genesis, section: genesis.consortium });
const bench = () => new Bench(consortium, members, begin);
const newKey = (name: string) => signer('NEW', name).publicKey;
const propose = (...changes: Change[]) => proposeArguments(changes);
const addMember = (id: string, users: string[] = []): Change => ({
  kind: 'add-member',
  id,
  name: `${id} branch`,
  users: users.map((user) => ({ user, publicKey: newKey(`${id}/${user}`), roles: ['teller'] })),
});
const addUser = (member: string, user: string, publicKey = newKey(user)): Change => {
  return { kind: 'add-user', member, user, publicKey, roles: ['teller', 'officer'] };
};
const leave = (member: string, user: string): Change => ({ kind: 'deactivate-user', member, user });
const approvalOf = (member: string, reference: string) => approveArguments({ member, reference });
const approve = approvalOf('NORTH', 'P1');

type Case = readonly [code: string, by: SignerIdentity, reference: string, args: Value];

/** Each case gives its code and changes nothing; together they hit every code of the method but `elsewhere`. */
function refusals(
  t: ExecutionContext,
  on: Bench,
  method: string,
  cases: readonly Case[],
  elsewhere: string[] = [],
): void {
  const before = new Map(on.state.records);
  for (const [at, [code, by, reference, args]] of cases.entries())
    t.is(on.call(by, method, args, reference), code, `case ${at}`);
  t.deepEqual(on.state.records, before);
  const listed = consortium.methods[method]?.refusals ?? [];
  t.deepEqual([...new Set([...cases.map(([code]) => code), ...elsewhere])], [...listed], 'every code, in order');
  for (const code of listed) t.true(Object.hasOwn(refusalTexts, code), `${code} is explained`);
}

test('begin: users, members, validators and parameters are those of genesis', (t) => {
  const { state } = bench();
  t.is(memberCount(state), 4);
  t.true(isMember(state, 'EAST'));
  t.false(isMember(state, 'MOON'));
  t.deepEqual(validatorsOf(state), genesis.validators);
  t.deepEqual(parametersOf(state), genesis.parameters);
  t.like(identityOf(state, officers.WEST.publicKey), { member: 'WEST', user: 'officer', roles: ['officer'] });
  t.is(identityOf(state, newKey('nobody')), undefined);
});

test('propose: each refusal in its order', (t) => {
  const validatorKey = genesis.validators[0]?.auditKey ?? nonce;
  const by = officers.NORTH;
  const cases: Case[] = [
    ['DS0G', tellers.NORTH, 'P1', propose(addMember('NORTH'))],
    ['DUPPROP', by, 'P1', propose(addMember('NORTH'))],
    ['NOMEMB', by, 'P2', propose(addUser('MOON', 'x'))],
    ['DUPMEMB', by, 'P2', propose(addMember('NORTH'))],
    ['DUPMEMB', by, 'P2', propose(addMember('NEW'), addMember('NEW'))],
    ['DUPUSER', by, 'P2', propose(addUser('NORTH', 'teller'))],
    ['DUPUSER', by, 'P2', propose(addUser('NORTH', 'x'), addUser('NORTH', 'x', newKey('y')))],
    ['DUPKEY', by, 'P2', propose(addUser('NORTH', 'x', tellers.EAST.publicKey))],
    ['DUPKEY', by, 'P2', propose(addUser('NORTH', 'x', validatorKey))],
    ['DUPKEY', by, 'P2', propose(addUser('NORTH', 'x'), addUser('NORTH', 'y', newKey('x')))],
    ['NOUSER', by, 'P2', propose(leave('NORTH', 'x'))],
    ['NOUSER', by, 'P2', propose(leave('NORTH', 'teller'), leave('NORTH', 'teller'))],
  ];
  const on = bench();
  t.is(on.call(by, 'propose', propose(addMember('OTHER')), 'P1'), 'OK');
  refusals(t, on, 'propose', cases, ['MAXMEMB', ...validatorCodes]);
  on.state.write(countRecords, 'members', membersMax);
  t.is(on.call(by, 'propose', propose(addMember('NEW')), 'P2'), 'MAXMEMB');
});

test('approve: each refusal in its order', (t) => {
  const on = bench();
  on.call(officers.NORTH, 'propose', propose(addMember('ONE')), 'P1');
  on.call(officers.NORTH, 'propose', propose(addMember('TWO')), 'P2');
  for (const by of [officers.SOUTH, officers.EAST]) on.call(by, 'approve', approve);
  refusals(t, on, 'approve', [
    ['DS0G', tellers.SOUTH, '', approvalOf('NORTH', 'none')],
    ['NOPROP', officers.WEST, '', approvalOf('NORTH', 'none')],
    ['CLOSED', officers.NORTH, '', approve],
    ['DUPAPPR', officers.NORTH, '', approvalOf('NORTH', 'P2')],
  ]);
});

test('a proposal is enacted by more than two thirds of the members, the proposer among them', (t) => {
  const on = bench();
  t.is(on.call(officers.NORTH, 'propose', propose(addMember('NEW', ['teller']), addUser('NEW', 'boss')), 'P1'), 'OK');
  t.is(on.call(officers.EAST, 'approve', approve), 'OK');
  t.false(isMember(on.state, 'NEW'), 'two of four are not enough');
  t.is(on.call(officers.WEST, 'approve', approve), 'OK');
  t.true(isMember(on.state, 'NEW'));
  t.is(memberCount(on.state), 5);
  t.like(identityOf(on.state, newKey('NEW/teller')), { member: 'NEW', user: 'teller', roles: ['teller'] });
  t.like(identityOf(on.state, newKey('boss')), { member: 'NEW', user: 'boss', roles: ['teller', 'officer'] });
  t.is(on.state.read(proposalRecords, 'NORTH/P1')?.status, 'enacted');
});

test('the threshold counts the members there are when the approval comes', (t) => {
  const on = bench();
  on.call(officers.NORTH, 'propose', propose(addMember('LATE')), 'P1');
  on.call(officers.EAST, 'approve', approve);
  on.call(officers.NORTH, 'propose', propose(addMember('FIVE')), 'P2');
  for (const by of [officers.EAST, officers.WEST]) on.call(by, 'approve', approvalOf('NORTH', 'P2'));
  t.is(memberCount(on.state), 5);
  t.is(on.call(officers.WEST, 'approve', approve), 'OK');
  t.false(isMember(on.state, 'LATE'), 'three of five are not enough');
  t.is(on.call(officers.SOUTH, 'approve', approve), 'OK');
  t.true(isMember(on.state, 'LATE'));
});

test('a proposal that conflicts by the time it is approved fails, and says with which code', (t) => {
  const on = bench();
  const args = propose(addMember('NEW'));
  on.call(officers.NORTH, 'propose', args, 'P1');
  on.call(officers.SOUTH, 'propose', args, 'P1');
  for (const by of [officers.NORTH, officers.EAST]) t.is(on.call(by, 'approve', approvalOf('SOUTH', 'P1')), 'OK');
  for (const by of [officers.SOUTH, officers.EAST, officers.WEST]) t.is(on.call(by, 'approve', approve), 'OK');
  t.like(on.state.read(proposalRecords, 'SOUTH/P1'), { status: 'enacted' });
  t.like(on.state.read(proposalRecords, 'NORTH/P1'), { status: 'failed', failure: 'DUPMEMB' });
  t.is(memberCount(on.state), 5);
  t.is(on.call(officers.NORTH, 'approve', approve), 'CLOSED');
});

test('a key that the signature rule does not accept is not registered, and no client proposes it', (t) => {
  for (const encoding of smallOrderEncodings) {
    const change = addUser('NORTH', 'x', Uint8Array.from(Buffer.from(encoding, 'hex')));
    t.throws(() => propose(change), { instanceOf: DecodeError });
    const on = bench();
    t.is(on.call(officers.NORTH, 'propose', [changesSchema.write([change])], 'P1'), 'OK');
    for (const by of [officers.EAST, officers.WEST]) t.is(on.call(by, 'approve', approve), 'OK');
    t.like(on.state.read(proposalRecords, 'NORTH/P1'), { status: 'failed', failure: 'BADKEY' });
    t.is(identityOf(on.state, change.kind === 'add-user' ? change.publicKey : nonce), undefined);
  }
  t.true(Object.hasOwn(refusalTexts, 'BADKEY'));
});

test('a deactivated user signs no more, and neither name nor key is given to another', (t) => {
  const on = bench();
  on.call(officers.NORTH, 'propose', propose(leave('NORTH', 'auditor')), 'P1');
  for (const by of [officers.EAST, officers.WEST]) on.call(by, 'approve', approve);
  t.is(identityOf(on.state, auditor.publicKey), undefined);
  t.is(on.call(officers.NORTH, 'propose', propose(addUser('EAST', 'x', auditor.publicKey)), 'P2'), 'DUPKEY');
  t.is(on.call(officers.NORTH, 'propose', propose(addUser('NORTH', 'auditor')), 'P2'), 'DUPUSER');
});

test('a member alone enacts its own proposal', (t) => {
  const alone = { members: [{ id: 'NORTH', name: 'alone' }], users: genesis.consortium.users.slice(0, 1) };
  const on = new Bench(consortium, ['NORTH'], consortiumBegin({ ...genesis, section: alone }));
  t.is(on.call(officers.NORTH, 'propose', propose(addMember('SECOND')), 'P1'), 'OK');
  t.true(isMember(on.state, 'SECOND'));
});

test('a proposal of 78 members with two users each fits a transaction', (t) => {
  const changes = Array.from({ length: 78 }, (_, i) => addMember(`BRANCH-${i}`, ['teller', 'officer']));
  const { seed, publicKey } = officers.NORTH;
  const body = bodyOf({
    chainId: nonce,
    member: 'NORTH',
    reference: 'create all branches of the bank',
    validUntil: 1_800_000_000_000,
    contract: 'consortium',
    method: 'propose',
    args: proposeArguments(changes),
  });
  const { bytes } = signTransaction(body, seed, publicKey);
  t.true(bytes.length < transactionBytesMax * 0.75, `${bytes.length} bytes`);
  const on = bench();
  t.is(on.call(officers.NORTH, 'propose', proposeArguments(changes), 'P1'), 'OK');
  for (const by of [officers.EAST, officers.WEST]) t.is(on.call(by, 'approve', approve), 'OK');
  t.is(memberCount(on.state), 82);
});
