// Who the validators are and how that changes, once more: a table of sets by epoch, and what one block may do to the
// one in force. Nothing of contracts/ is used.
import { createHash } from 'node:crypto';
import { encode, type Value } from '../../node/ledger/codec.ts';
import { publicKeyProblem } from '../../node/ledger/validators.ts';
import { bytesOf, hexOf, idOf, must, type Row, rowOf, textOf } from './raw.ts';
import { isSignature } from './signatures.ts';
import type { State } from './state.ts';

/** [id, member, vote key, audit key, network key, and the three proofs]. */
export type ValidatorRow = Row;

export type SetChange =
  | { readonly does: 'learn'; readonly row: ValidatorRow }
  | { readonly does: 'forget' | 'join' | 'rekey' | 'leave'; readonly id: string };

const verbs = ['forget', 'join', 'rekey', 'leave'] as const;
const fewest = 4;
const most = 100;
const learnersMax = 16;

const validatorNameOf = (value: Value | undefined) => textOf(value, 1, 34, /^[a-z][a-z0-9.-]*$/);
export const nameIn = (row: ValidatorRow): string => String(row[0]);
export const keysIn = (row: ValidatorRow): readonly Uint8Array[] => row.slice(2, 5) as readonly Uint8Array[];
const voteKeyIn = (row: ValidatorRow): string => hexOf(row[2] as Uint8Array);

/** Kinds 3 to 7 of the changes that a proposal asks for. */
export function setChangeOf(kind: Value | undefined, fields: Value | undefined): SetChange | undefined {
  if (kind === 3) {
    const row = rowOf(fields, 8);
    const isGood =
      row !== undefined &&
      validatorNameOf(row[0]) !== undefined &&
      idOf(row[1]) !== undefined &&
      row.slice(2, 5).every((key) => bytesOf(key, 32) !== undefined) &&
      row.slice(5).every((proof) => bytesOf(proof, 64) !== undefined);
    return isGood ? { does: 'learn', row } : undefined;
  }
  const does = typeof kind === 'number' ? verbs[kind - 4] : undefined;
  const id = validatorNameOf(rowOf(fields, 1)?.[0]);
  return does === undefined || id === undefined ? undefined : { does, id };
}

/** Each key shows that its owner has it, for this chain and this member. */
export function isKeyProblem(row: ValidatorRow, chainId: Uint8Array): boolean {
  return ['vote', 'audit', 'network'].some((kind, i) => {
    const [key, proof] = [row[2 + i] as Uint8Array, row[5 + i] as Uint8Array];
    if (publicKeyProblem(key) !== undefined) return true;
    return !isSignature('daybook/key-proof/v1', encode([chainId, row[1] as Value, kind, key]), key, proof);
  });
}

interface Epoch {
  readonly number: number;
  readonly from: number;
  readonly set: readonly ValidatorRow[];
}

export const lastEpoch = (state: State): number => Number(state.get('consortium', 'counts', 'epoch') ?? 0);

export function epochOf(state: State, number: number): Epoch | undefined {
  const row = rowOf(state.get('consortium', 'epochs', String(number)), 2);
  if (row === undefined) return undefined;
  return { number, from: Number(row[0]), set: must(rowOf(row[1]), 'a set') as readonly ValidatorRow[] };
}

/** Of the block of this height. */
export function epochAt(state: State, height: number): Epoch {
  for (let number = lastEpoch(state); ; number--) {
    const epoch = must(epochOf(state, number), `epoch ${number}`);
    if (epoch.from <= height) return epoch;
  }
}

export function setHashOf(set: readonly ValidatorRow[]): Uint8Array {
  return createHash('sha256').update('daybook/validators/v1').update(encode(set)).digest();
}

/** What further changes in the block of `height` would come to. Nothing is written before all of them are taken. */
export class NextSet {
  readonly #before: Epoch;
  readonly #height: number;
  readonly #state: State;
  #set: readonly ValidatorRow[];
  #learners = new Map<string, ValidatorRow | 'gone'>();
  #waiting: number;
  touched = false;

  constructor(state: State, height: number) {
    this.#state = state;
    this.#height = height;
    this.#before = epochAt(state, height);
    this.#set = must(epochOf(state, lastEpoch(state)), 'the last epoch').set;
    this.#waiting = Number(state.get('consortium', 'counts', 'learners') ?? 0);
  }

  /** [epoch, first height, the whole set]. */
  get event(): Row {
    return [this.#before.number + 1, this.#height + 1, this.#set];
  }

  refuses(change: SetChange): string | undefined {
    const id = change.does === 'learn' ? nameIn(change.row) : change.id;
    const sits = this.#set.find((row) => nameIn(row) === id);
    const sat = this.#before.set.find((row) => nameIn(row) === id);
    const waits = this.#learner(id);
    const isFresh = sits !== undefined && (sat === undefined || voteKeyIn(sat) !== voteKeyIn(sits));
    if (change.does === 'learn') return this.#learn(change.row, sits, waits);
    if (change.does === 'forget') return waits === undefined ? 'NOLEARN' : this.#gone(id);
    if (change.does === 'join') {
      if (sits !== undefined || sat !== undefined) return 'DUPVAL';
      if (waits === undefined) return 'NOLEARN';
      if (this.#set.length >= most) return 'MAXVAL';
      this.#gone(id);
      return this.#becomes([...this.#set, waits]);
    }
    if (sits === undefined) return 'NOVAL';
    if (change.does === 'rekey') {
      if (waits === undefined || waits[1] !== sits[1]) return 'NOLEARN';
      if (isFresh) return 'CHGMAX';
      this.#gone(id);
      return this.#becomes(this.#set.map((row) => (nameIn(row) === id ? waits : row)));
    }
    if (this.#set.length <= fewest) return 'MINVAL';
    return isFresh ? 'CHGMAX' : this.#becomes(this.#set.filter((row) => nameIn(row) !== id));
  }

  #learn(row: ValidatorRow, sits: ValidatorRow | undefined, waits: ValidatorRow | undefined): string | undefined {
    if (sits !== undefined && sits[1] !== row[1]) return 'DUPVAL';
    if (waits !== undefined) return 'DUPLEARN';
    if (this.#waiting >= learnersMax) return 'MAXLEARN';
    this.#learners.set(nameIn(row), row);
    this.#waiting++;
    return undefined;
  }

  #gone(id: string): undefined {
    this.#learners.set(id, 'gone');
    this.#waiting--;
    return undefined;
  }

  #learner(id: string): ValidatorRow | undefined {
    const here = this.#learners.get(id);
    if (here !== undefined) return here === 'gone' ? undefined : here;
    return rowOf(this.#state.get('consortium', 'learners', id), 8);
  }

  /** No more than f of the set in force may be others, or other keys, in the next. */
  #becomes(set: readonly ValidatorRow[]): string | undefined {
    const keys = (rows: readonly ValidatorRow[]) => new Map(rows.map((row) => [nameIn(row), voteKeyIn(row)]));
    const [before, after] = [keys(this.#before.set), keys(set)];
    const names = new Set([...before.keys(), ...after.keys()]);
    const changed = [...names].filter((name) => before.get(name) !== after.get(name)).length;
    if (changed > Math.floor((before.size - 1) / 3)) return 'CHGMAX';
    this.#set = set;
    this.touched = true;
    return undefined;
  }
}

/** The records of an enacted change; the set itself comes with its own event. */
export function enactSetChange(state: State, change: SetChange): void {
  const count = Number(state.get('consortium', 'counts', 'learners') ?? 0);
  if (change.does === 'leave') return;
  if (change.does === 'learn') {
    const id = nameIn(change.row);
    state.set(['consortium', 'learners', id], change.row);
    for (const key of keysIn(change.row)) state.set(['consortium', 'validator-keys', hexOf(key)], id);
    state.set(['consortium', 'counts', 'learners'], count + 1);
    return;
  }
  state.remove(['consortium', 'learners', change.id]);
  state.set(['consortium', 'counts', 'learners'], count - 1);
}

/** [epoch, first height, the whole set], as the event says it. */
export function beginEpoch(state: State, [number, from, set]: Row): void {
  state.set(['consortium', 'epochs', String(number)], [from as Value, set as Value]);
  state.set(['consortium', 'counts', 'epoch'], number as Value);
}
