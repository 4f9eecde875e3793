// How many of a block's lines a transaction takes, whatever its arguments are.
import test from 'ava';
import { lineCount } from '../../contracts/registry.ts';
import type { Value } from '../../node/ledger/codec.ts';
import { batchLinesMax, blockBytesMax, blockLinesMax, blockTransactionsMax } from '../../node/ledger/limits.ts';
import { bodyOf } from '../../node/ledger/transaction.ts';
import { Mempool } from '../../node/mempool.ts';
import { officers, TestLedger } from '../execution/_ledger.ts';

const key = new Uint8Array(32);
const user: Value = [1, ['NORTH', 'anna', key, 1]];

function lines(contract: string, method: string, args: Value): number {
  const rest = { chainId: key, member: 'NORTH', reference: 'R', validUntil: 0 };
  return lineCount(bodyOf({ ...rest, contract, method, args }));
}

test('a proposal takes lines by what it asks for, an approval by what it may write again', (t) => {
  const till = ['till', key, 1];
  const member: Value = [0, ['NEW', 'New branch', [till, till]]];
  t.is(lines('consortium', 'propose', [[user]]), 1);
  t.is(lines('consortium', 'propose', [[user, [7, ['node-1']], member]]), 5);
  const most = Array.from({ length: 250 }, () => user);
  t.is(lines('consortium', 'propose', [most]), batchLinesMax, 'or it would fit into no block behind others');
  t.is(lines('consortium', 'approve', [['NORTH', 'P']]), 64);
  for (const bad of ['x', 7, [], [7], [[]]]) t.is(lines('consortium', 'propose', bad), 1);
  for (const bad of [[[]], [7], [[0, 'x']], [[0, []]]]) t.is(lines('consortium', 'propose', [bad]), 1);
  t.is(lines('consortium', 'other', [most]), 1);
  t.is(lines('nothing', 'propose', [most]), 1);
});

test('proposals of the largest kind fill a block before they fill the time that it may take', (t) => {
  const ledger = new TestLedger();
  const changes = Array.from({ length: 250 }, (_, i) => [1, ['NORTH', `user-${i}`, key.with(0, i), 1]]);
  const limits = { transactionsMax: 100, bytesMax: 2 * blockBytesMax, memberShare: 0.95 };
  const mempool = new Mempool(limits, ({ body }) => lineCount(body));
  for (let i = 0; i < 30; i++)
    mempool.add(ledger.transaction(officers.NORTH, 'consortium', 'propose', [changes]), 'client');
  const block = { transactionsMax: blockTransactionsMax, bytesMax: blockBytesMax, linesMax: blockLinesMax };
  const taken = mempool.take({ ...block, memberTransactionsMax: blockTransactionsMax });
  t.is(taken.length, Math.floor(blockLinesMax / batchLinesMax));
});
