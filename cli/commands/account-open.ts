// Opens one account.
import { openArguments, paymentsName } from '../../contracts/payments.ts';
import { type AmountRange, parseAmount } from '../../node/ledger/amount.ts';
import { accepted } from '../../node/ledger/entry.ts';
import { CliError } from '../exit-codes.ts';
import { outcomeLine, outcomeView, refusedError } from '../format.ts';
import { namingReference, newReference, runOperation } from '../operation.ts';
import { confirm } from '../passphrase.ts';
import { amountReason, identifierProblem } from '../payment-line.ts';
import { meetPolicy } from '../policy-checkpoint.ts';
import { type CommonOptions, Session } from '../session.ts';

interface Options extends CommonOptions {
  readonly currency: string;
  readonly branch?: string;
  readonly overdraftLimit: string;
  readonly openingBalance: string;
  readonly reference?: string;
}

export async function run(options: Options, account: string): Promise<void> {
  const session = new Session(options);
  const problem = identifierProblem('account', account) ?? identifierProblem('branch', options.branch ?? 'OWN');
  if (problem !== undefined) throw new CliError('usage', problem, 'Nothing was sent.');
  const { currency, overdraftLimit: limitText, openingBalance: openingText } = options;
  const amountOf = (text: string, range: AmountRange): bigint => {
    const amount = parseAmount(text, currency, range);
    if (typeof amount === 'string') throw new CliError('usage', amountReason(amount, text, currency));
    return amount;
  };
  const overdraftLimit = limitText === 'none' ? undefined : amountOf(limitText, 'not-negative');
  const openingBalance = amountOf(openingText, 'not-negative');
  const key = await session.signer();
  const branch = options.branch ?? key.member;
  const args = openArguments({ account, branch, currency, overdraftLimit, openingBalance });
  const reference = options.reference ?? newReference('O');
  const terms = `overdraft limit ${limitText}${openingBalance > 0n ? `, opening balance ${openingText}` : ''}`;
  await confirm(
    session,
    `Sign as ${key.name} of ${key.member}: open ${account} of ${branch} in ${currency}, ${terms}?`,
  );
  const operation = { contract: paymentsName, method: 'open', args, reference };
  const naming = namingReference(options.reference, reference);
  const { outcome, already } = await runOperation(session, key, operation).catch(naming);
  const view = outcomeView(key.member, reference, outcome, already, await meetPolicy(session).catch(naming));
  session.output.data({ account, branch, currency, ...view }, () => `${account}: ${outcomeLine(view)}`);
  if (outcome.outcome !== accepted) throw refusedError(view);
}
