import test from 'ava';
import type { CommitCertificate } from '../../node/ledger/certificate.ts';
import { encodeHeader, headerDigest } from '../../node/ledger/entry.ts';
import { digestBytes } from '../../node/ledger/hash.ts';
import type { Header } from '../../node/ledger/header.ts';
import { encodeAs } from '../../node/ledger/schema.ts';
import { SetChain, type SetLink, setLinkSchema } from '../../node/ledger/set-chain.ts';
import { deriveSeed, sign } from '../../node/ledger/signature.ts';
import { quorumOf, type ValidatorSet, validatorSetHash } from '../../node/ledger/validators.ts';
import { voteMessage } from '../../node/ledger/vote.ts';
import { members, seedOf, validator } from '../execution/_ledger.ts';

const chainId = new Uint8Array(32).fill(7);
const setOf = (...ids: string[]): ValidatorSet => ids.map((id, i) => validator(id, members[i % 4] ?? 'NORTH'));
const first = setOf('a', 'b', 'c', 'd');
const second = setOf('a', 'b', 'c', 'e');
const third = setOf('a', 'b', 'c', 'e', 'f', 'g', 'h');

function linkOf(now: ValidatorSet, next: ValidatorSet, epoch: number, height: number, header: Partial<Header> = {}) {
  const zero = new Uint8Array(32);
  const encoded = encodeHeader({
    version: 1,
    chainId,
    epoch,
    height,
    proposer: 0,
    timestamp: height,
    parent: zero,
    logSize: height * 2,
    logRoot: zero,
    stateRoot: zero,
    validatorSetHash: digestBytes(validatorSetHash(now)),
    nextValidatorSetHash: digestBytes(validatorSetHash(next)),
    protocolVersion: 1,
    lastCommit: undefined,
    ...header,
  });
  const position = { epoch, view: 0, height, digest: headerDigest(encoded) };
  const message = voteMessage('commit', chainId, position);
  const signers = now.slice(0, quorumOf(now.length).size).map(({ id }, i) => {
    return { validator: i, signature: sign(message, deriveSeed(seedOf(id), 'vote')) };
  });
  return { header: encoded, certificate: { ...position, signers }, next };
}

test('a walk over the changes gives the set of every height', (t) => {
  const chain = new SetChain(chainId, first);
  t.is(chain.add(linkOf(first, second, 0, 5)), undefined);
  t.is(chain.add(linkOf(second, third, 1, 6)), undefined);
  t.deepEqual(
    [1, 5, 6, 7, 99].map((height) => chain.at(height)?.epoch),
    [0, 0, 1, 2, 2],
  );
  t.is(chain.at(6)?.validators, second);
  t.is(chain.latest.validators, third);
  t.is(chain.at(0), undefined);
  // The headers say logs of 10 and 12 entries before them: those sizes count the header's own entry.
  t.deepEqual(
    [1, 11, 12, 13, 14, 99].map((size) => chain.ofSize(size).epoch),
    [0, 0, 1, 1, 2, 2],
  );
});

test('a change under seven validators takes less than 4 kB', (t) => {
  const seven = setOf('a', 'b', 'c', 'd', 'e', 'f', 'g');
  const { certificate } = linkOf(seven, third, 0, 5);
  const last: CommitCertificate = { ...certificate, height: 4 };
  const link = linkOf(seven, third, 0, 5, { lastCommit: last });
  const size = encodeAs(setLinkSchema, link).length;
  t.log(`${size} bytes`);
  t.true(size < 4_096);
});

const good = linkOf(first, second, 0, 5);
const wrong: readonly (readonly [string, SetLink, RegExp])[] = [
  ['bytes that are no header', { ...good, header: new Uint8Array(9) }, /header/],
  ['another chain', linkOf(first, second, 0, 5, { chainId: new Uint8Array(32) }), /another chain/],
  ['a later epoch', linkOf(first, second, 1, 5), /epoch 1 where 0 ends/],
  ['a set that is not in force', linkOf(second, third, 0, 5), /another validator set in force/],
  ['no change', linkOf(first, first, 0, 5), /changes nothing/],
  ['a next set that the header does not name', { ...good, next: third }, /another next set/],
  [
    'the certificate of another block',
    { ...good, certificate: linkOf(first, second, 0, 6).certificate },
    /another block/,
  ],
  [
    'a signature too few',
    { ...good, certificate: { ...good.certificate, signers: good.certificate.signers.slice(1) } },
    /quorum/,
  ],
  [
    'signatures of the next set',
    { ...good, certificate: { ...good.certificate, signers: linkOf(second, third, 0, 5).certificate.signers } },
    /does not verify/,
  ],
];
for (const [title, link, problem] of wrong)
  test(`a walk refuses ${title}`, (t) => {
    const chain = new SetChain(chainId, first);
    t.regex(chain.add(link) ?? '', problem);
    t.is(chain.latest.epoch, 0);
  });

test('a change before its epoch begins is refused', (t) => {
  const chain = new SetChain(chainId, first);
  chain.add(good);
  t.regex(chain.add(linkOf(second, third, 1, 5)) ?? '', /before epoch 1 begins/);
});
