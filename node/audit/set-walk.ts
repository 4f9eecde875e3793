// Which validator set follows from the log alone: the consortium says each new set in full, in an event of the entry
// that enacts it, and the header of that block names its hash.
import { DecodeError } from '../ledger/codec.ts';
import { accepted, decodeEntry, type TransactionEntry } from '../ledger/entry.ts';
import { digestBytes } from '../ledger/hash.ts';
import type { KnownSet } from '../ledger/set-chain.ts';
import { validatorSetHash, validatorsChangedSchema } from '../ledger/validators.ts';

const eventType = 'validators-changed';

/** The set that an entry puts in force, if it does. Throws DecodeError. */
export function setChangedBy({ outcome, events }: TransactionEntry): KnownSet | undefined {
  if (outcome !== accepted) return undefined;
  const event = events.findLast(({ contract, type }) => contract === 'consortium' && type === eventType);
  return event && validatorsChangedSchema.read(event.payload);
}

const marker = Buffer.from(eventType, 'latin1');

/** The sets that entries put in force, in log order. Whether they verify is for who checks the log to say. */
export function setsIn(entries: readonly Uint8Array[]): KnownSet[] {
  return entries.flatMap((bytes) => {
    if (!Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(marker)) return [];
    try {
      const entry = decodeEntry(bytes);
      return (entry.kind === 1 && setChangedBy(entry)) || [];
    } catch (error) {
      if (error instanceof DecodeError) return [];
      throw error;
    }
  });
}

/** A set in force, with what headers and certificates must say of it. */
export interface SetInForce extends KnownSet {
  readonly hash: Uint8Array;
}

export function inForce(set: KnownSet): SetInForce {
  return { ...set, hash: digestBytes(validatorSetHash(set.validators)) };
}

/** What follows after a block of these transactions, or what is wrong with what they say. */
export function setAfter(
  transactions: readonly TransactionEntry[],
  current: SetInForce,
  height: number,
): SetInForce | string {
  let next: KnownSet | undefined;
  try {
    for (const entry of transactions) next = setChangedBy(entry) ?? next;
  } catch (error) {
    if (error instanceof DecodeError) return `an event ${eventType}: ${error.message}`;
    throw error;
  }
  if (next === undefined) return current;
  if (next.epoch !== current.epoch + 1 || next.from !== height + 1)
    return `a set of epoch ${next.epoch} from height ${next.from} on, where epoch ${current.epoch} is in force`;
  return inForce(next);
}
