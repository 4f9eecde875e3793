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
  validatorKeyRecords,
} from '../../contracts/consortium-state.ts';
import type { StateReader } from '../../contracts/contract.ts';
import { DecodeError } from '../ledger/codec.ts';
import { equalBytes, toHex } from '../ledger/hash.ts';
import { decodeAs, type Schema } from '../ledger/schema.ts';
import type { Validator, ValidatorSet } from '../ledger/validators.ts';
import type { StatePath, StateStore, Store } from '../store/store.ts';
import { DivergedRecord } from './diverged-record.ts';
import { statePath } from './state-path.ts';

/** Of a height up to the one after the head. Genesis (height 0) counts to the first epoch. */
export function epochOfHeight(store: StateStore, height: number): Epoch {
  const reader = consortiumOf(store);
  return present(epochAt(reader, Math.max(height, 1)));
}

/** Of the block after the head. */
export function epochInForce(store: StateStore): Epoch {
  return present(latestEpoch(consortiumOf(store)));
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
  const count = epochInForce(store).number + 1;
  return Array.from({ length: count }, (_, number) => present(epochNumbered(reader, number)));
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

/** Who follows without a vote, ascending by id. */
export function learnersOf(store: Pick<Store, 'stateRange'>): Validator[] {
  const rows = store.stateRange(`${consortiumName}/${learnerRecords.name}/`, learnersMax);
  return rows.map(([path, bytes]) => decoded(path, learnerRecords.schema, bytes));
}

/** A vote key that the ledger has known and that is nobody's now, nor to be: no key is registered twice, ever [E8]. */
export function isSpent(store: Pick<Store, 'get' | 'stateRange'>, voteKey: Uint8Array): boolean {
  if (consortiumOf(store).read(validatorKeyRecords, toHex(voteKey)) === undefined) return false;
  const { current, previous, learners } = electorsOf(store);
  const known = [...current.validators, ...(previous?.validators ?? []), ...learners];
  return !known.some((each) => equalBytes(each.voteKey, voteKey));
}

/** Genesis wrote the first epoch, and each is kept for ever. */
function present(epoch: Epoch | undefined): Epoch {
  if (epoch === undefined) throw new DivergedRecord('the state has no record of an epoch that there was');
  return epoch;
}

function consortiumOf(store: StateStore): StateReader {
  return {
    read: ({ name, schema }, key) => {
      const path = statePath(consortiumName, name, key);
      const bytes = store.get(path);
      return bytes === undefined ? undefined : decoded(path, schema, bytes);
    },
  };
}

/** Nothing compares it with the state tree: what a flipped bit left may have no form. */
function decoded<T>(path: StatePath, schema: Schema<T>, bytes: Uint8Array): T {
  try {
    return decodeAs(schema, bytes);
  } catch (error) {
    if (error instanceof DecodeError) throw new DivergedRecord(`state record ${path}: ${error.message}`, path);
    throw error;
  }
}
