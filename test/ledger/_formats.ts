// The worked examples of docs/formats.md, computed: for each the bytes, how the page shows them, and the reader that
// must refuse every change of them.
import { accountsCollection, postingSchema } from '../../contracts/accounts.ts';
import { accusation, consortium } from '../../contracts/consortium.ts';
import {
  countRecords,
  keyRecords,
  memberRecords,
  parameterRecords,
  parametersSchema,
  proposalRecords,
  userRecords,
  userSchema,
  validatorKeyRecords,
} from '../../contracts/consortium-state.ts';
import type { Collection } from '../../contracts/contract.ts';
import { payments } from '../../contracts/payments.ts';
import { readGenesisEntry } from '../../genesis/genesis.ts';
import { type BalanceProof, balanceProofSchema, encodeBalanceProof } from '../../node/audit/balance-proof.ts';
import {
  decodeMessage,
  encodeMessage,
  newViewPosition,
  type PreparedCertificate,
  type ViewChange,
  viewChangePosition,
} from '../../node/consensus/messages.ts';
import { stateKey, statePath, stateValueHash } from '../../node/execution/state-path.ts';
import { certificateSchema, signerSchema } from '../../node/ledger/certificate.ts';
import { decode, encode } from '../../node/ledger/codec.ts';
import { decodeEntry, decodeHeader, encodeEntry } from '../../node/ledger/entry.ts';
import { cosignatureEvidenceOf, evidenceOf, type Statement } from '../../node/ledger/evidence.ts';
import { digestBytes, leafHash, toHex } from '../../node/ledger/hash.ts';
import { encodeStateProof } from '../../node/ledger/ics23.ts';
import { consistencyPath, inclusionPath, rootOf } from '../../node/ledger/merkle.ts';
import { decodeAs, encodeAs, type Schema } from '../../node/ledger/schema.ts';
import { deriveSeed, publicKeyOf } from '../../node/ledger/signature.ts';
import { stateLeafHash } from '../../node/ledger/state-proof.ts';
import { bodySchema, decodeTransaction, type Transaction } from '../../node/ledger/transaction.ts';
import { keyProofMessage, validatorSchema, validatorSetHash } from '../../node/ledger/validators.ts';
import { type VotePosition, voteMessage } from '../../node/ledger/vote.ts';
import {
  approval,
  batch,
  blocks,
  certificateAt,
  chainId,
  checkpointBytes,
  entryAt,
  genesis,
  nonce,
  opening,
  positionOf,
  proposal,
  seedOf,
  signedBy,
  stateTree,
  store,
  transfer,
  userOf,
  validatorKey,
} from './_example-chain.ts';

export interface Example {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** As bytes alone, as CBOR, or as a text tag and then CBOR. */
  readonly shown: 'bytes' | 'cbor' | 'tagged';
  /** Whose fields the outermost array has; the example's own name if there is such a format. */
  readonly format: string;
  /** Throws DecodeError on anything but a canonical encoding. The keys of its answer are the fields, in order. */
  readonly read?: (bytes: Uint8Array) => object;
}

function bytesExample(name: string, bytes: Uint8Array): Example {
  return { name, bytes, shown: 'bytes', format: '' };
}

function cbor(name: string, bytes: Uint8Array, read?: Example['read'], format = name): Example {
  return { name, bytes, shown: 'cbor', format, ...(read && { read }) };
}

function tagged(name: string, bytes: Uint8Array, format: string): Example {
  return { name, bytes, shown: 'tagged', format };
}

/** What the entry says happened, as its `at`-th event. */
function payloadOf(index: number, at: number): Uint8Array {
  const entry = decodeEntry(entryAt(index));
  const event = entry.kind === 1 || entry.kind === 2 ? entry.events[at] : undefined;
  if (event === undefined) throw new Error(`no event ${at} in entry ${index}`);
  return encode(event.payload);
}

function argumentsExample(name: string, { body }: Transaction, schema: Schema<unknown>): Example {
  return cbor(name, encode(body.args), (bytes) => schema.read(decode(bytes)) as object);
}

function methodArgs(contract: typeof payments, method: string): Schema<unknown> {
  const found = contract.methods[method];
  if (found === undefined) throw new Error(`no method ${method}`);
  return found.args;
}

function recordBytes(contract: string, collection: string, key: string): Uint8Array {
  const bytes = store.get(statePath(contract, collection, key));
  if (bytes === undefined) throw new Error(`no record ${contract}/${collection}/${key}`);
  return bytes;
}

function recordExample(
  name: string,
  contract: string,
  { name: of, schema }: Collection<unknown>,
  key: string,
): Example {
  return cbor(name, recordBytes(contract, of, key), (bytes) => decodeAs(schema, bytes) as object);
}

const accountPath = statePath('payments', 'accounts', 'N-2');
const accountBytes = recordBytes('payments', 'accounts', 'N-2');
const accountKey = stateKey(accountPath);

/** Of validator-3 after block 2 of the example, with block 3 prepared in view 0. */
function viewChangeOf(validator: number): ViewChange {
  const position = positionOf(blocks[2]);
  const prepared: PreparedCertificate = {
    ...position,
    prePrepare: signedBy(0, 'pre-prepare', position),
    prepares: [1, 2].map((each) => signedBy(each, 'prepare', position)),
  };
  const committed = { height: 2, digest: blocks[1].digest, certificate: certificateAt(2) };
  const unsigned = { type: 'view-change', epoch: 0, view: 1, validator, committed, prepared } as const;
  return { ...unsigned, ...signedBy(validator, 'view-change', viewChangePosition({ ...unsigned })) };
}

function newViewPositionOf() {
  const viewChanges = [1, 2, 3].map(viewChangeOf);
  return newViewPosition({ type: 'new-view', epoch: 0, view: 1, validator: 1, viewChanges });
}

const keyExamples: Example[] = [
  ...(['vote', 'audit', 'network', 'log'] as const).flatMap((kind) => [
    bytesExample(`${kind}-seed`, deriveSeed(seedOf('validator-1'), kind)),
    bytesExample(`${kind}-key`, publicKeyOf(deriveSeed(seedOf('validator-1'), kind))),
  ]),
  tagged('key-proof', keyProofMessage(nonce, 'HQ', 'vote', validatorKey('validator-1', 'vote')), 'key-proof'),
  bytesExample('key-proof-signature', genesis.validators[0]?.voteProof ?? new Uint8Array(0)),
  bytesExample('validator-set-hash', digestBytes(validatorSetHash(genesis.validators))),
];

const transactionExamples: Example[] = [
  cbor('transaction-body', encodeAs(bodySchema, transfer.body), (bytes) => decodeAs(bodySchema, bytes)),
  bytesExample('transaction-signature', transfer.signature),
  bytesExample('transaction-id', digestBytes(transfer.id)),
  cbor('transaction', transfer.bytes, (bytes) => {
    const { body, publicKey, signature } = decodeTransaction(bytes);
    return { body, publicKey, signature };
  }),
];

const entryExamples: Example[] = [
  cbor('genesis-entry', entryAt(0), (bytes) => {
    readGenesisEntry(bytes);
    return decodeEntry(bytes);
  }),
  bytesExample('chain-id', chainId),
  cbor('transaction-entry', entryAt(4), decodeEntry),
  cbor('line-entry', entryAt(6), decodeEntry),
  cbor('line-entry-refused', entryAt(7), decodeEntry, 'line-entry'),
  cbor('header-entry', entryAt(8), decodeEntry),
  bytesExample('header-digest', leafHash(entryAt(8))),
];

const argumentExamples: Example[] = [
  argumentsExample('open', opening, methodArgs(payments, 'open')),
  argumentsExample('transfer', transfer, methodArgs(payments, 'transfer')),
  argumentsExample('batch', batch, methodArgs(payments, 'batch')),
  argumentsExample('propose', proposal, methodArgs(consortium, 'propose')),
  argumentsExample('approve', approval, methodArgs(consortium, 'approve')),
];

const eventExamples: Example[] = [
  cbor('opened', payloadOf(1, 0)),
  cbor('issued', payloadOf(1, 1), (bytes) => decodeAs(postingSchema, bytes), 'posting'),
  cbor('transferred', payloadOf(4, 0), (bytes) => decodeAs(postingSchema, bytes), 'posting'),
  cbor('proposed', payloadOf(9, 0)),
  cbor('approved', payloadOf(10, 0)),
  cbor('enacted', payloadOf(10, 1)),
];

const votePosition = positionOf(blocks[1]);
const consensusExamples: Example[] = [
  tagged('vote', voteMessage('commit', chainId, votePosition), 'vote'),
  bytesExample('vote-signature', signedBy(0, 'commit', votePosition).signature),
  cbor('certificate', encodeAs(certificateSchema, certificateAt(2)), (bytes) => decodeAs(certificateSchema, bytes)),
  cbor('view-change', encodeMessage(viewChangeOf(2)), (bytes) => {
    const { type: _, ...fields } = decodeMessage(bytes);
    return { kind: 2, ...fields };
  }),
  bytesExample('view-change-digest', digestBytes(viewChangePosition(viewChangeOf(2)).digest)),
  bytesExample('new-view-digest', digestBytes(newViewPositionOf().digest)),
];

const prepareOf = (position: VotePosition): Statement => {
  return { kind: 'prepare', ...position, signature: signedBy(3, 'prepare', position).signature };
};
const otherPosition = { ...votePosition, digest: blocks[2].digest };
const contradiction = evidenceOf(0, 3, prepareOf(votePosition), prepareOf(otherPosition));
const cosignedRoot = (name: string) => ({ validator: 3, size: 9, root: blocks[name === 'a' ? 1 : 2].digest, time: 1 });
const cosignatureContradiction = cosignatureEvidenceOf(0, genesis.name, {
  first: { ...cosignedRoot('a'), signature: new Uint8Array(64) },
  second: { ...cosignedRoot('b'), signature: new Uint8Array(64) },
});
const evidenceExamples: Example[] = [
  cbor(
    'evidence-entry',
    encodeEntry({
      kind: 4,
      evidence: contradiction,
      events: [{ contract: 'consortium', ...accusation(0, 'validator-4') }],
    }),
    decodeEntry,
  ),
];

const stateExamples: Example[] = [
  recordExample('account-record', 'payments', accountsCollection, 'N-2'),
  cbor('issuance-record', recordBytes('payments', 'issuance', 'CZK')),
  recordExample('member-record', 'consortium', memberRecords, 'NORTH'),
  recordExample('user-record', 'consortium', userRecords, 'NORTH/anna'),
  recordExample('key-record', 'consortium', keyRecords, toHex(publicKeyOf(seedOf('NORTH/anna')))),
  recordExample('validator-key-record', 'consortium', validatorKeyRecords, toHex(validatorKey('validator-1', 'vote'))),
  recordExample('parameters-record', 'consortium', parameterRecords, 'current'),
  recordExample('count-record', 'consortium', countRecords, 'members'),
  recordExample('proposal-record', 'consortium', proposalRecords, 'HQ/ADD-BEN'),
  cbor('state-key-input', encode(['payments', 'accounts', 'N-2'])),
  bytesExample('state-key', accountKey),
  bytesExample('state-leaf', stateLeafHash(accountKey, stateValueHash(accountBytes))),
  bytesExample('state-root', stateTree.root),
  bytesExample(
    'state-proof',
    encodeStateProof(stateTree.prove(accountKey), accountKey, () => accountBytes),
  ),
];

const logExamples: Example[] = [
  bytesExample('log-root-3', rootOf([0, 1, 2].map((index) => leafHash(entryAt(index))))),
  bytesExample('inclusion-path', concat(inclusionPath((level, index) => store.node(level, index), 4, 8))),
  bytesExample('consistency-path', concat(consistencyPath((level, index) => store.node(level, index), 3, 8))),
];

const located = (index: number) => {
  const path = inclusionPath((level, at) => store.node(level, at), index, 9);
  return { index, entry: entryAt(index), path };
};
const { entry: sealing, path: headerPath } = located(8);
/** What N-2 had between its opening and the transfer. */
const balanceProof: BalanceProof = {
  format: 'daybook/balance-proof/v1',
  account: 'N-2',
  anchor: { setChanges: [], checkpoint: checkpointBytes(), header: sealing, headerPath },
  state: undefined,
  before: located(2),
  after: located(4),
};
const proofExamples: Example[] = [bytesExample('balance-proof', encodeBalanceProof(balanceProof))];

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export const examples: readonly Example[] = [
  ...keyExamples,
  ...transactionExamples,
  ...entryExamples,
  ...argumentExamples,
  ...eventExamples,
  ...consensusExamples,
  ...evidenceExamples,
  ...stateExamples,
  ...logExamples,
  ...proofExamples,
];

const [founder] = genesis.validators;
const [aSigner] = certificateAt(2).signers;
const posted = decodeAs(postingSchema, payloadOf(4, 0));
if (founder === undefined || aSigner === undefined) throw new Error('the example has validators');

const asked = decodeMessage(encodeMessage(viewChangeOf(2)));
const paid = decodeEntry(entryAt(4));
if (asked.type !== 'view-change' || asked.prepared === undefined || paid.kind !== 1) throw new Error('as built above');

/** Formats that stand only within others, read from the examples. */
export const nested: readonly (readonly [format: string, fields: object])[] = [
  ['header', decodeHeader(entryAt(8))],
  ['signer', decodeAs(signerSchema, encodeAs(signerSchema, aSigner))],
  ['validator', decodeAs(validatorSchema, encodeAs(validatorSchema, founder))],
  ['parameters', decodeAs(parametersSchema, recordBytes('consortium', 'parameters', 'current'))],
  ['side', posted.debtor],
  ['evidence', contradiction],
  ['balance-proof', decodeAs(balanceProofSchema, encodeBalanceProof(balanceProof))],
  ['anchor', balanceProof.anchor],
  ['located', located(4)],
  ['statement', contradiction.first],
  ['cosignature-evidence', cosignatureContradiction],
  ['cosigned-root', cosignatureContradiction.first],
  ['event', paid.events[0] ?? {}],
  ['committed', asked.committed],
  ['prepared', asked.prepared],
  ['user', decodeAs(userSchema, encodeAs(userSchema, userOf('NORTH', 'anna', ['teller'])))],
];
