// A contract's state in a map, for tests of `decide` and `evolve` alone: no host, no blocks, no signatures.
import type { Collection, Context, Contract, Decision, SignerIdentity, StateWriter } from '../../contracts/contract.ts';
import type { Value } from '../../node/ledger/codec.ts';
import { decodeAs, encodeAs } from '../../node/ledger/schema.ts';

export class MapState implements StateWriter {
  readonly records = new Map<string, Uint8Array>();

  read<T>({ name, schema }: Collection<T>, key: string): T | undefined {
    const bytes = this.records.get(`${name}/${key}`);
    return bytes === undefined ? undefined : decodeAs(schema, bytes);
  }

  write<T>({ name, schema }: Collection<T>, key: string, value: T): void {
    this.records.set(`${name}/${key}`, encodeAs(schema, value));
  }

  remove<T>({ name }: Collection<T>, key: string): void {
    this.records.delete(`${name}/${key}`);
  }
}

/** One contract as the host would run it, one call an entry. */
export class Bench {
  readonly state = new MapState();
  readonly contract: Contract;
  readonly #members: ReadonlySet<string>;
  index = 1;
  height = 1;
  chainId: Uint8Array = new Uint8Array(32);

  constructor(contract: Contract, members: readonly string[], section: Value) {
    this.contract = contract;
    this.#members = new Set(members);
    contract.begin(this.state, section);
  }

  decide(signer: SignerIdentity, method: string, args: Value, reference = `R${this.index}`): Decision {
    const found = this.contract.methods[method];
    if (found === undefined) throw new Error(`no method ${method}`);
    const context: Context = {
      chainId: this.chainId,
      signer,
      reference,
      height: this.height,
      time: 1,
      index: this.index,
      isMember: (id) => this.#members.has(id),
      read: (collection, key) => this.state.read(collection, key),
    };
    return found.decide(context, found.args.read(args));
  }

  /** Decides and evolves; answers with the outcome code. */
  call(signer: SignerIdentity, method: string, args: Value, reference?: string): string {
    const decision = this.decide(signer, method, args, reference);
    if ('refusal' in decision) return decision.refusal;
    for (const event of decision.events) this.contract.evolve(this.state, event, this.index);
    this.index++;
    return 'OK';
  }
}
