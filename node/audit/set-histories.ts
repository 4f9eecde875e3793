// What is known of the validator sets, from wherever it was collected. Each size of the log and each height has one
// set, and nobody else's word counts there: validators of an epoch that is over can sign what they like by now. Only
// where more than f lied is there more than one history, and each side of the fork is then judged by its own.
import type { Genesis } from '../../genesis/genesis.ts';
import { headerDigest } from '../ledger/entry.ts';
import { digestBytes } from '../ledger/hash.ts';
import { type KnownSet, SetChain, type SetLink } from '../ledger/set-chain.ts';
import { logNameOf } from './anchor.ts';

export class SetHistories {
  /** One, but after a fork. */
  readonly chains: readonly SetChain[];

  /** Links that do not verify end their list: what follows them is not known. */
  constructor(genesis: Genesis, lists: readonly (readonly SetLink[])[] = []) {
    const chainId = digestBytes(logNameOf(genesis).chainId);
    const taken = [[], ...lists].map((links) => {
      const chain = new SetChain(chainId, genesis.validators);
      const wrong = links.findIndex((link) => chain.add(link) !== undefined);
      const good = wrong < 0 ? links : links.slice(0, wrong);
      return { chain, path: good.map(({ header }) => headerDigest(header)).join('/') };
    });
    // What another list continues is no history of its own; nor is the same one twice.
    this.chains = taken
      .filter(({ path }, i) => {
        return !taken.some((other, j) => other.path.startsWith(path) && (other.path !== path || j < i));
      })
      .map(({ chain }) => chain);
  }

  /** Whose cosignatures count for a log of this size. */
  ofSize(size: number): readonly KnownSet[] {
    return once(this.chains.map((chain) => chain.ofSize(size)));
  }

  /** Whose votes count for this height, if it is one of this epoch. */
  ofHeight(epoch: number, height: number): readonly KnownSet[] {
    return once(this.chains.flatMap((chain) => chain.at(height) ?? [])).filter((set) => set.epoch === epoch);
  }

  ofEpoch(epoch: number): readonly KnownSet[] {
    return once(this.chains.flatMap((chain) => chain.epoch(epoch) ?? []));
  }
}

/** Genesis is the same set in every history. */
function once(sets: readonly KnownSet[]): readonly KnownSet[] {
  const seen = new Set<KnownSet['validators']>();
  return sets.filter(({ validators }) => !seen.has(validators) && seen.add(validators));
}
