import test from 'ava';
import {
  decodeMessage,
  encodeMessage,
  type Message,
  type NewView,
  type ViewChange,
} from '../../node/consensus/messages.ts';
import type { Digest } from '../../node/ledger/hash.ts';
import { toHex } from '../../node/ledger/hash.ts';
import { voteMessage } from '../../node/ledger/vote.ts';
import { channelOf, Inbound, type Judgement } from '../../node/network/inbound.ts';
import type { Channel } from '../../node/network/transport.ts';
import { VerifiedSignatures } from '../../node/network/verified-signatures.ts';
import { prng } from '../_prng.ts';
import {
  Chain,
  certificateOf,
  chainId,
  committedOf,
  digestNamed,
  epoch,
  genesisCommitted,
  heardOf,
  newViewOf,
  otherChainId,
  prePrepareOf,
  preparedOf,
  signAs,
  signNewView,
  signViewChange,
  validatorsOf,
  viewChangeOf,
  voteOf,
} from './_consortium.ts';

const n = 4;
const self = 3;
const height = 5;
const view = 2;
const digest = digestNamed('the block');
const other = digestNamed('another block');
const at = { epoch, view, height, digest };

function inbound(): Inbound {
  return new Inbound({ chainId, epoch, validators: validatorsOf(n), self, position: () => ({ view, height }) });
}

function judge(message: Message, from?: number, channel?: Channel): Judgement {
  const sender = from ?? (message.type === 'committed' ? 0 : message.validator);
  return inbound().check(sender, channel ?? channelOf(message), encodeMessage(message));
}

const chain = new Chain(n);
const header = chain.add([Chain.transactionEntry('a')]).entries.at(-1) ?? new Uint8Array(0);
const block = { header, evidence: undefined, transactions: [new Uint8Array([1])] };
const prepared = preparedOf(n, 1, height, digest);
const committed = committedOf(n, height - 1, other);
const viewChange = viewChangeOf(0, 3, committed, prepared);
const quorum = [viewChange, viewChangeOf(1, 3, genesisCommitted), viewChangeOf(2, 3, committed)];
const newView = newViewOf(n, 3, quorum);
const prePrepare = prePrepareOf(n, view, block, height);
const status = {
  type: 'status',
  validator: 1,
  epoch,
  view,
  mode: 'normal',
  height: 4,
  logSize: 40,
  heard: heardOf('commit', self, at),
} as const;
const certificate = certificateOf(n, { ...at, height: 4 });
const forged = signAs(0, 'commit', { ...at, digest: other });

test('an honest message of every kind passes', (t) => {
  const messages: Message[] = [
    prePrepare,
    voteOf('prepare', 1, at),
    voteOf('commit', 1, at),
    viewChange,
    viewChangeOf(1, 3, genesisCommitted),
    newView,
    status,
    { ...status, heard: undefined },
    { type: 'committed', certificate },
  ];
  for (const message of messages) t.deepEqual(judge(message), { message: message as never }, message.type);
});

test('[P1] a proposal is refused with any field wrong', (t) => {
  const wrong: [string, Message, string][] = [
    ['signed by another', { ...prePrepare, signature: forged }, 'unproven'],
    ['a digest that is not the header’s', { ...prePrepare, digest: other }, 'unproven'],
    ['another height', { ...prePrepare, height: height + 1 }, 'unproven'],
    ['another view of the same primary', { ...prePrepare, view: view + n }, 'unproven'],
    ['not from the primary', { ...prePrepareOf(n, view, block, height), view: view + 1 }, 'unproven'],
    ['another header', { ...prePrepare, block: { ...block, header: header.slice(1) } }, 'unproven'],
    ['of a view that is left', prePrepareOf(n, view - 1, block, height), 'stale'],
    ['of another epoch', { ...prePrepare, epoch: 1 }, 'other-epoch'],
    ['far ahead', { ...prePrepare, height: height + 3 }, 'far'],
    ['of a committed height', { ...prePrepare, height: height - 1 }, 'committed-height'],
  ];
  for (const [why, message, refused] of wrong) t.like(judge(message), { refused }, why);
  t.like(judge(prePrepare, 1), { refused: 'not-the-sender' });
  t.like(judge(prePrepare, undefined, 'votes'), { refused: 'malformed' }, 'a block on the votes’ channel');
});

test('a vote is refused with any field wrong', (t) => {
  const commit = voteOf('commit', 1, at);
  const wrong: [string, Message, string][] = [
    ['a Prepare passed off as a Commit', { ...voteOf('prepare', 1, at), type: 'commit' }, 'unproven'],
    ['a Commit passed off as a Prepare', { ...commit, type: 'prepare' }, 'unproven'],
    ['for another block', { ...commit, digest: other }, 'unproven'],
    ['for another height', { ...commit, height: height + 1 }, 'unproven'],
    ['for another view', { ...commit, view: view + 1 }, 'unproven'],
    ['another’s signature', { ...commit, signature: voteOf('commit', 2, at).signature }, 'unproven'],
    ['of another chain', { ...commit, signature: signAs(1, 'commit', at, otherChainId) }, 'unproven'],
    ['of another epoch', { ...commit, epoch: 7 }, 'other-epoch'],
    ['of no validator', { ...commit, validator: 4 }, 'malformed'],
    ['far ahead', { ...commit, height: height + 3 }, 'far'],
    ['a Prepare of a view that is left', voteOf('prepare', 1, { ...at, view: view - 1 }), 'stale'],
  ];
  for (const [why, message, refused] of wrong) t.like(judge(message), { refused }, why);
  t.deepEqual(judge(commit, 2), { refused: 'not-the-sender' });
});

test('a Commit of a view that is left still counts', (t) => {
  t.true('message' in judge(voteOf('commit', 1, { ...at, view: 0 })));
});

test('[A4] a recent vote that came too late is handed on, if its signature is good', (t) => {
  const below = { ...at, height: height - 2 };
  const left = { ...at, view: view - 1 };
  for (const [vote, refused] of [
    [voteOf('commit', 1, below), 'committed-height'],
    [voteOf('prepare', 1, below), 'committed-height'],
    [voteOf('prepare', 1, left), 'stale'],
    [prePrepareOf(n, view - 1, block, height), 'stale'],
  ] as const) {
    t.like(judge(vote), { refused, late: vote });
    t.false('late' in judge({ ...vote, signature: forged }), 'and not if it is bad');
  }
  t.false('late' in judge(voteOf('commit', 1, { ...at, height: height - 3 })), 'nor if it is old');
});

test('a vote for a committed height names the height, unread', (t) => {
  for (const type of ['prepare', 'commit'] as const) {
    const vote = { ...voteOf(type, 1, { ...at, height: 2 }), signature: forged };
    t.deepEqual(judge(vote), { refused: 'committed-height', height: 2, type });
  }
});

/** Each rule of a prepared certificate, reached through a ViewChange that is properly signed. */
test('[P2] one bad part of a prepared certificate condemns the ViewChange', (t) => {
  const [first, second] = prepared.prepares as [(typeof prepared.prepares)[0], (typeof prepared.prepares)[0]];
  const primary = { validator: 1, signature: signAs(1, 'prepare', prepared) };
  const asCommit = { validator: 2, signature: signAs(2, 'commit', prepared) };
  const all = [0, 2, 3].map((validator) => ({ validator, signature: signAs(validator, 'prepare', prepared) }));
  const wrong: [string, ViewChange['prepared']][] = [
    ['another epoch', { ...prepared, epoch: 1 }],
    ['not above what is committed', { ...preparedOf(n, 1, height - 1, digest) }],
    ['two above what is committed', { ...preparedOf(n, 1, height + 1, digest) }],
    ['the view that is asked for', preparedOf(n, 3, height, digest)],
    ['a view above it', preparedOf(n, 4, height, digest)],
    ['another digest', { ...prepared, digest: other }],
    ['a PrePrepare of a backup', { ...prepared, prePrepare: { ...prepared.prePrepare, validator: 2 } }],
    ['a PrePrepare that is a Prepare', { ...prepared, prePrepare: primary }],
    ['a Prepare too few', { ...prepared, prepares: [first] }],
    ['a Prepare too many', { ...prepared, prepares: all }],
    ['a signer twice', { ...prepared, prepares: [first, first] }],
    ['signers not ascending', { ...prepared, prepares: [second, first] }],
    ['the primary’s own Prepare', { ...prepared, prepares: [first, primary] }],
    ['a Commit as a Prepare', { ...prepared, prepares: [first, asCommit] }],
    ['an unknown signer', { ...prepared, prepares: [first, { ...second, validator: 9 }] }],
    ['a forged Prepare', { ...prepared, prepares: [first, { ...second, signature: forged }] }],
  ];
  for (const [why, bad] of wrong) t.like(judge(viewChangeOf(0, 3, committed, bad)), { refused: 'unproven' }, why);
});

test('[V2] a ViewChange is refused with any field wrong', (t) => {
  const cert = committed.certificate as NonNullable<typeof committed.certificate>;
  const [s0, s1, s2] = cert.signers as [(typeof cert.signers)[0], (typeof cert.signers)[0], (typeof cert.signers)[0]];
  const withSigners = (signers: typeof cert.signers) => ({ ...committed, certificate: { ...cert, signers } });
  const signed = (change: Partial<ViewChange>) => signViewChange({ ...viewChange, ...change });
  const wrong: [string, Message, string][] = [
    ['unsigned content', { ...viewChange, view: 4 }, 'unproven'],
    ['prepared part cut out', { ...viewChange, prepared: undefined }, 'unproven'],
    ['another’s signature', { ...viewChange, signature: quorum[1]?.signature ?? forged }, 'unproven'],
    ['view 0', signed({ view: 0, prepared: undefined }), 'unproven'],
    ['another epoch', signed({ epoch: 1 }), 'other-epoch'],
    ['no certificate', signed({ committed: { ...committed, certificate: undefined } }), 'unproven'],
    ['a certificate for height 0', signed({ committed: { ...genesisCommitted, certificate } }), 'unproven'],
    ['another genesis', signed({ committed: { ...genesisCommitted, digest: other }, prepared: undefined }), 'unproven'],
    ['a lower height', signed({ committed: { ...committed, height: 3 }, prepared: undefined }), 'unproven'],
    ['another digest', signed({ committed: { ...committed, digest } }), 'unproven'],
    ['a signer too few', signed({ committed: withSigners([s0, s1]) }), 'unproven'],
    ['a signer twice', signed({ committed: withSigners([s0, s1, s1]) }), 'unproven'],
    ['signers not ascending', signed({ committed: withSigners([s1, s0, s2]) }), 'unproven'],
    ['a forged signer', signed({ committed: withSigners([s0, s1, { ...s2, signature: forged }]) }), 'unproven'],
    ['an unknown signer', signed({ committed: withSigners([s0, s1, { ...s2, validator: 50 }]) }), 'unproven'],
    ['a padded quorum', signed({ committed: withSigners([s0, s1, s2, { ...s2, validator: 3 }]) }), 'unproven'],
    [
      'a certificate of another epoch',
      signed({ committed: { ...committed, certificate: { ...cert, epoch: 1 } } }),
      'unproven',
    ],
  ];
  for (const [why, message, refused] of wrong) t.like(judge(message), { refused }, why);
  t.like(judge(viewChange, 1), { refused: 'not-the-sender' });
});

test('[V4] a NewView is refused with any field wrong, and may be repeated by anyone', (t) => {
  const [a, b, c] = quorum as [ViewChange, ViewChange, ViewChange];
  const signed = (change: Partial<NewView>) => signNewView({ ...newView, ...change });
  const wrong: [string, Message, string][] = [
    ['not its primary', signed({ validator: 0 }), 'unproven'],
    ['another’s signature', { ...newView, signature: forged }, 'unproven'],
    ['its content changed', { ...newView, viewChanges: [a, b, viewChangeOf(2, 3, genesisCommitted)] }, 'unproven'],
    ['too few', signed({ viewChanges: [a, b] }), 'unproven'],
    ['too many', signed({ viewChanges: [...quorum, viewChangeOf(3, 3, committed)] }), 'unproven'],
    ['one twice', signed({ viewChanges: [a, b, b] }), 'unproven'],
    ['not ascending', signed({ viewChanges: [b, a, c] }), 'unproven'],
    ['one for another view', signed({ viewChanges: [a, b, viewChangeOf(2, 4, committed)] }), 'unproven'],
    ['one unsigned', signed({ viewChanges: [a, b, { ...c, signature: forged }] }), 'unproven'],
    [
      'one with a bad certificate',
      signed({ viewChanges: [a, b, viewChangeOf(2, 3, { ...committed, digest })] }),
      'unproven',
    ],
    ['another epoch', { ...newView, epoch: 1 }, 'other-epoch'],
    ['view 0', { ...newView, view: 0, validator: 0 }, 'unproven'],
  ];
  for (const [why, message, refused] of wrong) t.like(judge(message), { refused }, why);
  t.true('message' in judge(newView, 1));
});

test('[C1] a status that says what the one before said is the same bytes, and any other is its own', (t) => {
  const { heard } = status;
  const first = encodeMessage({ ...status });
  t.is(encodeMessage({ ...status }), first);
  const others: readonly Message[] = [
    { ...status, epoch: status.epoch + 1 },
    { ...status, view: status.view + 1 },
    { ...status, mode: 'changing' },
    { ...status, height: status.height + 1 },
    { ...status, logSize: status.logSize + 1 },
    { ...status, validator: status.validator + 1 },
    { ...status, heard: { ...heard, view: heard.view + 1 } },
    { ...status, heard: undefined },
  ];
  for (const each of others) t.deepEqual(decodeMessage(encodeMessage(each)), each);
  t.deepEqual(encodeMessage({ ...status }), first);
});

test('[R2] a status speaks for its sender and shows only our own signature', (t) => {
  const heard = status.heard;
  const wrong: [string, Message, string][] = [
    ['heard from another', { ...status, heard: heardOf('commit', 2, at) }, 'unproven'],
    ['heard and never said', { ...status, heard: { ...heard, height: height + 1 } }, 'unproven'],
    ['heard as another kind', { ...status, heard: { ...heard, kind: 'prepare' } }, 'unproven'],
    ['heard in another epoch', { ...status, heard: { ...heard, epoch: 1 } }, 'unproven'],
  ];
  for (const [why, message, refused] of wrong) t.like(judge(message), { refused }, why);
  t.like(judge(status, 2), { refused: 'not-the-sender' });
  const later = judge({ ...status, epoch: status.epoch + 1, validator: 7 }, 2);
  t.like('message' in later && later.message, { validator: 2, heard: undefined }, '[E5] a hint, by whoever sends it');
});

test('[C3] a certificate that is told must be whole', (t) => {
  const [s0, s1, s2] = certificate.signers as [
    (typeof certificate.signers)[0],
    (typeof certificate.signers)[0],
    (typeof certificate.signers)[0],
  ];
  const wrong: [string, Partial<typeof certificate>, string][] = [
    ['another digest', { digest: other }, 'unproven'],
    ['another height', { height: 3 }, 'unproven'],
    ['height 0', { height: 0 }, 'unproven'],
    ['another view', { view: 0 }, 'unproven'],
    ['another epoch', { epoch: 1 }, 'other-epoch'],
    ['a signer too few', { signers: [s0, s1] }, 'unproven'],
    ['a signer twice', { signers: [s0, s0, s1] }, 'unproven'],
    ['not ascending', { signers: [s2, s1, s0] }, 'unproven'],
  ];
  for (const [why, change, refused] of wrong)
    t.like(judge({ type: 'committed', certificate: { ...certificate, ...change } }), { refused }, why);
});

test('bytes that are no message are refused and never thrown', (t) => {
  const gate = inbound();
  const random = prng(7);
  const good = encodeMessage(voteOf('commit', 1, at));
  t.like(gate.check(1, 'votes', new Uint8Array(0)), { refused: 'malformed' });
  t.like(gate.check(1, 'votes', new Uint8Array(1_048_577)), { refused: 'malformed' });
  t.like(gate.check(1, 'votes', Uint8Array.from([...good, 0])), { refused: 'malformed' }, 'padded');
  t.like(gate.check(1, 'transactions', good), { refused: 'malformed' });
  for (let i = 0; i < 2_000; i++) {
    const bad = good.slice(0, i % 2 === 0 ? good.length : random.int(good.length));
    if (bad.length > 0) bad[random.int(bad.length)] = random.int(256);
    const verdict = gate.check(1, 'votes', bad);
    t.true('refused' in verdict || toHex(bad) === toHex(good));
  }
  for (let i = 0; i < 500; i++) t.true('refused' in gate.check(1, 'votes', random.bytes(1 + random.int(300))));
});

test('good signatures are remembered, bad ones are not, and the memory has an end', (t) => {
  const memory = new VerifiedSignatures(4);
  const key = validatorsOf(n)[0]?.voteKey ?? new Uint8Array(0);
  const sign = (view_: number) => {
    const position = { ...at, view: view_ };
    return [voteBytes(position), signAs(0, 'commit', position)] as const;
  };
  for (let i = 0; i < 20; i++) {
    const [message, signature] = sign(i);
    t.true(memory.check(message, signature, key));
    t.true(memory.check(message, signature, key));
    t.false(memory.check(message, forged, key));
    t.true(memory.size <= 8);
  }
});

function voteBytes(position: { epoch: number; view: number; height: number; digest: Digest }): Uint8Array {
  return voteMessage('commit', chainId, position);
}
