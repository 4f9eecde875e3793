// Whom a validator asks while it heals (rule R4). The state that says who votes may be what is damaged.
import type { Genesis } from '../genesis/genesis.ts';
import { damageOf } from './divergence.ts';
import { type Electors, electorsOf } from './execution/validator-sets.ts';
import { digestBytes, equalBytes } from './ledger/hash.ts';
import { validatorSetHash } from './ledger/validators.ts';
import { headerAt } from './snapshot/pruner.ts';
import { readManifest } from './snapshot/stored.ts';
import type { Store } from './store/store.ts';

/** Of the state where the head's header covers them, else of a snapshot on offer here, else those of genesis. */
export function electorsToAsk(store: Store, genesis: Genesis): Electors {
  const { height } = store.head();
  const stored = undamaged(() => electorsOf(store));
  const named = height === 0 ? undefined : undamaged(() => headerAt(store, height).nextValidatorSetHash);
  if (stored !== undefined && named !== undefined && isNamed(stored, named)) return stored;
  return ofOffers(store, genesis) ?? firstElectors(genesis);
}

function isNamed({ current }: Electors, hash: Uint8Array): boolean {
  return equalBytes(digestBytes(validatorSetHash(current.validators)), hash);
}

function ofOffers(store: Store, genesis: Genesis): Electors | undefined {
  const chainId = digestBytes(store.identity.chainId);
  for (const height of store.partHeights('offered').reverse()) {
    const checked = undamaged(() => readManifest(store, 'offered', height, chainId, genesis.validators));
    if (checked === undefined || typeof checked === 'string') continue;
    const { epoch: number, from, validators } = checked.sets.latest;
    const former = checked.sets.epoch(number - 1);
    const previous = former && { number: former.epoch, from: former.from, validators: former.validators };
    return { current: { number, from, validators }, previous, learners: [] };
  }
  return undefined;
}

function firstElectors({ validators }: Genesis): Electors {
  return { current: { number: 0, from: 1, validators }, previous: undefined, learners: [] };
}

function undamaged<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (damageOf(error) !== undefined) return undefined;
    throw error;
  }
}
