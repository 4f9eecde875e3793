// Makes a validator's store: genesis and an empty vote record in LMDB. The one way in which a store comes to be, always
// together with a new key: an empty record beside a key that voted would be amnesia. A start only opens.
import { contracts } from '../contracts/registry.ts';
import { chainIdOf, type Genesis, genesisEntry } from '../genesis/genesis.ts';
import { encodeRecord, firstRecord } from './consensus/record.ts';
import { genesisCommit } from './execution/genesis-commit.ts';
import { createLmdbStore } from './store/lmdb-opening.ts';
import { storeFormat } from './store/rows.ts';

export async function createStore(folder: string, genesis: Genesis, validator: string): Promise<void> {
  const identity = { chainId: chainIdOf(genesisEntry(genesis)), validator, format: storeFormat };
  const vote = { record: encodeRecord(firstRecord()), putBodies: [], deleteBodies: [] };
  const store = await createLmdbStore(folder, identity, genesisCommit(genesis, contracts).commit, vote);
  await store.close();
}
