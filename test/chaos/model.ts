// The bank as its customers understand it, in forty lines of its own: what each operation must come to when it is done
// after all those before it. It imports no contract, so that a bug there cannot hide itself here.
import type { Operation, Payment } from './history.ts';

interface ModelAccount {
  readonly branch: string;
  /** How far below zero it may go; undefined: any depth. */
  readonly overdraft: bigint | undefined;
  balance: bigint;
  /** Balance after each height that changed it. */
  readonly past: { readonly height: number; readonly balance: bigint }[];
}

/** The clearing member moves every branch's money. */
export const clearing = 'CLEARING';
export const issuer = 'ISSUED-CZK';

export class BankModel {
  readonly #accounts = new Map<string, ModelAccount>();
  /** `member reference`, of transactions and lines. */
  readonly #used = new Set<string>();

  constructor() {
    this.#accounts.set(issuer, { branch: '', overdraft: undefined, balance: 0n, past: [] });
  }

  /** Outcome of the whole, and of each line of a batch. */
  apply(member: string, reference: string, operation: Operation, height: number): { outcome: string; lines: string[] } {
    this.#use(member, reference);
    switch (operation.kind) {
      case 'open':
        return { outcome: this.#open(operation, height), lines: [] };
      case 'transfer':
        return { outcome: this.#transfer(member, operation, height), lines: [] };
      case 'batch': {
        const lines = operation.lines.map((line) =>
          this.#use(member, line.reference) ? this.#transfer(member, line, height) : 'DU04',
        );
        return { outcome: 'OK', lines };
      }
      case 'governance':
        return { outcome: 'OK', lines: [] };
    }
  }

  /** False where the reference was used before. */
  #use(member: string, reference: string): boolean {
    const key = `${member} ${reference}`;
    if (this.#used.has(key)) return false;
    this.#used.add(key);
    return true;
  }

  #open({ account, branch, overdraft, opening }: Operation & { kind: 'open' }, height: number): string {
    if (this.#accounts.has(account)) return 'DUPACCT';
    const limit = overdraft === undefined ? undefined : BigInt(overdraft);
    this.#accounts.set(account, { branch, overdraft: limit, balance: 0n, past: [{ height, balance: 0n }] });
    if (BigInt(opening) > 0n) this.#move(issuer, account, BigInt(opening), height);
    return 'OK';
  }

  #transfer(member: string, { from, to, amount: text }: Payment, height: number): string {
    const amount = BigInt(text);
    const debtor = this.#accounts.get(from);
    if (amount === 0n) return 'AM01';
    if (from === to) return 'AG01';
    if (debtor === undefined) return 'AC02';
    if (!this.#accounts.has(to)) return 'AC03';
    if (member !== clearing && member !== debtor.branch) return 'DS0H';
    if (debtor.overdraft !== undefined && debtor.balance + debtor.overdraft < amount) return 'AM04';
    this.#move(from, to, amount, height);
    return 'OK';
  }

  #move(from: string, to: string, amount: bigint, height: number): void {
    for (const [name, change] of [
      [from, -amount],
      [to, amount],
    ] as const) {
      const account = this.#accounts.get(name);
      if (account === undefined) continue;
      account.balance += change;
      if (account.past.at(-1)?.height === height) account.past.pop();
      account.past.push({ height, balance: account.balance });
    }
  }

  names(): string[] {
    return [...this.#accounts.keys()];
  }

  /** Undefined where there was no such account yet. */
  balanceAt(name: string, height: number): bigint | undefined {
    const account = this.#accounts.get(name);
    if (account === undefined) return undefined;
    let [low, high] = [0, account.past.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((account.past[middle]?.height ?? 0) <= height) low = middle + 1;
      else high = middle;
    }
    return account.past[low - 1]?.balance ?? (name === issuer ? 0n : undefined);
  }
}
