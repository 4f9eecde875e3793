// The chain that a simulated cluster runs: its genesis, the keys of its validators and users. Made once a process for
// each number of validators and kind of signatures.
import { contracts } from '../../contracts/registry.ts';
import type { Genesis } from '../../genesis/genesis.ts';
import { encodeRecord, firstRecord } from '../../node/consensus/record.ts';
import { genesisCommit } from '../../node/execution/genesis-commit.ts';
import type { BlockCommit, VoteChange } from '../../node/store/store.ts';
import { members, type Signer, signer, testGenesis, validator } from '../execution/_ledger.ts';
import { SimulatedDisk } from './disk.ts';
import { validatorName } from './epochs.ts';

export interface Consortium {
  readonly genesis: Genesis;
  readonly commit: BlockCommit;
  readonly tellers: readonly Signer[];
  readonly clearing: Signer;
  readonly officers: readonly Signer[];
}

const made = new Map<string, Consortium>();

export interface ConsortiumTerms {
  readonly validators: number;
  readonly realSignatures: boolean;
  /** Of references, and of validity, where it is not the usual one. */
  readonly windowMs: number | undefined;
  /** Of one member in a block, where it is not the usual one. */
  readonly memberMax: number | undefined;
  /** There are officers, who may change the validators. */
  readonly governed: boolean;
}

export function consortiumOf(terms: ConsortiumTerms): Consortium {
  const { validators, realSignatures, windowMs, memberMax, governed } = terms;
  const name = `${validators}/${realSignatures}/${windowMs}/${memberMax}/${governed}`;
  const known = made.get(name);
  if (known !== undefined) return known;
  const tellers = members.map((member) => signer(member, 'teller', 'teller'));
  const clearing = signer('NORTH', 'clearing', 'clearing');
  const officers = governed ? members.map((member) => signer(member, 'officer', 'officer')) : [];
  const users = [...tellers, clearing, ...officers];
  const base = testGenesis({
    ...(windowMs !== undefined && { referenceWindowMs: windowMs, validityMaxMs: windowMs }),
    ...(memberMax !== undefined && { memberTransactionsMax: memberMax }),
  });
  const genesis: Genesis = {
    ...base,
    validators: Array.from({ length: validators }, (_, i) =>
      validator(validatorName(i), members[i % members.length] ?? members[0]),
    ),
    consortium: {
      ...base.consortium,
      users: users.map(({ member, user, publicKey, roles }) => ({ member, user, publicKey, roles })),
    },
  };
  const consortium = { genesis, commit: genesisCommit(genesis, contracts).commit, tellers, clearing, officers };
  made.set(name, consortium);
  return consortium;
}

/** The disk of a validator that was just set up. */
export function newDisk({ commit }: Consortium, index: number): SimulatedDisk {
  const vote: VoteChange = { record: encodeRecord(firstRecord()), putBodies: [], deleteBodies: [] };
  return new SimulatedDisk({ chainId: commit.head.digest, validator: validatorName(index), format: 1 }, commit, vote);
}
