import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { type Account, accountsCollection, issuedAccount, postingSchema } from '../../contracts/accounts.ts';
import type { Role, SignerIdentity } from '../../contracts/contract.ts';
import {
  batchArguments,
  issueArguments,
  type OpenArguments,
  openArguments,
  openBatchArguments,
  paymentLines,
  payments,
  paymentsSectionSchema,
  type TransferArguments,
  transferArguments,
} from '../../contracts/payments.ts';
import { refusalTexts } from '../../contracts/refusals.ts';
import type { Value } from '../../node/ledger/codec.ts';
import { amountMax, balanceMax, batchLinesMax } from '../../node/ledger/limits.ts';
import { Bench } from './_contract.ts';

const who = (member: string, ...roles: Role[]): SignerIdentity => ({ member, user: 'u', roles });
const clearing = who('HQ', 'clearing');
const teller = who('NORTH', 'teller');
const issuance = [{ currency: 'CZK', amount: 1_000n }];

function bench(): Bench {
  return new Bench(payments, ['HQ', 'NORTH', 'SOUTH'], paymentsSectionSchema.write({ issuance }));
}

const openDefaults: OpenArguments = {
  account: 'A',
  branch: 'NORTH',
  currency: 'CZK',
  overdraftLimit: 0n,
  openingBalance: 0n,
};
const open = (args: Partial<OpenArguments>) => openArguments({ ...openDefaults, ...args });
const transferDefaults: TransferArguments = { from: 'A', to: 'B', amount: 10n, currency: 'CZK', purpose: '', date: '' };
const transfer = (args: Partial<TransferArguments> = {}) => transferArguments({ ...transferDefaults, ...args });

function account(on: Bench, id: string): Account {
  const found = on.state.read(accountsCollection, id);
  if (found === undefined) throw new Error(`no account ${id}`);
  return found;
}

/** Accounts A (north, 100 and overdraft 50), B (south), E (euro), C (closed), U (no limit). */
function furnished(): Bench {
  const on = bench();
  on.call(clearing, 'open', open({ account: 'A', openingBalance: 100n, overdraftLimit: 50n }));
  on.call(clearing, 'open', open({ account: 'B', branch: 'SOUTH' }));
  on.call(clearing, 'open', open({ account: 'E', currency: 'EUR' }));
  on.call(clearing, 'open', open({ account: 'U', overdraftLimit: undefined }));
  on.call(clearing, 'open', open({ account: 'C' }));
  on.state.write(accountsCollection, 'C', { ...account(on, 'C'), status: 'closed' });
  return on;
}

type Case = readonly [code: string, signer: SignerIdentity, args: Value];

/** Each case gives its code and changes nothing; together they hit every code of the method but `elsewhere`. */
function refusals(
  t: ExecutionContext,
  method: string,
  cases: readonly Case[],
  elsewhere: readonly string[] = [],
): Bench {
  const on = furnished();
  const before = new Map(on.state.records);
  for (const [at, [code, signer, args]] of cases.entries()) t.is(on.call(signer, method, args), code, `case ${at}`);
  t.deepEqual(on.state.records, before);
  const listed = payments.methods[method]?.refusals ?? [];
  const hit = [...cases.map(([code]) => code), ...elsewhere];
  t.deepEqual([...new Set(hit)], [...listed], 'every code, in order of precedence');
  for (const code of listed) t.true(Object.hasOwn(refusalTexts, code), `${code} is explained`);
  return on;
}

test('open: each refusal in its order, and nothing changes', (t) => {
  refusals(t, 'open', [
    ['DS0G', who('NORTH', 'auditor', 'operator'), open({})],
    ['DS0G', teller, open({ openingBalance: 1n })],
    ['DS0G', teller, open({ overdraftLimit: 1n })],
    ['DS0G', teller, open({ overdraftLimit: undefined })],
    ['DS0H', teller, open({ branch: 'SOUTH', account: 'ISSUED-X' })],
    ['AC01', teller, open({ account: 'ISSUED-CZK', currency: 'QQQ' })],
    ['AC08', clearing, open({ branch: 'MOON', currency: 'QQQ' })],
    ['AM11', clearing, open({ currency: 'QQQ', overdraftLimit: -1n })],
    ['AM12', clearing, open({ overdraftLimit: -1n })],
    ['AM12', clearing, open({ openingBalance: -1n })],
    ['AM12', clearing, open({ openingBalance: amountMax + 1n })],
    ['DUPACCT', clearing, open({ account: 'B', openingBalance: 901n })],
    ['AM14', clearing, open({ account: 'N', openingBalance: 901n })],
    ['AM14', clearing, open({ account: 'N', currency: 'EUR', openingBalance: 1n })],
  ]);
});

test('transfer: each refusal in its order, and nothing changes', (t) => {
  const cases: Case[] = [
    ['DS0G', who('NORTH', 'officer'), transfer({ amount: 0n })],
    ['AM01', teller, transfer({ amount: 0n, to: 'A' })],
    ['AM12', teller, transfer({ amount: -5n, to: 'A' })],
    ['AM12', teller, transfer({ amount: amountMax + 1n })],
    ['AG01', teller, transfer({ from: 'X', to: 'X' })],
    ['AG01', clearing, transfer({ from: 'ISSUED-CZK' })],
    ['AG01', clearing, transfer({ to: 'ISSUED-CZK' })],
    ['AC02', teller, transfer({ from: 'X', to: 'Y' })],
    ['AC03', teller, transfer({ from: 'B', to: 'Y' })],
    ['DS0H', teller, transfer({ from: 'B', to: 'C' })],
    ['AC04', teller, transfer({ to: 'C', currency: 'EUR' })],
    ['AC04', teller, transfer({ from: 'C' })],
    ['AM03', teller, transfer({ to: 'E', amount: 1_000n })],
    ['AM03', teller, transfer({ from: 'E' })],
    ['AM03', teller, transfer({ currency: 'EUR' })],
    ['AM04', teller, transfer({ amount: 151n })],
  ];
  const on = refusals(t, 'transfer', cases, ['AM14']);
  on.state.write(accountsCollection, 'B', { ...account(on, 'B'), balance: balanceMax - 9n });
  t.is(on.call(teller, 'transfer', transfer()), 'AM14', 'no balance passes 2^63 - 1');
  on.state.write(accountsCollection, 'U', { ...account(on, 'U'), balance: -balanceMax + 9n });
  t.is(on.call(teller, 'transfer', transfer({ from: 'U', to: 'A' })), 'AM14', 'nor falls below its negative');
});

test('issue: each refusal in its order, and nothing changes', (t) => {
  const defaults = { to: 'B', amount: 1n, currency: 'CZK', purpose: '', date: '' };
  const issue = (args: Partial<typeof defaults> = {}) => issueArguments({ ...defaults, ...args });
  const on = refusals(t, 'issue', [
    ['DS0G', teller, issue({ amount: 0n })],
    ['AM01', clearing, issue({ amount: 0n, to: 'ISSUED-CZK' })],
    ['AM12', clearing, issue({ amount: -1n })],
    ['AG01', clearing, issue({ to: 'ISSUED-CZK' })],
    ['AC03', clearing, issue({ to: 'X' })],
    ['AC04', clearing, issue({ to: 'C', currency: 'EUR' })],
    ['AM03', clearing, issue({ to: 'E', amount: 901n })],
    ['AM14', clearing, issue({ amount: 901n })],
    ['AM14', clearing, issue({ to: 'E', currency: 'EUR' })],
  ]);
  t.is(on.call(clearing, 'issue', issue({ amount: 900n })), 'OK');
  t.is(account(on, 'B').balance, 900n);
  t.is(account(on, issuedAccount('CZK')).balance, -1_000n);
  t.is(on.call(clearing, 'issue', issue()), 'AM14', 'all that genesis allows is issued');
});

test('batch and open-batch: refused as a whole only for a signer without a role for it', (t) => {
  const lines = [{ reference: 'L1', args: transferDefaults }];
  const opening = [{ reference: 'L1', args: openDefaults }];
  refusals(t, 'batch', [['DS0G', who('NORTH', 'officer'), batchArguments(lines)]]);
  refusals(t, 'open-batch', [['DS0G', who('NORTH', 'auditor'), openBatchArguments(opening)]]);
  const decision = furnished().decide(teller, 'batch', batchArguments(lines));
  t.deepEqual(decision, { events: [], lines: [{ reference: 'L1', method: 'transfer', args: transfer() }] });
  t.is(paymentLines('batch', batchArguments([...lines, ...lines])), 2);
  t.is(paymentLines('transfer', transfer()), 1);
  for (const bad of ['x', [], [[]], [1]]) t.is(paymentLines('batch', bad), 1);
  t.is(paymentLines('batch', [Array.from({ length: batchLinesMax }, () => 0)]), batchLinesMax);
  t.is(paymentLines('batch', [Array.from({ length: 5_000 }, () => 0)]), 1, 'it is refused as a whole');
});

test('a teller moves money of the own branch, the settlement agent any', (t) => {
  const on = furnished();
  t.is(on.call(teller, 'transfer', transfer({ amount: 150n })), 'OK', 'down to the overdraft limit');
  t.is(account(on, 'A').balance, -50n);
  t.is(on.call(teller, 'transfer', transfer({ amount: 1n })), 'AM04');
  t.is(on.call(clearing, 'transfer', transfer({ from: 'B', to: 'A', amount: 150n })), 'OK');
  t.is(on.call(teller, 'transfer', transfer({ from: 'U', amount: amountMax })), 'OK', 'no limit is no limit');
  t.is(account(on, 'U').balance, -amountMax);
});

test('opening with a balance posts it against ISSUED-<currency>, its previous index being the own entry', (t) => {
  const on = bench();
  on.index = 7;
  const decision = on.decide(clearing, 'open', open({ openingBalance: 100n }));
  const events = 'events' in decision ? decision.events : [];
  t.deepEqual(
    events.map(({ type }) => type),
    ['opened', 'issued'],
  );
  const posting = postingSchema.read(events[1]?.payload ?? []);
  t.deepEqual(posting.creditor, { account: 'A', seq: 1, previous: 7, balance: 100n });
  t.deepEqual(posting.debtor, { account: 'ISSUED-CZK', seq: 1, previous: 0, balance: -100n });
});

test('each posting continues both chains: seq, previous index and balance after', (t) => {
  const on = furnished();
  const chains = new Map(['A', 'B', 'U'].map((id) => [id, account(on, id)]));
  const moves = [
    ['A', 'B', 5n],
    ['U', 'A', 7n],
    ['B', 'U', 5n],
    ['A', 'B', 1n],
  ] as const;
  for (const [from, to, amount] of moves) {
    const { index } = on;
    const decision = on.decide(clearing, 'transfer', transfer({ from, to, amount }));
    const posting = postingSchema.read(('events' in decision ? decision.events[0]?.payload : undefined) ?? []);
    for (const side of [posting.debtor, posting.creditor]) {
      const before = chains.get(side.account);
      if (before === undefined) return t.fail();
      const balance = before.balance + (side === posting.debtor ? -amount : amount);
      t.deepEqual(side, { account: side.account, seq: before.seq + 1, previous: before.lastIndex, balance });
      chains.set(side.account, { ...before, seq: side.seq, lastIndex: index, balance });
    }
    t.is(on.call(clearing, 'transfer', transfer({ from, to, amount })), 'OK');
  }
});

test('random transfers conserve money and match a small model', (t) => {
  const ids = ['A', 'B', 'C', 'D'];
  const limits = [0n, 50n, undefined, 1_000n];
  const side = fc.constantFrom(...ids, 'X');
  const action = fc.record({ from: side, to: side, amount: fc.bigInt({ min: -2n, max: 300n }) });
  const holds = fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
    const on = bench();
    const model = new Map<string, bigint>();
    ids.forEach((id, i) => {
      on.call(clearing, 'open', open({ account: id, overdraftLimit: limits[i], openingBalance: 100n }));
      model.set(id, 100n);
    });
    for (const { from, to, amount } of actions) {
      const [debtor, creditor, limit] = [model.get(from), model.get(to), limits[ids.indexOf(from)]];
      const known = debtor !== undefined && creditor !== undefined;
      const accepted = known && amount > 0n && from !== to && (limit === undefined || debtor - amount >= -limit);
      const code = on.call(clearing, 'transfer', transfer({ from, to, amount }));
      if (accepted !== (code === 'OK')) return false;
      if (!accepted) continue;
      model.set(from, debtor - amount);
      model.set(to, creditor + amount);
    }
    const balances = [...ids, issuedAccount('CZK')].map((id) => account(on, id).balance);
    return balances.reduce((a, b) => a + b) === 0n && ids.every((id, i) => model.get(id) === balances[i]);
  });
  fc.assert(holds, { numRuns: 200, seed: 1 });
  t.pass();
});
