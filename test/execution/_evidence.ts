// Evidence against a validator of a test ledger: two statements that its own key signs.
import { type Evidence, evidenceOf, type Statement } from '../../node/ledger/evidence.ts';
import { type Digest, digestOf } from '../../node/ledger/hash.ts';
import { deriveSeed, sign } from '../../node/ledger/signature.ts';
import { type VoteKind, type VotePosition, voteMessage } from '../../node/ledger/vote.ts';
import { seedOf } from './_ledger.ts';

export function statementBy(chainId: Uint8Array, validator: number, kind: VoteKind, at: VotePosition): Statement {
  const { view, height, digest } = at;
  const signature = sign(voteMessage(kind, chainId, at), deriveSeed(seedOf(`node-${validator}`), 'vote'));
  return { kind, view, height, digest, signature };
}

export function digestNamed(name: string): Digest {
  return digestOf(seedOf(name));
}

/** Two Commits for one height: of blocks `a` and `b`, or of others. */
export function doubleCommit(
  chainId: Uint8Array,
  validator: number,
  { height = 7, epoch = 0, names = ['a', 'b'] as readonly [string, string] } = {},
): Evidence {
  const [one, other] = names.map((name) => {
    return statementBy(chainId, validator, 'commit', { epoch, view: 0, height, digest: digestNamed(name) });
  }) as [Statement, Statement];
  return evidenceOf(epoch, validator, one, other);
}
