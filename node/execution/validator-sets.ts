// Which validator set a height has, from the state in a store: certificates, cosignatures and receipts of old blocks
// are judged by the set of their own height.
import {
  consortiumName,
  type Epoch,
  epochAt,
  epochNumbered,
  latestEpoch,
  learnerRecords,
  learnersMax,
} from '../../contracts/consortium-state.ts';
import type { StateReader } from '../../contracts/contract.ts';
import { assert } from '../ledger/assert.ts';
import { decodeAs } from '../ledger/schema.ts';
import type { Validator, ValidatorSet } from '../ledger/validators.ts';
import type { StateStore, Store } from '../store/store.ts';
import { Overlay, readerOf } from './overlay.ts';

/** Of a height up to the one after the head. Genesis (height 0) counts to the first epoch. */
export function epochOfHeight(store: StateStore, height: number): Epoch {
  const reader = consortiumOf(store);
  const epoch = epochAt(reader, Math.max(height, 1));
  assert(epoch !== undefined, 'genesis wrote the first epoch');
  return epoch;
}

/** Of the block after the head. */
export function epochInForce(store: StateStore): Epoch {
  const epoch = latestEpoch(consortiumOf(store));
  assert(epoch !== undefined, 'genesis wrote the first epoch');
  return epoch;
}

/** [E5] The height that an epoch ended with; undefined where it has not ended. */
export function lastHeightOf(store: StateStore, epoch: number): number | undefined {
  const next = epochNumbered(consortiumOf(store), epoch + 1);
  return next && next.from - 1;
}

/** By which certificates and cosignatures of this height are judged. */
export function setAt(store: StateStore, height: number): ValidatorSet {
  return epochOfHeight(store, height).validators;
}

/** Every epoch so far, the first one first. */
export function allEpochs(store: StateStore): Epoch[] {
  const reader = consortiumOf(store);
  return Array.from({ length: epochInForce(store).number + 1 }, (_, number) => {
    const epoch = epochNumbered(reader, number);
    assert(epoch !== undefined, 'epochs are kept for ever');
    return epoch;
  });
}

export interface Electors {
  readonly current: Epoch;
  /** Whose blocks may still be missed by some: absent in the first epoch. */
  readonly previous: Epoch | undefined;
  readonly learners: readonly Validator[];
}

/** Who votes on the block after the head, who did in the epoch before, and who follows without a vote. */
export function electorsOf(store: Pick<Store, 'get' | 'stateRange'>): Electors {
  const current = epochInForce(store);
  const previous = current.number === 0 ? undefined : epochOfHeight(store, current.from - 1);
  return { current, previous, learners: learnersOf(store) };
}

/** The same of a state that may be damaged: undefined where a record of it is missing, as when a number is wrong. */
export function electorsIfWhole(store: Pick<Store, 'get' | 'stateRange'>): Electors | undefined {
  const reader = consortiumOf(store);
  const current = latestEpoch(reader);
  if (current === undefined || epochAt(reader, Math.max(current.from - 1, 1)) === undefined) return undefined;
  return electorsOf(store);
}

/** Who follows without a vote, ascending by id. */
export function learnersOf(store: Pick<Store, 'stateRange'>): Validator[] {
  const rows = store.stateRange(`${consortiumName}/${learnerRecords.name}/`, learnersMax);
  return rows.map(([, bytes]) => decodeAs(learnerRecords.schema, bytes));
}

function consortiumOf(store: StateStore): StateReader {
  return readerOf(new Overlay(store), consortiumName);
}
