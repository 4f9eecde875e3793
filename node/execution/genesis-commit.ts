// Height 0: the genesis entry alone in the log, and the first state of every contract; and the state tree of a store,
// as a node builds it when it starts.
import type { Contract } from '../../contracts/contract.ts';
import { chainIdOf, type Genesis, genesisEntry, sectionOf } from '../../genesis/genesis.ts';
import { digestBytes, digestOf } from '../ledger/hash.ts';
import { type CompleteSubtree, Frontier } from '../ledger/merkle.ts';
import type { BlockCommit, StatePath } from '../store/store.ts';
import { stateChanges } from './executor.ts';
import { Overlay, writerOf } from './overlay.ts';
import { stateKey, stateValueHash } from './state-path.ts';
import { StateTree } from './state-tree.ts';

/** Throws DecodeError where a contract does not take its section; a checked genesis has none such. */
export function genesisCommit(
  genesis: Genesis,
  contracts: readonly Contract[],
): { readonly commit: BlockCommit; readonly tree: StateTree } {
  const state = new Overlay({ get: () => undefined });
  for (const contract of contracts) {
    const section = sectionOf(genesis, contract.name);
    if (section !== undefined) contract.begin(writerOf(state, contract.name), section);
  }
  const writes = state.writes();
  const tree = StateTree.empty.update(stateChanges(writes));
  const entry = genesisEntry(genesis);
  const digest = chainIdOf(entry);
  const frontier = Frontier.empty();
  const nodes: CompleteSubtree[] = [];
  frontier.append(digestBytes(digest), nodes);
  const head = {
    height: 0,
    digest,
    logSize: 1,
    timestamp: genesis.timestamp,
    peaks: frontier.toHashes(),
    stateRoot: digestOf(tree.root),
  };
  const block = { height: 0, digest, firstIndex: 0, headerIndex: 0 };
  const commit = {
    head,
    block,
    entries: [entry],
    certificate: undefined,
    nodes,
    writes,
    references: [],
    transactions: [],
  };
  return { commit, tree };
}

/** The state tree of everything that a store holds. */
export function treeOf(store: { stateRecords(): Iterable<readonly [StatePath, Uint8Array]> }): StateTree {
  return StateTree.fromEntries(leavesOf(store.stateRecords()));
}

function* leavesOf(records: Iterable<readonly [StatePath, Uint8Array]>): Iterable<readonly [Uint8Array, Uint8Array]> {
  for (const [path, value] of records) yield [stateKey(path), stateValueHash(value)];
}
