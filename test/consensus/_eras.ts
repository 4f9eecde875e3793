// Validator sets of transcripts: names with keys, changed by items of blocks: add=E, remove=A, rekey=B.
import type { Digest } from '../../node/ledger/hash.ts';
import type { Validator } from '../../node/ledger/validators.ts';
import type { Jurisdiction } from '../../node/network/message-checks.ts';
import { genesis, jurisdictionOf } from './_chain.ts';

export interface Seat {
  readonly name: string;
  /** The name with a mark for each time that it was re-keyed. */
  readonly key: string;
  /** Of the harness's signing keys. */
  readonly number: number;
}

export interface Era {
  readonly number: number;
  readonly from: number;
  readonly seats: readonly Seat[];
  readonly base: { readonly height: number; readonly digest: Digest };
}

const everybody = jurisdictionOf(1_000);

function seatOf(key: string): Seat {
  const name = key.slice(0, 1);
  return { name, key, number: (name.charCodeAt(0) - 65) * 10 + key.length - 1 };
}

export function firstEra(names: readonly string[]): Era {
  return { number: 0, from: 1, seats: names.map(seatOf), base: { height: 0, digest: genesis.digest } };
}

/** [E1] What a block makes of the set, if it changes it. */
export function eraAfter(era: Era, items: readonly string[], height: number, digest: Digest): Era | undefined {
  const changes = items.map((item) => item.split('=')).filter(([, name]) => name !== undefined);
  if (changes.length === 0) return undefined;
  let { seats } = era;
  for (const [kind, name = ''] of changes) {
    if (kind === 'add') seats = [...seats, seatOf(name)];
    if (kind === 'remove') seats = seats.filter((each) => each.name !== name);
    if (kind === 'rekey') seats = seats.map((each) => (each.name === name ? seatOf(`${each.key}'`) : each));
  }
  return { number: era.number + 1, from: height + 1, seats, base: { height, digest } };
}

export function isRekeyed(before: Era, after: Era, name: string): boolean {
  const keyIn = ({ seats }: Era) => seats.find((each) => each.name === name)?.key;
  return keyIn(after) !== undefined && keyIn(before) !== keyIn(after);
}

/** By which the messages of an epoch are judged [E4]. */
export function lawOf({ number, seats, base }: Era): Jurisdiction {
  const validators = seats.map((seat) => everybody.validators[seat.number] as Validator);
  return { ...everybody, epoch: number, validators, base };
}
