// Made-up accounts and payments, and what the balances must be after them: line by line in file order, and a line that
// the money does not suffice for is refused.
import { prng } from '../_prng.ts';

export interface Bank {
  readonly accountsCsv: string;
  readonly paymentsCsv: string;
  readonly payments: number;
  /** Lines that must be refused for lack of money. */
  readonly refused: number;
  /** In minor units. */
  readonly balances: ReadonlyMap<string, bigint>;
}

export interface BankPlan {
  readonly seed: number;
  readonly customers: number;
  readonly payments: number;
  /** Begins every reference. */
  readonly prefix: string;
}

const tills = ['CASH-1', 'CASH-2'];

/** Four payments in ten are deposits from a till without limit; the rest goes between customers who may lack money. */
export function makeBank({ seed, customers, payments, prefix }: BankPlan): Bank {
  const random = prng(seed);
  const names = Array.from({ length: customers }, (_, i) => `C-${i + 1}`);
  const balances = new Map<string, bigint>([...tills, ...names].map((name) => [name, 0n]));
  const rows: string[] = [];
  let refused = 0;
  for (let i = 0; i < payments; i++) {
    const isDeposit = random.int(10) < 4;
    const from = isDeposit ? random.pick(tills) : random.pick(names);
    const to = random.pick(names.filter((name) => name !== from));
    const amount = BigInt(1 + random.int(isDeposit ? 50_000 : 20_000));
    rows.push(`${prefix}${i + 1},2026-03-02,${from},${to},${decimal(amount)},CZK,made up`);
    if (!isDeposit && (balances.get(from) ?? 0n) < amount) {
      refused++;
      continue;
    }
    balances.set(from, (balances.get(from) ?? 0n) - amount);
    balances.set(to, (balances.get(to) ?? 0n) + amount);
  }
  const branchOf = (i: number) => `BRANCH-${1 + (i % 4)}`;
  const accounts = [
    ...tills.map((till, i) => `${till},${branchOf(i)},CZK,none,0.00`),
    ...names.map((name, i) => `${name},${branchOf(i)},CZK,0.00,0.00`),
  ];
  return {
    accountsCsv: ['account,branch,currency,overdraft_limit,opening_balance', ...accounts, ''].join('\n'),
    paymentsCsv: ['reference,date,from,to,amount,currency,purpose', ...rows, ''].join('\n'),
    payments,
    refused,
    balances,
  };
}

export function decimal(amount: bigint): string {
  const digits = (amount < 0n ? -amount : amount).toString().padStart(3, '0');
  return `${amount < 0n ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}
