import test from 'ava';
import { approveArguments, consortium, consortiumBegin, proposeArguments } from '../../contracts/consortium.ts';
import {
  type Change,
  changesSchema,
  countRecords,
  epochAt,
  latestEpoch,
  learnerRecords,
  learnersMax,
  proposalRecords,
  validatorsOf,
  validatorsOfEpoch,
} from '../../contracts/consortium-state.ts';
import type { Collection } from '../../contracts/contract.ts';
import { refusalTexts } from '../../contracts/refusals.ts';
import { SetDraft, validatorCodes } from '../../contracts/validator-changes.ts';
import type { Genesis } from '../../genesis/genesis.ts';
import { DecodeError } from '../../node/ledger/codec.ts';
import { sha256 } from '../../node/ledger/hash.ts';
import { validatorsMax } from '../../node/ledger/limits.ts';
import { members, officers, tellers, testGenesis, validator } from '../execution/_ledger.ts';
import { Bench } from './_contract.ts';

const chainId = sha256(new TextEncoder().encode('the chain of this test'));
const genesis = testGenesis();
const outsider = (id: string, member = 'NORTH') => validator(id, member, chainId);
const learn = (id: string, member = 'NORTH'): Change => ({ kind: 'add-learner', ...outsider(id, member) });
const nextKeys = (id: string, seed: string, member: string): Change => {
  return { kind: 'add-learner', ...validator(seed, member, chainId), id };
};
const forget = (id: string): Change => ({ kind: 'remove-learner', id });
const add = (id: string): Change => ({ kind: 'add-validator', id });
const rotate = (id: string): Change => ({ kind: 'rotate-validator-keys', id });
const remove = (id: string): Change => ({ kind: 'remove-validator', id });
const propose = (...changes: Change[]) => [changesSchema.write(changes)];

function benchOf(validators = 4): Bench {
  const set = Array.from({ length: validators }, (_, i) => validator(`node-${i}`, members[i % 4] ?? 'NORTH'));
  const begin = { ...genesis, validators: set } as Genesis;
  const bench = new Bench(consortium, members, consortiumBegin({ ...begin, section: genesis.consortium }));
  bench.chainId = chainId;
  return bench;
}

/** Proposed and approved by three of four; answers with what came of it. */
function enact(on: Bench, reference: string, ...changes: Change[]): string {
  const code = on.call(officers.NORTH, 'propose', propose(...changes), reference);
  if (code !== 'OK') return code;
  for (const by of [officers.EAST, officers.WEST])
    on.call(by, 'approve', approveArguments({ member: 'NORTH', reference }));
  const { status, failure } = on.state.read(proposalRecords, `NORTH/${reference}`) ?? {};
  return failure ?? status ?? 'nothing';
}

const idsOf = (on: Bench) => validatorsOf(on.state)?.map(({ id }) => id);

test('propose: each refusal of a change of validators, in its order', (t) => {
  const on = benchOf();
  t.is(enact(on, 'L', learn('waits')), 'enacted');
  const cases: readonly (readonly [string, ...Change[]])[] = [
    ['NOMEMB', learn('node-9', 'MOON')],
    ['DUPKEY', { kind: 'add-learner', ...outsider('x'), networkKey: tellers.EAST.publicKey }],
    ['DUPKEY', { kind: 'add-learner', ...outsider('x'), auditKey: outsider('x').voteKey }],
    ['DUPKEY', nextKeys('y', 'waits', 'NORTH')],
    [
      'DUPKEY',
      { kind: 'add-user', member: 'NORTH', user: 'u', publicKey: outsider('waits').voteKey, roles: ['teller'] },
    ],
    ['NOVAL', remove('nobody')],
    ['NOVAL', rotate('nobody')],
    ['NOVAL', learn('x'), rotate('x')],
    ['DUPVAL', nextKeys('node-1', 'n1', 'NORTH')],
    ['DUPVAL', add('node-1')],
    ['NOLEARN', add('nobody')],
    ['NOLEARN', rotate('node-1')],
    ['NOLEARN', forget('nobody')],
    ['NOLEARN', forget('waits'), add('waits')],
    ['DUPLEARN', nextKeys('waits', 'other', 'NORTH')],
    ['MAXLEARN', ...Array.from({ length: learnersMax }, (_, i) => learn(`l${i}`))],
    ['MINVAL', remove('node-0')],
    ['CHGMAX', add('waits'), learn('z'), add('z')],
    ['CHGMAX', add('waits'), remove('node-0')],
    ['CHGMAX', add('waits'), remove('waits')],
  ];
  const before = new Map(on.state.records);
  for (const [code, ...changes] of cases) {
    const said = on.call(officers.NORTH, 'propose', propose(...changes), 'P');
    t.is(said, code, changes.map(({ kind }) => kind).join());
  }
  t.deepEqual(on.state.records, before);
  const codes = [...new Set(cases.map(([code]) => code))].filter((code) => !['NOMEMB', 'DUPKEY'].includes(code));
  t.deepEqual([...codes.slice(0, 5), 'MAXVAL', ...codes.slice(5)], [...validatorCodes], 'every code, in order');
  for (const code of validatorCodes) t.true(Object.hasOwn(refusalTexts, code), `${code} is explained`);
});

test('a hundred validators are as many as there may be', (t) => {
  const on = benchOf(validatorsMax);
  t.is(on.call(officers.NORTH, 'propose', propose(learn('x'), add('x'))), 'MAXVAL');
});

test('[E1] an enacted change makes the set of the next height, in a new epoch; old sets stay', (t) => {
  const on = benchOf();
  on.height = 7;
  t.is(enact(on, 'A', learn('node-4'), add('node-4')), 'enacted');
  t.deepEqual(idsOf(on), ['node-0', 'node-1', 'node-2', 'node-3', 'node-4']);
  t.like(latestEpoch(on.state), { number: 1, from: 8 });
  t.is(on.state.read(learnerRecords, 'node-4'), undefined);
  t.is(on.state.read(countRecords, 'learners'), 0);
  on.height = 9;
  t.is(enact(on, 'R', remove('node-1')), 'enacted');
  t.deepEqual(idsOf(on), ['node-0', 'node-2', 'node-3', 'node-4']);
  for (const [height, epoch] of [
    [1, 0],
    [7, 0],
    [8, 1],
    [9, 1],
    [10, 2],
    [11, 2],
  ] as const)
    t.is(epochAt(on.state, height)?.number, epoch, `height ${height}`);
  t.is(validatorsOfEpoch(on.state, 0), undefined);
  t.is(validatorsOfEpoch(on.state, 1)?.length, 5);
});

test('[E2] changes are counted over all proposals of a block, and a later block counts anew', (t) => {
  const on = benchOf();
  t.is(enact(on, 'A', learn('node-4'), add('node-4')), 'enacted');
  t.is(enact(on, 'B', learn('node-5'), add('node-5')), 'CHGMAX');
  t.is(enact(on, 'C', remove('node-4')), 'CHGMAX', 'who is not in force yet cannot leave');
  on.height = 2;
  t.is(enact(on, 'D', learn('node-6'), add('node-6')), 'enacted');
  t.like(latestEpoch(on.state), { number: 2, from: 3 });
  const seven = benchOf(7);
  t.is(enact(seven, 'A', remove('node-6')), 'enacted');
  t.is(enact(seven, 'B', remove('node-5')), 'enacted');
  t.like(latestEpoch(seven.state), { number: 1, from: 2 }, 'one epoch a block');
  t.is(enact(seven, 'C', remove('node-4')), 'CHGMAX');
  t.is(idsOf(seven)?.length, 5);
});

test('[E2] counting the changes of one proposal takes time with the validators, not with their square', (t) => {
  const one = validator('node-0', 'NORTH');
  let reads = 0;
  const validators = Array.from({ length: validatorsMax }, (_, i) => {
    const key = new Uint8Array(32).fill(i);
    const get = () => {
      reads += 1;
      return key;
    };
    return Object.defineProperty({ ...one, id: `node-${i}` }, 'voteKey', { get });
  });
  const read = <T>({ name }: Collection<T>): T | undefined =>
    name === 'epochs' ? ({ from: 1, validators } as T) : undefined;
  const draft = new SetDraft({ read }, 1);
  const f = Math.floor((validatorsMax - 1) / 3);
  for (let i = 0; i < f; i++) t.is(draft.add({ kind: 'remove-validator', id: `node-${i}` }), undefined);
  t.is(draft.add({ kind: 'remove-validator', id: `node-${f}` }), 'CHGMAX');
  t.true(reads < 10 * validatorsMax, `${reads} looks at a key`);
});

test('keys are rotated in place, and old ones stay refused for ever', (t) => {
  const on = benchOf();
  const old = validatorsOf(on.state)?.[1];
  t.is(enact(on, 'L', nextKeys('node-1', 'second keys', 'SOUTH')), 'enacted');
  t.is(validatorsOf(on.state)?.[1]?.voteKey.join(), old?.voteKey.join(), 'known, and not in force yet');
  t.is(enact(on, 'R', rotate('node-1')), 'enacted');
  t.deepEqual(idsOf(on), ['node-0', 'node-1', 'node-2', 'node-3']);
  t.deepEqual(validatorsOf(on.state)?.[1]?.voteKey, validator('second keys', 'SOUTH', chainId).voteKey);
  on.height = 2;
  const again: Change = { kind: 'add-learner', ...validator('node-1', 'SOUTH', chainId) };
  t.is(on.call(officers.NORTH, 'propose', propose(again)), 'DUPKEY');
});

test('a key whose holder is not shown for this chain is not registered, and no client proposes it', (t) => {
  const elsewhere: Change = { kind: 'add-learner', ...validator('node-4', 'NORTH', sha256(chainId)) };
  const on = benchOf();
  t.is(enact(on, 'A', elsewhere), 'BADKEY');
  t.is(on.state.read(learnerRecords, 'node-4'), undefined);
  t.throws(() => proposeArguments([elsewhere], chainId), { instanceOf: DecodeError });
  t.notThrows(() => proposeArguments([learn('node-4')], chainId));
});
