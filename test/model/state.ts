// What the model keeps: plain maps, and under them the records as the state tree has them. Changes of one operation are
// made on a draft, which is kept or thrown away as a whole.
import type { Value } from '../../node/ledger/codec.ts';

export type Place = readonly [contract: string, collection: string, key: string];

export interface Account {
  readonly branch: string;
  readonly currency: string;
  readonly balance: bigint;
  readonly limit: bigint | undefined;
  readonly seq: number;
  readonly lastIndex: number;
}

export interface Signer {
  readonly member: string;
  readonly user: string;
  readonly roles: number;
}

const separator = '\u0000';

export class State {
  readonly #records = new Map<string, Value>();
  /** Undefined: taken away. */
  #draft: Map<string, Value | undefined> | undefined;

  begin(): void {
    this.#draft = new Map();
  }

  keep(): void {
    const draft = this.#draft ?? new Map<string, Value | undefined>();
    this.#draft = undefined;
    for (const [key, value] of draft) this.#put(key, value);
  }

  drop(): void {
    this.#draft = undefined;
  }

  get(...place: Place): Value | undefined {
    const key = place.join(separator);
    return this.#draft?.has(key) === true ? this.#draft.get(key) : this.#records.get(key);
  }

  set(place: Place, value: Value): void {
    this.#put(place.join(separator), value);
  }

  remove(place: Place): void {
    this.#put(place.join(separator), undefined);
  }

  #put(key: string, value: Value | undefined): void {
    if (this.#draft !== undefined) this.#draft.set(key, value);
    else if (value === undefined) this.#records.delete(key);
    else this.#records.set(key, value);
  }

  *records(): Iterable<readonly [Place, Value]> {
    for (const [key, value] of this.#records) {
      const [contract = '', collection = '', ...rest] = key.split(separator);
      yield [[contract, collection, rest.join(separator)], value];
    }
  }

  account(id: string): Account | undefined {
    const row = this.get('payments', 'accounts', id);
    if (!Array.isArray(row)) return undefined;
    const [branch, currency, balance, limit, seq, lastIndex] = row as readonly Value[];
    const [overdraft] = limit as readonly (number | bigint)[];
    return {
      branch: String(branch),
      currency: String(currency),
      balance: BigInt(balance as number | bigint),
      limit: overdraft === undefined ? undefined : BigInt(overdraft),
      seq: Number(seq),
      lastIndex: Number(lastIndex),
    };
  }

  setAccount(id: string, { branch, currency, balance, limit, seq, lastIndex }: Account): void {
    const overdraft = limit === undefined ? [] : [limit];
    this.set(['payments', 'accounts', id], [branch, currency, balance, overdraft, seq, lastIndex, 'open']);
  }

  isMember(id: string): boolean {
    return this.get('consortium', 'members', id) !== undefined;
  }
}
