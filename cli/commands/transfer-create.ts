// One payment, signed by a user and final when the command ends.
import { paymentsName, transferArguments } from '../../contracts/payments.ts';
import { formatAmount } from '../../node/ledger/amount.ts';
import { accepted } from '../../node/ledger/entry.ts';
import { CliError } from '../exit-codes.ts';
import { money, outcomeLine, outcomeView, refusedError } from '../format.ts';
import { namingReference, newReference, runOperation } from '../operation.ts';
import { confirm } from '../passphrase.ts';
import { readPayment } from '../payment-line.ts';
import { meetPolicy } from '../policy-checkpoint.ts';
import { type CommonOptions, Session } from '../session.ts';

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
  const reference = options.reference ?? newReference('T');
  const date = options.date ?? new Date().toISOString().slice(0, 10);
  const { from, to, amount: amountText, currency, purpose } = options;
  const payment = readPayment({ reference, date, from, to, amount: amountText, currency, purpose });
  if (typeof payment === 'string') throw new CliError('usage', payment, 'Nothing was sent.');
  const { amount } = payment;
  const key = await session.signer();
  const sum = money(amount, currency);
  await confirm(
    session,
    `Sign as ${key.name} of ${key.member}: pay ${sum} from ${from} to ${to}, reference ${reference}?`,
  );
  const args = transferArguments({ from, to, amount, currency, purpose, date });
  const operation = { contract: paymentsName, method: 'transfer', args, reference };
  const naming = namingReference(options.reference, reference);
  const { outcome, already } = await runOperation(session, key, operation).catch(naming);
  const policy = await meetPolicy(session).catch(naming);
  const view = outcomeView(key.member, reference, outcome, already, policy);
  session.output.data({ ...view, from, to, amount: formatAmount(amount, currency), currency, purpose, date }, () =>
    [`${sum} from ${from} to ${to}`, outcomeLine(view)].join('\n'),
  );
  if (outcome.outcome !== accepted) throw refusedError(view);
}
