// One signed operation: what is said of its reference where the reference is used, or nobody gave one.
import test from 'ava';
import { CliError } from '../../cli/exit-codes.ts';
import { namingReference, runOperation } from '../../cli/operation.ts';
import { isSamePayment } from '../../cli/payments.ts';
import { Session } from '../../cli/session.ts';
import { UnnamedReference } from '../../cli/unnamed-reference.ts';
import { paymentsName, transferArguments } from '../../contracts/payments.ts';
import type { Value } from '../../node/ledger/codec.ts';
import { fileIn, folderOf, quietOutput, served } from './_home.ts';

test('a used reference is refused with DU04 also by a node that shows to nobody what used it', async (t) => {
  const paid = { from: 'D', to: 'A', amount: 1n, currency: 'CZK', purpose: '', date: '' };
  for (const [openReads, message, next] of [
    [true, /^DU04: .* used reference T1 for something else: payments.transfer/, /^Use another --reference/],
    [false, /^DU04: .*; this node does not show what for$/, /openReads = true: daybook transfer show T1 --member /],
  ] as const) {
    const api = await served(t, 5, { openReads });
    const home = folderOf(t);
    fileIn(home, 'genesis.json', api.node.genesisText);
    const session = new Session({ home, node: [api.url] }, quietOutput());
    const pay = (amount: bigint) => {
      const args = transferArguments({ ...paid, amount });
      return runOperation(session, api.key, { contract: paymentsName, method: 'transfer', args, reference: 'T1' });
    };
    t.is((await pay(1n)).outcome.outcome, 'OK');
    t.like(await pay(1n), { already: true, outcome: { outcome: 'OK' } }, 'the same again is what it was');
    const error = await t.throwsAsync(pay(2n), { instanceOf: CliError, message });
    t.like(error, { exitCode: 5, code: 'DU04' });
    t.regex(error?.next ?? '', next);
  }
});

test('where nobody gave a reference, one that got no outcome is named, so that a second run is the same', (t) => {
  const late = new CliError('timeout', 'no outcome', 'Run the same command again.');
  const refused = new CliError('refused', 'no', 'Never.');
  const next = 'Run the command again with --reference O-1: then it is done only once.';
  const cut = new CliError('unreachable', 'other side closed', 'Is it up?');
  for (const [given, error, advice] of [
    [undefined, late, next],
    [undefined, cut, `Is it up? ${next}`],
    ['O-1', late, late.next],
    [undefined, refused, refused.next],
  ] as const) {
    const thrown = t.throws(() => namingReference(given, 'O-1')(error), { instanceOf: CliError });
    t.like(thrown, { exit: error.exit, next: advice });
  }
});

test('the same payment on another day, or in other words, is the payment that its reference paid', async (t) => {
  const api = await served(t, 5);
  const home = folderOf(t);
  fileIn(home, 'genesis.json', api.node.genesisText);
  const session = new Session({ home, node: [api.url] }, quietOutput());
  const pay = (amount: bigint, date: string, purpose: string) => {
    const args = transferArguments({ from: 'D', to: 'A', amount, currency: 'CZK', purpose, date });
    const isSame = (other: Value) => isSamePayment(other, args);
    return runOperation(session, api.key, {
      contract: paymentsName,
      method: 'transfer',
      args,
      reference: 'T1',
      isSame,
    });
  };
  t.false((await pay(1n, '2026-11-30', 'rent')).already);
  const again = await pay(1n, '2026-12-01', '');
  t.like(again, { already: true, outcome: { outcome: 'OK' } }, 'nobody is told to pay it under another reference');
  t.deepEqual(again.args, ['D', 'A', 1, 'CZK', 'rent', '2026-11-30'], 'the words are those of the ledger');
  await t.throwsAsync(pay(2n, '2026-12-01', ''), { message: /used reference T1 for something else/ });
});

test('a payment without a reference that was cut off is gone on with, and one that was told is not', (t) => {
  const folder = folderOf(t);
  const first = UnnamedReference.choose(folder, 'k', 'T');
  t.false(first.isEarlier);
  first.keep();
  t.false(UnnamedReference.choose(folder, 'k', 'T').isEarlier, 'its run is at work: another one pays another time');
  // The run was killed: its mark is of no process.
  fileIn(folder, `k.${first.text}.unsettled.json`, '{"pid":1,"start":"long ago"}');
  const next = UnnamedReference.choose(folder, 'k', 'T');
  t.like(next, { text: first.text, isEarlier: true });
  t.not(UnnamedReference.choose(folder, 'other', 'T').text, first.text);
  next.keep();
  next.settled();
  t.false(UnnamedReference.choose(folder, 'k', 'T').isEarlier);
});
