// One payment, signed by a user and final when the command ends.
import { paymentsName, transferArguments } from '../../contracts/payments.ts';
import { formatAmount } from '../../node/ledger/amount.ts';
import type { Value } from '../../node/ledger/codec.ts';
import { accepted } from '../../node/ledger/entry.ts';
import { CliError } from '../exit-codes.ts';
import { money, outcomeLine, outcomeView, refusedError } from '../format.ts';
import { namingReference, newReference, runOperation } from '../operation.ts';
import { outboxKey } from '../outbox.ts';
import { confirm } from '../passphrase.ts';
import { readPayment } from '../payment-line.ts';
import { isSamePayment } from '../payments.ts';
import { meetPolicy } from '../policy-checkpoint.ts';
import { type CommonOptions, Session } from '../session.ts';
import { UnnamedReference } from '../unnamed-reference.ts';

interface Options extends CommonOptions {
  readonly from: string;
  readonly to: string;
  readonly amount: string;
  readonly currency: string;
  readonly reference?: string;
  readonly purpose: string;
  readonly date?: string;
}

export async function run(options: Options): Promise<void> {
  const session = new Session(options);
  const date = options.date ?? new Date().toISOString().slice(0, 10);
  const { from, to, amount: amountText, currency, purpose } = options;
  const named = options.reference ?? newReference('T');
  const payment = readPayment({ reference: named, date, from, to, amount: amountText, currency, purpose });
  if (typeof payment === 'string') throw new CliError('usage', payment, 'Nothing was sent.');
  const unnamed = options.reference === undefined ? unnamedFor(session, options) : undefined;
  const reference = unnamed?.text ?? named;
  const { amount } = payment;
  const key = await session.signer();
  const sum = money(amount, currency);
  await confirm(
    session,
    `Sign as ${key.name} of ${key.member}: pay ${sum} from ${from} to ${to}, reference ${reference}?`,
  );
  const args = transferArguments({ from, to, amount, currency, purpose, date });
  const isSame = (other: Value) => isSamePayment(other, args);
  const operation = { contract: paymentsName, method: 'transfer', args, reference, isSame };
  const naming = namingReference(options.reference, reference);
  unnamed?.keep();
  const { outcome, already, args: paid } = await runOperation(session, key, operation).catch(naming);
  const policy = await meetPolicy(session).catch(naming);
  const view = outcomeView(key.member, reference, outcome, already, policy);
  // Of the words of an earlier payment under this reference those of then stand in the ledger.
  const [, , , , words = '', day = ''] = Array.isArray(paid) ? paid : [];
  const shown = { from, to, amount: formatAmount(amount, currency), currency, purpose: words, date: day };
  session.output.data({ ...view, ...shown }, () => [`${sum} from ${from} to ${to}`, outcomeLine(view)].join('\n'));
  unnamed?.settled();
  if (outcome.outcome !== accepted) throw refusedError(view);
}

/** The same words of the command line are the same payment, as long as an earlier one has no outcome. */
function unnamedFor(session: Session, options: Options): UnnamedReference {
  const { paths, ledger, output } = session;
  const { from, to, amount, currency, purpose, date = '' } = options;
  const what = [from, to, amount, currency, purpose, date];
  const key = outboxKey('unnamed', ledger.chainId, session.signerName(), 'transfer', ...what);
  const chosen = UnnamedReference.choose(paths.outbox, key, 'T');
  if (chosen.isEarlier)
    output.note(
      `An earlier run of this command ended without an outcome: this one goes on with it, as ${chosen.text}. ` +
        'For a further payment run it again, or give a --reference.',
    );
  return chosen;
}
