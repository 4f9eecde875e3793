// One signed operation: what is said of its reference where the reference is used, or nobody gave one.
import test from 'ava';
import { CliError } from '../../cli/exit-codes.ts';
import { namingReference, runOperation } from '../../cli/operation.ts';
import { Session } from '../../cli/session.ts';
import { paymentsName, transferArguments } from '../../contracts/payments.ts';
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
  for (const [given, error, advice] of [
    [undefined, late, next],
    ['O-1', late, late.next],
    [undefined, refused, refused.next],
  ] as const) {
    const thrown = t.throws(() => namingReference(given, 'O-1')(error), { instanceOf: CliError });
    t.like(thrown, { exit: error.exit, next: advice });
  }
});
