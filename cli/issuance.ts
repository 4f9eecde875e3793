// What may be issued, as an option says it: EUR:1000000.00.
import type { Issuance } from '../genesis/genesis.ts';
import { parseAmount } from '../node/ledger/amount.ts';
import { CliError } from './exit-codes.ts';
import { amountReason } from './payment-line.ts';

export function parseIssuance(text: string): Issuance {
  const [currency = '', amountText = '', ...rest] = text.split(':');
  if (rest.length > 0 || amountText === '')
    throw new CliError('usage', `--issue ${text}: not CURRENCY:AMOUNT`, 'For example --issue EUR:1000000.00.');
  const amount = parseAmount(amountText, currency);
  if (typeof amount === 'string') throw new CliError('usage', amountReason(amount, amountText, currency));
  return { currency, amount };
}
