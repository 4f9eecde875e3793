// Follows the money of a log from its events alone: what an audit without execution still knows of every balance.
import type { Genesis } from '../../genesis/genesis.ts';
import { formatAmount } from '../ledger/amount.ts';
import { type CheckedBlock, FindingError } from './chain.ts';
import type { CurrencySum } from './finding.ts';
import { AccountBook } from './money.ts';
import type { Projection } from './projection.ts';

const contractOfMoney = 'payments';

export class Bookkeeper implements Projection {
  readonly executes = false;
  readonly #book: AccountBook;
  #height = 0;

  constructor({ payments }: Pick<Genesis, 'payments'>) {
    this.#book = new AccountBook(new Map(payments.issuance.map(({ currency, amount }) => [currency, amount])));
  }

  get accounts(): AccountBook['accounts'] {
    return this.#book.accounts;
  }

  block({ header, body }: CheckedBlock): void {
    const { height } = header;
    for (const { entry, index } of body)
      for (const event of entry.events) {
        if (event.contract !== contractOfMoney) continue;
        const fault = this.#book.apply(event, index);
        if (fault !== undefined) throw new FindingError({ height, index, ...fault });
      }
    this.#height = height;
  }

  finish(): readonly CurrencySum[] {
    return this.#book.totals().map(({ currency, accounts, moved, issued, balances }) => {
      const text = (amount: bigint) => formatAmount(amount, currency);
      if (balances !== 0n)
        throw new FindingError({
          ...{ height: this.#height, rule: 'conservation', detail: `all balances of ${currency} sum to ${balances}` },
          ...{ found: text(balances), expected: text(0n) },
        });
      return { currency, accounts, moved: text(moved), issued: text(issued), balances: text(balances) };
    });
  }
}
