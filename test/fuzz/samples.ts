// Good inputs of every kind, as the tests of each part build them.
import { encodeCheckpointMessage } from '../../node/consensus/checkpoint-messages.ts';
import { encodeMessage, type Message } from '../../node/consensus/messages.ts';
import { firstRecord, type VoteRecord } from '../../node/consensus/record.ts';
import { type LogName, originOf } from '../../node/ledger/checkpoint.ts';
import type { Claim } from '../../node/ledger/claim.ts';
import { cosignatureMessage, type StableCheckpoint } from '../../node/ledger/cosignature.ts';
import { deriveSeed, sign } from '../../node/ledger/signature.ts';
import {
  Chain,
  certificateOf,
  committedOf,
  digestNamed,
  epoch,
  genesisCommitted,
  heardOf,
  newViewOf,
  prePrepareOf,
  preparedOf,
  validatorSeedOf,
  viewChangeOf,
  voteOf,
} from '../network/_consortium.ts';

const count = 4;

export function storedChain(): Chain {
  const chain = new Chain(count);
  for (let height = 1; height <= 4; height++)
    chain.add([Chain.transactionEntry(`${height} a`), Chain.transactionEntry(`${height} b`)]);
  return chain;
}

/** One of each kind, at height 5 and views 2 and 3, from the validators whose place it is. */
export function sampleMessages(): Message[] {
  const chain = storedChain();
  const header = chain.blocks.at(-1)?.entries.at(-1) ?? new Uint8Array(1);
  const [height, view, digest] = [5, 2, digestNamed('the block')];
  const at = { epoch, view, height, digest };
  const committed = committedOf(count, height - 1, digestNamed('another block'));
  const prepared = preparedOf(count, 1, height, digest);
  const viewChanges = [
    viewChangeOf(0, 3, committed, prepared),
    viewChangeOf(1, 3, genesisCommitted),
    viewChangeOf(2, 3, committed),
  ];
  const status = { type: 'status', validator: 1, epoch, view, mode: 'normal', height: height - 1 } as const;
  return [
    voteOf('prepare', 1, at),
    voteOf('commit', 1, at),
    prePrepareOf(count, view, { header, transactions: [new Uint8Array([1, 2, 3])], evidence: undefined }, height),
    ...viewChanges,
    newViewOf(count, 3, viewChanges),
    { type: 'committed', certificate: certificateOf(count, { ...at, height: 4 }) },
    { ...status, logSize: 20, heard: heardOf('commit', 3, at) },
  ];
}

export function messages(): Uint8Array[] {
  return sampleMessages().map(encodeMessage);
}

/** A cosignature and a stable checkpoint that verify under `log` and `validatorsOf(count)`. */
export function checkpointMessages(): Uint8Array[] {
  return [
    encodeCheckpointMessage({ type: 'cosignature', cosigned: { ...treeHead, ...cosignatureOf(1) }, repeated: false }),
    encodeCheckpointMessage({ type: 'stable', checkpoint: stableCheckpoint() }),
    encodeCheckpointMessage({ type: 'wanted', size: 20 }),
  ];
}

export const log: LogName = { ledger: 'daybook.example/test', chainId: digestNamed('the chain') };
const treeHead = { size: 20, root: digestNamed('the root') };

function cosignatureOf(validator: number) {
  const time = 1_700_000_000;
  const message = cosignatureMessage({ origin: originOf(log), ...treeHead }, time);
  return { validator, time, signature: sign(message, deriveSeed(validatorSeedOf(validator), 'audit')) };
}

export function stableCheckpoint(): StableCheckpoint {
  return { height: 5, ...treeHead, cosignatures: [0, 1, 2].map(cosignatureOf) };
}

/** Of the latest starts alone, and with an earlier one. */
export function claims(): Claim[] {
  const [session, signature] = [new Uint8Array(16).fill(1), new Uint8Array(64).fill(2)];
  const claim = { start: 40, sessions: [session, session], signature };
  return [claim, { ...claim, earlier: { start: 3, session } }];
}

export function aRecord(): VoteRecord {
  const [height, view, digest] = [5, 3, digestNamed('the block')];
  const prepared = preparedOf(count, 1, height, digest);
  const viewChange = viewChangeOf(3, view, genesisCommitted);
  return {
    ...firstRecord(height),
    view,
    mode: 'changing',
    accepted: { view, digest, validator: 3, signature: viewChange.signature },
    prepare: voteOf('prepare', 3, { epoch, view, height, digest }),
    commit: voteOf('commit', 3, { epoch, view, height, digest }),
    prepared,
    viewChange,
    newView: newViewOf(
      count,
      view,
      [0, 1, 2].map((each) => viewChangeOf(each, view, genesisCommitted)),
    ),
    bodies: [digest],
  };
}
