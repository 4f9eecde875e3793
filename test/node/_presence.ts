// The presence of one of two validators, whose peer answers what the test says, over rows in memory.
import type { Claim } from '../../node/ledger/claim.ts';
import { deriveSeed, publicKeyOf, sign, verify } from '../../node/ledger/signature.ts';
import { decodeSyncRequest } from '../../node/network/sync-messages.ts';
import { Presence } from '../../node/presence.ts';
import type { ClaimStore, StartsRow } from '../../node/store/store.ts';
import { seedOf, validator } from '../execution/_ledger.ts';

export const chainId = new Uint8Array(32).fill(7);
const ids = ['v-0', 'v-1'];
export const set = ids.map((id) => validator(id, 'NORTH'));
export const voteSeed = (index: number) => deriveSeed(seedOf(ids[index] ?? ''), 'vote');
export const voteKey = (index: number) => publicKeyOf(voteSeed(index));

export class Claims implements ClaimStore {
  readonly rows = new Map<string, Uint8Array>();
  /** By the last start of each. */
  readonly sessions = new Map<string, StartsRow>();
  /** Of a stopped store. */
  copy(): Claims {
    const copy = new Claims();
    for (const [key, row] of this.rows) copy.rows.set(key, row);
    for (const [key, row] of this.sessions) copy.sessions.set(key, row);
    return copy;
  }
  claim(voteKey: Uint8Array): Uint8Array | undefined {
    return this.rows.get(String(voteKey));
  }
  starts(voteKey: Uint8Array, last: number): StartsRow | undefined {
    return this.sessions.get(`${voteKey} ${last}`);
  }
  putClaim(voteKey: Uint8Array, claim: Uint8Array, starts?: StartsRow): void {
    this.rows.set(String(voteKey), claim);
    if (starts !== undefined) this.sessions.set(`${voteKey} ${starts.last}`, starts);
  }
}

/** Another one for each number. */
function sessionOf(number: number): Uint8Array {
  const session = Buffer.alloc(16, 5);
  session.writeUInt32BE(number);
  return session;
}

export function presenceOf(
  self: number,
  session: number,
  answer: (claim: Claim) => Uint8Array | undefined,
  store = new Claims(),
) {
  const told: string[] = [];
  const presence = new Presence({
    ...{ store, chainId, validators: set, self, session: sessionOf(session), ticksBetween: 1 },
    transport: {
      request: async (_to, bytes) => {
        const asked = decodeSyncRequest(bytes);
        const answered = asked.type === 'claim' ? answer(asked.claim) : undefined;
        if (answered === undefined) throw new Error('no answer');
        return answered;
      },
    },
    timeoutMs: 1_000,
    loop: { after: () => () => {}, monotonicMs: () => 0 },
    check: verify,
    sign: (message) => sign(message, voteSeed(self)),
    onKnown: (peer) => told.push(`known to ${peer}`),
    onRewound: (reason) => told.push(reason),
  });
  presence.begin();
  return { presence, told, store };
}

export const turn = () => new Promise((resolve) => setImmediate(resolve));
