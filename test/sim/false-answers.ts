// What a liar answers to whoever asks it for blocks, bodies and snapshots.
import { decodeAs, encodeAs } from '../../node/ledger/schema.ts';
import { decodeBlocksAnswer, decodeSyncRequest, encodeBlocksAnswer } from '../../node/network/sync-messages.ts';
import { manifestSchema } from '../../node/snapshot/manifest.ts';
import { lateBase, type ManifestLie, otherPeaks } from '../snapshot/_lies.ts';
import type { Chance } from './chance.ts';
import { falseSnapshot, otherState } from './false-snapshots.ts';
import type { Habit } from './habits.ts';
import { flipped, withOneWrong } from './mutate.ts';

export interface Exchange {
  readonly store: Parameters<ManifestLie>[1];
  readonly request: Uint8Array;
  /** Its node's; undefined where it gives none. */
  readonly answer: Uint8Array | undefined;
}

export function falseAnswer(
  { store, request, answer }: Exchange,
  has: ReadonlySet<Habit>,
  chance: Chance,
): Uint8Array | undefined | 'stalls' {
  if (has.has('withhold')) return undefined;
  if (has.has('false-starts') && answer !== undefined && decodeSyncRequest(request).type === 'manifest') {
    const lie = chance.pick([lateBase, otherPeaks]);
    return encodeAs(manifestSchema, lie(decodeAs(manifestSchema, answer), store));
  }
  if (has.has('other-state')) return otherState(request, answer, chance);
  if (has.has('false-snapshots')) return falseSnapshot(request, answer, chance);
  if (!has.has('lie-sync') || chance.hits(0.3)) return answer;
  if (answer === undefined || chance.hits(0.2)) return chance.bytes(chance.pick([0, 10, 10_000]));
  if (chance.hits(0.4)) return withWrongCertificate(answer, chance);
  return chance.hits(0.5) ? flipped(answer, chance) : answer.subarray(0, chance.int(answer.length));
}

/** Good blocks, but for something in a certificate. */
function withWrongCertificate(answer: Uint8Array, chance: Chance): Uint8Array {
  try {
    const blocks = decodeBlocksAnswer(answer).map(({ entries, certificate }) => {
      const isWhole = chance.hits(0.3);
      const wrong = isWhole ? withOneWrong(certificate, chance) : undefined;
      return {
        entries,
        certificate: wrong ?? { ...certificate, signers: withOneWrong(certificate.signers, chance) },
      };
    });
    return encodeBlocksAnswer(blocks);
  } catch {
    return answer; // a body, or nothing that bytes can say
  }
}
