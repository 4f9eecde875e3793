// A second re-execution of the log, written from the documents and not from the node: it takes the entries of each
// block, works out what each should be, and compares the bytes and both roots. It imports neither execution nor
// contracts (tidy holds it), so that a mistake there is not its own as well.
import { decode, encode, type Value } from '../../node/ledger/codec.ts';
import { addMember, addUser, govern } from './consortium-model.ts';
import { accuse } from './evidence-model.ts';
import { type Decision, type EventRow, pay } from './payments-model.ts';
import { bigOf, bytesOf, Disagreement, hexOf, must, numberOf, type Row, rowOf } from './raw.ts';
import { isSignature } from './signatures.ts';
import { type Signer, State } from './state.ts';
import { LogTree, leafOf, stateRootOf } from './trees.ts';
import { epochAt, lastEpoch, setHashOf } from './validators-model.ts';

const entryMax = 65_535;
const lineEntryMax = 16_384;

interface Place {
  readonly member: string;
  readonly signer: Signer;
  readonly time: number;
}

function ask(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Disagreement(what);
}

export interface SecondLedgerOptions {
  /** The state's root is worked out from all records at every block whose height this divides; 1: at each. */
  readonly stateRootEvery?: number;
  readonly checkSignatures?: boolean;
}

export class SecondLedger {
  readonly state = new State();
  readonly #log = new LogTree();
  readonly #used = new Map<string, number>();
  readonly #chainId: Uint8Array;
  readonly #parameters: { readonly validityMs: number; readonly windowMs: number };
  readonly #options: Required<SecondLedgerOptions>;
  #parent: Uint8Array;
  #time: number;
  height = 0;
  transactions = 0;
  accusations = 0;
  outcomes = new Map<string, number>();

  constructor(genesisEntry: Uint8Array, options: SecondLedgerOptions = {}) {
    this.#options = { stateRootEvery: 1, checkSignatures: true, ...options };
    const [kind, document] = must(rowOf(decode(genesisEntry), 2), 'a genesis entry');
    ask(kind === 0, 'the first entry is genesis');
    const [, , , timestamp, parameters, validators, sections] = must(rowOf(document, 7), 'a document');
    const [validity, window] = must(rowOf(parameters, 3), 'parameters');
    this.#parameters = { validityMs: Number(validity), windowMs: Number(window) };
    this.#chainId = leafOf(genesisEntry);
    this.#parent = this.#chainId;
    this.#time = Number(timestamp);
    this.#log.append(genesisEntry);
    this.#begin(
      must(parameters, 'parameters'),
      must(rowOf(validators), 'validators'),
      must(rowOf(sections), 'sections'),
    );
  }

  #begin(parameters: Value, validators: Row, sections: Row): void {
    const { state } = this;
    const content = (at: number) => must(rowOf(rowOf(sections[at], 2)?.[1]), 'a section');
    const [members, users] = content(0);
    for (const each of must(rowOf(members), 'members')) {
      const [id, name] = must(rowOf(each, 2), 'a member');
      addMember(state, String(id), String(name));
    }
    for (const each of must(rowOf(users), 'users')) {
      const [member, user, key, roles] = must(rowOf(each, 4), 'a user');
      addUser(state, { member: String(member), user: String(user), key: key as Uint8Array, roles: Number(roles) });
    }
    state.set(['consortium', 'epochs', '0'], [1, validators]);
    for (const each of validators) {
      const [id, , ...keys] = must(rowOf(each, 8), 'a validator');
      for (const key of keys.slice(0, 3))
        state.set(['consortium', 'validator-keys', hexOf(key as Uint8Array)], id as string);
    }
    state.set(['consortium', 'parameters', 'current'], parameters);
    for (const each of must(rowOf(content(1)[0]), 'issuance')) {
      const [currency, amount] = must(rowOf(each, 2), 'an allowance');
      state.set(['payments', 'issuance', String(currency)], must(bigOf(amount), 'an amount'));
      const account = { branch: '', currency: String(currency), balance: 0n, limit: undefined, seq: 0, lastIndex: 0 };
      state.setAccount(`ISSUED-${currency}`, account);
    }
  }

  get epoch(): number {
    return lastEpoch(this.state);
  }

  /** Why proposals failed that had approvals enough. */
  failures(): string[] {
    return [...this.state.records()].flatMap(([[, collection], value]) => {
      const failure = collection === 'proposals' ? rowOf(rowOf(value, 4)?.[3]) : undefined;
      return (failure ?? []).map(String);
    });
  }

  /** One block: its entries in order, the header last. Throws Disagreement. */
  block(entries: readonly Uint8Array[]): void {
    const headerBytes = must(entries.at(-1), 'a header');
    const [kind, fields] = must(rowOf(decode(headerBytes), 2), 'a header entry');
    ask(kind === 3, 'a block ends with its header');
    const header = must(rowOf(fields, 14), 'a header');
    const time = must(numberOf(header[5]), 'a timestamp');
    ask(time > this.#time, 'time grows');
    const first = this.#log.size;
    const { set, number } = epochAt(this.state, this.height + 1);
    let at = this.#evidence(entries[0], first);
    while (at < entries.length - 1) at += this.#transaction(entries.slice(at, -1), first + at, time);
    for (const entry of entries.slice(0, -1)) this.#log.append(entry);
    this.#sealed(header);
    const sets = [set, epochAt(this.state, this.height + 1).set].map(setHashOf);
    ask(header[2] === number && Number(header[4]) < set.length, `height ${this.height}: epoch ${number} in its header`);
    for (const [i, hash] of sets.entries())
      ask(Buffer.compare(header[10 + i] as Uint8Array, hash) === 0, `height ${this.height}: validator set ${i}`);
    this.#log.append(headerBytes);
    this.#parent = leafOf(headerBytes);
    this.#time = time;
  }

  #sealed(header: Row): void {
    this.height++;
    const same = (at: number, bytes: Uint8Array, what: string) =>
      ask(Buffer.compare(must(bytesOf(header[at], 32), what), bytes) === 0, `height ${this.height}: ${what}`);
    same(1, this.#chainId, 'chain id');
    ask(header[0] === 1 && header[12] === 1, `height ${this.height}: versions`);
    ask(header[3] === this.height, `height ${this.height} in its header`);
    same(6, this.#parent, 'parent');
    ask(header[7] === this.#log.size, `height ${this.height}: log size`);
    same(8, this.#log.root(), 'log root');
    if (this.height % this.#options.stateRootEvery === 0) same(9, stateRootOf(this.state.records()), 'state root');
  }

  /** [A3] At most one piece, first in its block; answers how many entries that were. */
  #evidence(bytes: Uint8Array | undefined, index: number): number {
    const [kind, evidence] = must(rowOf(decode(must(bytes, 'an entry'))), 'an entry');
    if (kind !== 4) return 0;
    const event = accuse(this.state, this.#chainId, evidence, index);
    this.accusations++;
    this.#compare(bytes, encode([4, evidence as Value, [event]]), index);
    return 1;
  }

  /** Works out the first transaction of `entries` with its lines; answers how many entries that were. */
  #transaction(entries: readonly Uint8Array[], index: number, time: number): number {
    const [kind, bytes] = must(rowOf(decode(must(entries[0], 'an entry')), 4), 'a transaction entry');
    ask(kind === 1 && bytes instanceof Uint8Array, 'a transaction where one must stand');
    const { body, signer } = this.#admitted(bytes, time);
    const [, , member, reference, , contract, method, args] = body as readonly [Value, Value, string, string, ...Row];
    const place = { member, signer, time };
    const call = { contract: String(contract), method: String(method), args: args as Value };
    this.#use(member, reference, time);
    this.transactions++;
    const whole = this.#operate(place, { ...call, reference, index }, (outcome, events) => [1, bytes, outcome, events]);
    this.#compare(entries[0], whole.entry, index);
    for (const [at, { reference: of, method: which, args: what }] of whole.lines.entries()) {
      const [line, lineIndex] = [at + 1, index + at + 1];
      const entry = (outcome: string, events: Value): Value => [2, index, line, of, outcome, events];
      if (this.#isUsed(member, of, time)) {
        this.#compare(entries[line], encode(entry('DU04', [])), lineIndex);
        continue;
      }
      this.#use(member, of, time);
      const operation = { contract: call.contract, method: which, args: what, reference: of, index: lineIndex };
      this.#compare(entries[line], this.#operate(place, operation, entry, lineEntryMax).entry, lineIndex);
    }
    return 1 + whole.lines.length;
  }

  /** A block holds no transaction that was not to be ordered. */
  #admitted(bytes: Uint8Array, time: number): { body: Row; signer: Signer } {
    const [bodyBytes, key, signature] = must(rowOf(decode(bytes), 3), 'a transaction') as readonly Uint8Array[];
    ask(bodyBytes !== undefined && key !== undefined && signature !== undefined, 'a transaction of three parts');
    const body = must(rowOf(decode(bodyBytes), 8), 'a body');
    const [, chainId, member, reference, validUntil] = body;
    ask(Buffer.compare(chainId as Uint8Array, this.#chainId) === 0, 'a transaction of this chain');
    const row = must(rowOf(this.state.get('consortium', 'keys', hexOf(key)), 4), 'a known key');
    ask(row[0] === member && row[3] === 1, 'an active user of the member');
    const until = Number(validUntil);
    ask(until > time && until <= time + this.#parameters.validityMs, 'a transaction in its time');
    ask(!this.#isUsed(String(member), String(reference), time), `a reference that is free: ${reference}`);
    if (this.#options.checkSignatures) ask(isSignature('daybook/tx/v1', bodyBytes, key, signature), 'a signature');
    return { body, signer: { member: String(member), user: String(row[1]), roles: Number(row[2]) } };
  }

  #isUsed(member: string, reference: string, time: number): boolean {
    const used = this.#used.get(`${member} ${reference}`);
    return used !== undefined && time - used <= this.#parameters.windowMs;
  }

  #use(member: string, reference: string, time: number): void {
    this.#used.set(`${member} ${reference}`, time);
  }

  #operate(
    { signer }: Place,
    operation: { contract: string; method: string; args: Value; reference: string; index: number },
    entryOf: (outcome: string, events: readonly EventRow[]) => Value,
    bytesMax: number = entryMax,
  ) {
    const { contract, method, args, reference, index } = operation;
    const { state } = this;
    state.begin();
    const call = { state, signer, index, reference, height: this.height + 1, chainId: this.#chainId };
    let decision: Decision = 'AG03';
    if (contract === 'payments') decision = pay(call, method, args);
    if (contract === 'consortium') decision = govern(call, method, args);
    let [outcome, events] = typeof decision === 'string' ? [decision, []] : ['OK', decision.events];
    let lines = typeof decision === 'string' ? [] : (decision.lines ?? []);
    let entry = encode(entryOf(outcome, events));
    if (entry.length > bytesMax || events.length > 256) {
      [outcome, events, lines] = ['fault', [], []];
      entry = encode(entryOf(outcome, events));
    }
    if (outcome === 'OK') state.keep();
    else state.drop();
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
    return { entry, lines };
  }

  #compare(found: Uint8Array | undefined, expected: Uint8Array, index: number): void {
    if (found !== undefined && Buffer.compare(found, expected) === 0) return;
    const show = (bytes: Uint8Array | undefined) => (bytes === undefined ? 'nothing' : hexOf(bytes));
    throw new Disagreement(`entry ${index} is ${show(found)}, the model has ${show(expected)}`);
  }
}
