// Whether evidence may stand in the next block, and the entry that it then is. Who is accused follows from the set of
// the epoch, so it is looked up and not believed.
import { accusation } from '../../contracts/consortium.ts';
import { consortiumName, isAccused, validatorsOfEpoch } from '../../contracts/consortium-state.ts';
import type { StateReader } from '../../contracts/contract.ts';
import type { LedgerEvent } from '../ledger/entry.ts';
import { type Evidence, evidenceProblem } from '../ledger/evidence.ts';

/** `unproven`: it proves nothing, anywhere. The other two depend on the head. */
export interface EvidenceProblem {
  readonly code: 'epoch' | 'accused' | 'unproven';
  readonly detail: string;
}

/** [A2] [A3] The event of the entry, or what is wrong. `state` reads the consortium's records. */
export function accusationOf(
  evidence: Evidence,
  state: StateReader,
  chainId: Uint8Array,
): LedgerEvent | EvidenceProblem {
  const { epoch, validator } = evidence;
  const set = validatorsOfEpoch(state, epoch);
  if (set === undefined) return { code: 'epoch', detail: `epoch ${epoch} is neither this one nor the one before` };
  const id = set[validator]?.id;
  if (id === undefined) return { code: 'unproven', detail: `no validator ${validator} in epoch ${epoch}` };
  if (isAccused(state, epoch, id)) return { code: 'accused', detail: `${id} is accused in epoch ${epoch} already` };
  const detail = evidenceProblem(evidence, chainId, set);
  return detail === undefined ? { contract: consortiumName, ...accusation(epoch, id) } : { code: 'unproven', detail };
}
