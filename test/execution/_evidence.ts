// Evidence against a validator of a test ledger: two statements that its own key signs.

import { originOf } from '../../node/ledger/checkpoint.ts';
import { type CosignedHead, cosignatureMessage } from '../../node/ledger/cosignature.ts';
import { evidenceOf, type Statement, type VoteEvidence } from '../../node/ledger/evidence.ts';
import { type Digest, digestOf } from '../../node/ledger/hash.ts';
import { deriveSeed, sign } from '../../node/ledger/signature.ts';
import { type VoteKind, type VotePosition, voteMessage } from '../../node/ledger/vote.ts';
import { seedOf } from './_ledger.ts';

export function statementBy(chainId: Uint8Array, validator: number, kind: VoteKind, at: VotePosition): Statement {
  const { view, height, digest } = at;
  const signature = sign(voteMessage(kind, chainId, at), deriveSeed(seedOf(`node-${validator}`), 'vote'));
  return { kind, view, height, digest, signature };
}

/** Under the test ledger's name. */
export function cosignedBy(
  chainId: Uint8Array,
  validator: number,
  { size = 9, root = digestNamed('a'), time = 1_000, ledger = 'daybook.example/test' } = {},
): CosignedHead {
  const origin = originOf({ ledger, chainId: digestOf(chainId) });
  const seed = deriveSeed(seedOf(`node-${validator}`), 'audit');
  return { validator, size, root, time, signature: sign(cosignatureMessage({ origin, size, root }, time), seed) };
}

export function digestNamed(name: string): Digest {
  return digestOf(seedOf(name));
}

/** Two Commits for one height: of blocks `a` and `b`, or of others. */
export function doubleCommit(
  chainId: Uint8Array,
  validator: number,
  { height = 7, epoch = 0, names = ['a', 'b'] as readonly [string, string] } = {},
): VoteEvidence {
  const [one, other] = names.map((name) => {
    return statementBy(chainId, validator, 'commit', { epoch, view: 0, height, digest: digestNamed(name) });
  }) as [Statement, Statement];
  return evidenceOf(epoch, validator, one, other);
}
