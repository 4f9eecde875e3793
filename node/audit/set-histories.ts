// What is known of the validator sets, from wherever it was collected. Each size of the log and each height has one
// set, and nobody else's word counts there: validators of an epoch that is over can sign what they like by now. Only
// where more than f lied is there more than one history, and each side of the fork is then judged by its own.
import type { Genesis } from '../../genesis/genesis.ts';
import { decodeHeader, headerDigest } from '../ledger/entry.ts';
import { type Digest, digestBytes } from '../ledger/hash.ts';
import { type CertifiedHeader, type KnownSet, SetChain, type SetLink } from '../ledger/set-chain.ts';
import { logNameOf } from './anchor.ts';

/** What one source says. */
export interface SetList {
  readonly links: readonly SetLink[];
  /** The last block of the log that they come from: the set of its epoch was in force up to there. */
  readonly last?: CertifiedHeader | undefined;
}

interface Block {
  readonly height: number;
  /** Entries before its header. */
  readonly logSize: number;
  readonly digest: Digest;
}

interface History {
  readonly chain: SetChain;
  readonly changes: readonly Block[];
  readonly last: Block | undefined;
  /** Up to here it counts: another one goes on, and this one is of another log than that. */
  readonly end?: Block | undefined;
}

export class SetHistories {
  readonly #histories: readonly History[];

  /** Links that do not verify end their list: what follows them is not known. */
  constructor(genesis: Genesis, lists: readonly SetList[] = []) {
    const chainId = digestBytes(logNameOf(genesis).chainId);
    const taken = [{ links: [] }, ...lists].map((list) => historyOf(new SetChain(chainId, genesis.validators), list));
    const own = taken.flatMap((history): readonly History[] => {
      const further = taken.filter((other) => goesOn(other, history));
      // What another one continues is no history of its own, unless its log cannot be the one that the other is of.
      if (!further.every((other) => isElsewhere(history, other))) return [];
      return [further.length === 0 ? history : { ...history, end: history.last }];
    });
    // Of those with the same changes, the one that counts furthest; nor is the same one twice.
    this.#histories = own.filter((one, i) => {
      return !own.some((other, j) => isSame(one, other) && reach(other) - reach(one) >= (j < i ? 0 : 1));
    });
  }

  /** One, but after a fork. */
  get chains(): readonly SetChain[] {
    return this.#histories.map(({ chain }) => chain);
  }

  /** Whose cosignatures count for a log of this size. */
  ofSize(size: number): readonly KnownSet[] {
    const counting = this.#histories.filter((history) => size <= reach(history));
    return once(counting.map(({ chain }) => chain.ofSize(size)));
  }

  /** Whose votes count for this height, if it is one of this epoch. */
  ofHeight(epoch: number, height: number): readonly KnownSet[] {
    const counting = this.#histories.filter(({ end }) => end === undefined || height <= end.height);
    return once(counting.flatMap(({ chain }) => chain.at(height) ?? [])).filter((set) => set.epoch === epoch);
  }

  /** Of every epoch and side. */
  all(): readonly KnownSet[] {
    const epochs = (chain: SetChain) => Array.from({ length: chain.latest.epoch + 1 }, (_, epoch) => epoch);
    return once(this.chains.flatMap((chain) => epochs(chain).flatMap((epoch) => chain.epoch(epoch) ?? [])));
  }

  ofEpoch(epoch: number): readonly KnownSet[] {
    return once(this.chains.flatMap((chain) => chain.epoch(epoch) ?? []));
  }
}

function historyOf(chain: SetChain, { links, last }: SetList): History {
  const wrong = links.findIndex((link) => chain.add(link) !== undefined);
  const good = wrong < 0 ? links : links.slice(0, wrong);
  const isCertified = last !== undefined && typeof chain.certified(last) !== 'string';
  return { chain, changes: good.map(blockOf), last: isCertified ? blockOf(last) : undefined };
}

function blockOf({ header }: CertifiedHeader): Block {
  const { height, logSize } = decodeHeader(header);
  return { height, logSize, digest: headerDigest(header) };
}

const begins = (history: History, other: History) =>
  history.changes.every(({ digest }, i) => digest === other.changes[i]?.digest);

const isSame = (one: History, other: History) => one.changes.length === other.changes.length && begins(one, other);

/** The largest size at which it counts. */
const reach = ({ end }: History) => (end === undefined ? Number.MAX_SAFE_INTEGER : end.logSize + 1);

/** Whether it has all changes of another history, and more. */
const goesOn = (one: History, other: History) => one.changes.length > other.changes.length && begins(other, one);

/**
 * Whether the log of a history has parted from that of one that goes on: its last block, certified in the epoch that
 * the other's next change ends, neither comes before that change nor is it.
 */
function isElsewhere({ changes, last }: History, other: History): boolean {
  const change = other.changes[changes.length];
  if (last === undefined || change === undefined) return false;
  if (last.height === change.height) return last.digest !== change.digest;
  return last.height > change.height || last.logSize >= change.logSize;
}

/** Genesis is the same set in every history. */
function once(sets: readonly KnownSet[]): readonly KnownSet[] {
  const seen = new Set<KnownSet['validators']>();
  return sets.filter(({ validators }) => !seen.has(validators) && seen.add(validators));
}
