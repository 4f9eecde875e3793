// Random operations of every kind, as raw values: most of them sensible, many refused, some malformed. The same seed
// gives the same operations.
import type { Value } from '../../node/ledger/codec.ts';
import type { Prng } from '../_prng.ts';
import { auditor, clearing, members, officers, type Signer, seedOf, signer, tellers } from '../execution/_ledger.ts';

export interface Operation {
  readonly by: Signer;
  readonly contract: string;
  readonly method: string;
  readonly args: Value;
  readonly reference: string;
}

const accounts = [...Array.from({ length: 10 }, (_, i) => `ACC-${i}`), 'ISSUED-CZK'];
const currencies = ['CZK', 'CZK', 'CZK', 'CZK', 'CZK', 'CZK', 'EUR', 'QQQ'];
const amounts = [0n, -5n, 1n, 10n ** 18n, 2n ** 63n - 1n, 99_999_999_00n];

export class Workload {
  readonly #random: Prng;
  #count = 0;
  readonly #proposals: string[] = [];
  /** Users that proposals have asked for: some of them come to be. */
  readonly #newcomers: Signer[] = [];

  constructor(random: Prng) {
    this.#random = random;
  }

  next(): Operation {
    const random = this.#random;
    const draw = random.int(100);
    if (draw < 12) return this.#call(this.#opener(), 'payments', 'open', this.#opening());
    if (draw < 45) return this.#call(this.#payer(), 'payments', 'transfer', this.#transfer());
    if (draw < 55)
      return this.#call(random.pick([clearing, clearing, tellers.EAST]), 'payments', 'issue', this.#issue());
    if (draw < 70) return this.#call(this.#payer(), 'payments', 'batch', [this.#lines(() => this.#transfer())]);
    if (draw < 75) return this.#call(this.#opener(), 'payments', 'open-batch', [this.#lines(() => this.#opening())]);
    if (draw < 83) return this.#propose();
    if (draw < 93) return this.#approve();
    return this.#odd();
  }

  #reference(): string {
    return `R${this.#random.int(15) === 0 ? this.#random.int(this.#count + 1) : ++this.#count}`;
  }

  #call(by: Signer, contract: string, method: string, args: Value, reference = this.#reference()): Operation {
    return { by, contract, method, args, reference };
  }

  #payer(): Signer {
    const random = this.#random;
    const usual = [clearing, ...Object.values(tellers)];
    return random.int(12) === 0 ? random.pick([auditor, officers.WEST, ...this.#newcomers]) : random.pick(usual);
  }

  #opener(): Signer {
    return this.#random.pick([clearing, clearing, ...Object.values(officers), ...Object.values(tellers), auditor]);
  }

  #amount(): bigint {
    const random = this.#random;
    return random.int(10) === 0 ? random.pick(amounts) : BigInt(1 + random.int(50_000));
  }

  #opening(): Value {
    const random = this.#random;
    const limit = random.pick<Value>([[], [0n], [0n], [0n], [5_000n], [-1n]]);
    const opening = random.int(2) === 0 ? 0n : this.#amount();
    const branch = random.pick<string>([...members, 'NOWHERE']);
    return [random.pick(accounts), branch, random.pick(currencies), limit, opening];
  }

  #transfer(): Value {
    const random = this.#random;
    const texts = [random.pick(['', 'rent', 'příspěvek']), random.pick(['', '2026-02-28'])];
    return [random.pick(accounts), random.pick(accounts), this.#amount(), random.pick(currencies), ...texts];
  }

  #issue(): Value {
    return [this.#random.pick(accounts), this.#amount(), this.#random.pick(currencies), 'funds', ''];
  }

  #lines(args: () => Value): Value {
    return Array.from({ length: 1 + this.#random.int(6) }, () => [this.#reference(), this.#spoilt(args())]);
  }

  /** Now and then a value of another form in one place. */
  #spoilt(args: Value): Value {
    const random = this.#random;
    if (random.int(12) !== 0 || !Array.isArray(args)) return args;
    const row: readonly Value[] = args;
    const at = random.int(row.length);
    const wrong = random.pick<Value>(['', 'é́', 'lower', -1, [], [1, 2], new Uint8Array(3), 2n ** 64n - 1n]);
    return random.int(4) === 0 ? row.slice(1) : row.map((each, i) => (i === at ? wrong : each));
  }

  #propose(): Operation {
    const random = this.#random;
    const reference = `P${this.#proposals.length}`;
    const by = random.pick([...Object.values(officers), tellers.NORTH]);
    this.#proposals.push(`${by.member}/${reference}`);
    const changes = Array.from({ length: 1 + random.int(3) }, () => this.#change());
    return this.#call(by, 'consortium', 'propose', this.#spoilt([changes]), reference);
  }

  #change(): Value {
    const random = this.#random;
    const key = () => (random.int(12) === 0 ? new Uint8Array(32) : this.#newcomer().publicKey);
    const member = random.pick<string>([...members, 'NOWHERE', 'BRANCH-1']);
    const name = random.pick(['teller', `user-${random.int(6)}`]);
    switch (random.int(3)) {
      case 0:
        return [0, [`BRANCH-${random.int(4)}`, 'A branch', [['till', key(), 1 + random.int(31)]]]];
      case 1:
        return [1, [member, name, key(), 1 + random.int(31)]];
      default:
        return [2, [member, random.pick([name, 'till', 'auditor'])]];
    }
  }

  /** A key that some user may get; who signs with it before is refused as unknown and leaves no entry. */
  #newcomer(): Signer {
    const fresh = signer('NORTH', `newcomer-${this.#random.int(40)}`, 'teller');
    return { ...fresh, seed: seedOf(`NORTH/${fresh.user}`) };
  }

  #approve(): Operation {
    const random = this.#random;
    const by = random.pick([...Object.values(officers), ...Object.values(officers), tellers.SOUTH]);
    const recent = this.#proposals.slice(-3);
    const [member = 'NORTH', reference = 'P0'] = (recent.length === 0 ? '' : random.pick(recent)).split('/');
    return this.#call(by, 'consortium', 'approve', [[member === '' ? 'NORTH' : member, reference]]);
  }

  #odd(): Operation {
    const random = this.#random;
    const [contract, method] = random.pick([
      ['payments', 'transfer'],
      ['payments', 'constructor'],
      ['nothing', 'at-all'],
      ['consortium', 'vote'],
      ['payments', 'batch'],
    ] as const);
    return this.#call(this.#payer(), contract, method, this.#spoilt(this.#spoilt(this.#transfer())));
  }
}
