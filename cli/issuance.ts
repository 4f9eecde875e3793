// What may be issued, as an option says it: EUR:1000000.00.
import { readFileSync } from 'node:fs';
import type { Issuance } from '../genesis/genesis.ts';
import { parseGenesis } from '../genesis/genesis-text.ts';
import { parseAmount } from '../node/ledger/amount.ts';
import { CliError } from './exit-codes.ts';
import { money } from './format.ts';
import type { HomePaths } from './home.ts';
import { amountReason } from './payment-line.ts';

export function parseIssuance(text: string): Issuance {
  const [currency = '', amountText = '', ...rest] = text.split(':');
  if (rest.length > 0 || amountText === '')
    throw new CliError('usage', `--issue ${text}: not CURRENCY:AMOUNT`, 'For example --issue EUR:1000000.00.');
  const amount = parseAmount(amountText, currency);
  if (typeof amount === 'string') throw new CliError('usage', amountReason(amount, amountText, currency));
  return { currency, amount };
}

/** Throws where the chain that is there may not issue what is asked for: its genesis alone says what it may. */
export function checkIssued(paths: HomePaths, asked: readonly Issuance[]): void {
  if (asked.length === 0) return;
  const { issuance } = parseGenesis(readFileSync(paths.genesis, 'utf8')).payments;
  const isIssued = (each: Issuance) =>
    issuance.some(({ currency, amount }) => currency === each.currency && amount === each.amount);
  if (asked.every(isIssued)) return;
  const shown = (all: readonly Issuance[]) =>
    all.map(({ currency, amount }) => money(amount, currency)).join(' and ') || 'nothing';
  throw new CliError(
    'usage',
    `the chain in ${paths.folder} may issue ${shown(issuance)}, not ${shown(asked)}`,
    'Leave --issue out, or begin another chain in another --home.',
  );
}
