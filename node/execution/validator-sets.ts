// Which validator set a height has, from the state in a store: certificates, cosignatures and receipts of old blocks
// are judged by the set of their own height.
import { consortiumName, type Epoch, epochAt, epochNumbered, latestEpoch } from '../../contracts/consortium-state.ts';
import type { StateReader } from '../../contracts/contract.ts';
import { assert } from '../ledger/assert.ts';
import type { ValidatorSet } from '../ledger/validators.ts';
import type { StateStore } from '../store/store.ts';
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

function consortiumOf(store: StateStore): StateReader {
  return readerOf(new Overlay(store), consortiumName);
}
