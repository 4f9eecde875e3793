// Random changes of the validators, most of them enacted at once, many refused and some malformed; and evidence against
// those that sit or have just sat. The same seed gives the same work.
import { originOf } from '../../node/ledger/checkpoint.ts';
import type { Value } from '../../node/ledger/codec.ts';
import { cosignatureMessage } from '../../node/ledger/cosignature.ts';
import { cosignatureEvidenceOf, type Evidence, evidenceOf } from '../../node/ledger/evidence.ts';

import { deriveSeed, sign } from '../../node/ledger/signature.ts';
import { type VoteKind, voteMessage } from '../../node/ledger/vote.ts';
import type { Prng } from '../_prng.ts';
import { digestNamed } from '../execution/_evidence.ts';
import { members, officers, seedBehind, type TestLedger, validator } from '../execution/_ledger.ts';
import type { Operation } from './_workload.ts';

const ids = ['node-0', 'node-1', 'node-2', 'node-3', 'node-4', 'node-5', 'node-6', 'node-7', 'nobody'];
const pairs: readonly (readonly [VoteKind, VoteKind])[] = [
  ['commit', 'commit'],
  ['prepare', 'commit'],
  ['pre-prepare', 'prepare'],
  ['view-change', 'commit'],
  ['new-view', 'new-view'],
  ['view-change', 'view-change'],
];

export class MembershipWorkload {
  readonly #random: Prng;
  readonly #ledger: TestLedger;
  #count = 0;

  constructor(random: Prng, ledger: TestLedger) {
    this.#random = random;
    this.#ledger = ledger;
  }

  /** A proposal and as many approvals as enact it, or one too few. */
  next(): Operation[] {
    const random = this.#random;
    const reference = `V${++this.#count}`;
    const changes =
      random.int(4) === 0 ? this.#pair() : Array.from({ length: 1 + random.int(3) }, () => this.#change());
    const call = (by: (typeof officers)[keyof typeof officers], method: string, args: Value, of: string): Operation => {
      return { by, contract: 'consortium', method, args, reference: of };
    };
    const approvers = random.int(8) === 0 ? [officers.EAST] : [officers.EAST, officers.WEST, officers.SOUTH];
    return [
      call(officers.NORTH, 'propose', [changes], reference),
      ...approvers.map((by) => call(by, 'approve', [['NORTH', reference]], `A${this.#count}-${by.member}`)),
    ];
  }

  /** What a joiner or a validator with new keys really sends. */
  #pair(): Value[] {
    const random = this.#random;
    const id = random.pick(ids.slice(0, 8));
    const sits = this.#ledger.executor.validators.find((each) => each.id === id);
    const learner: Value = [3, this.#learner(id, sits?.member ?? random.pick<string>([...members]))];
    return [learner, [sits === undefined ? 5 : 6, [id]]];
  }

  #change(): Value {
    const random = this.#random;
    const id = random.pick(ids);
    const draw = random.int(10);
    if (draw < 4) return [3, this.#learner(id, random.pick<string>([...members, 'NOWHERE']))];
    if (draw < 9) return [4 + random.int(4), [id]];
    return random.pick<Value>([
      [8, [id]],
      [5, []],
      [3, [id]],
      [7, ['UPPER']],
      [6, [7]],
      [0, ['M', 'a member', []]],
    ]);
  }

  /** Now and then with a key that is taken, a proof for another, or a key that is no key. */
  #learner(id: string, member: string): Value {
    const random = this.#random;
    const seed = random.int(8) === 0 ? 'node-1' : `${id} ${this.#count} ${random.int(1_000)}`;
    const { voteKey, auditKey, networkKey, voteProof, auditProof, networkProof } = validator(
      seed,
      member,
      this.#ledger.chainId,
    );
    const row: Value[] = [id, member, voteKey, auditKey, networkKey, voteProof, auditProof, networkProof];
    const draw = random.int(30);
    if (draw === 0) return row.with(5, auditProof);
    if (draw === 1) return row.with(2, new Uint8Array(32).fill(255));
    if (draw === 2) return row.with(3, voteKey);
    return row;
  }

  /** Against somebody of this epoch or the last one. It may be one who is accused already. */
  evidence(): Evidence {
    const random = this.#random;
    const { number, from, validators } = this.#ledger.executor.epoch;
    const isLast = number > 0 && random.int(2) === 0;
    const [epoch, set] = isLast ? [number - 1, this.#ledger.validatorsAt(from - 1)] : [number, validators];
    const index = random.int(set.length);
    const accused = set[index];
    if (accused === undefined) throw new Error('an epoch has validators');
    const [one, other] = [digestNamed('a'), digestNamed('b')];
    if (random.int(3) === 0) {
      const ledger = this.#ledger.logName.ledger;
      const key = deriveSeed(seedBehind(accused), 'audit');
      const [first, second] = [one, other].map((root, i) => {
        const head = { origin: originOf(this.#ledger.logName), size: 9, root };
        return { ...head, validator: index, time: 7 + i, signature: sign(cosignatureMessage(head, 7 + i), key) };
      }) as [never, never];
      return cosignatureEvidenceOf(epoch, ledger, { first, second });
    }
    const key = deriveSeed(seedBehind(accused), 'vote');
    const statement = (kind: VoteKind, view: number, height: number, digest = one) => {
      const message = voteMessage(kind, this.#ledger.chainId, { epoch, view, height, digest });
      return { kind, view, height, digest, signature: sign(message, key) };
    };
    const [kind, twin] = random.pick(pairs);
    if (random.int(4) === 0)
      return evidenceOf(epoch, index, statement('commit', 1, 9), statement('prepare', 2, 8, other));
    return evidenceOf(epoch, index, statement(kind, 3, 7), statement(twin, 3, 7, other));
  }
}
