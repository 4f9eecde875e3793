// The lines of a file as signed units, one a line or many under one signature, submitted to the end. What a line asks
// for is the caller's to say: payments and openings of accounts both come here.
import { paymentsName } from '../contracts/payments.ts';
import { encode, type Value } from '../node/ledger/codec.ts';
import { digestBytes } from '../node/ledger/hash.ts';
import { batchLinesMax, transactionBytesMax } from '../node/ledger/limits.ts';
import { bodyOf, signTransaction } from '../node/ledger/transaction.ts';
import type { Client } from './client.ts';
import type { SigningKey } from './keystore.ts';
import { ledgerLink } from './ledger-link.ts';
import { newReference, validUntilFor } from './operation.ts';
import { type LineOutcome, Outbox, type SignedUnit } from './outbox.ts';
import { type PlannedLine, Planner } from './planner.ts';
import type { Ledger } from './session.ts';
import { runSubmission } from './submission.ts';

export type SubmitMode = 'single' | 'bulk';

export interface FileLine extends PlannedLine {
  readonly reference: string;
  readonly args: Value;
  isSame(method: string, args: Value): boolean;
}

export interface FileOutcome extends LineOutcome {
  /** An earlier run of the same request had it: nothing was done for it now. */
  readonly isEarlier: boolean;
}

export interface SubmitSettings {
  readonly client: Client;
  readonly ledger: Ledger;
  readonly key: SigningKey;
  readonly outboxFolder: string;
  readonly mode: SubmitMode;
  readonly inFlightMax?: number;
  readonly stallTimeoutMs?: number;
  readonly onProgress?: (done: number, refused: number) => void;
}

export interface FileRequest extends SubmitSettings {
  /** Names the journal, so that the same request goes on where it stopped. */
  readonly outboxName: string;
  readonly what: string;
  readonly lines: readonly FileLine[];
  /** Methods of the payments contract: for one line, and for many. */
  readonly method: string;
  readonly batchMethod: string;
  readonly hasLimit: (account: string) => boolean;
}

const stallTimeoutMsDefault = 60_000;
const inFlightDefault = { single: 2_048, bulk: 64 } as const;

/** The outcome of every line, in their order. */
export async function submitFile(request: FileRequest): Promise<FileOutcome[]> {
  const { client, key, mode, lines, what, onProgress } = request;
  const outbox = Outbox.open(request.outboxFolder, request.outboxName, what);
  const earlier = new Set(outbox.outcomes.keys());
  try {
    const outcomes = await runSubmission({
      what,
      lines: lines.length,
      link: ledgerLink(client, key.member, lines),
      outbox,
      planner: new Planner(lines, request.hasLimit),
      room: () => roomFor(mode, lines),
      sign: (unit) => signUnit(request, unit),
      packs: mode === 'bulk',
      inFlightMax: request.inFlightMax ?? inFlightDefault[mode],
      stallTimeoutMs: request.stallTimeoutMs ?? stallTimeoutMsDefault,
      ...(onProgress === undefined ? {} : { onProgress }),
    });
    return lines.flatMap((_, line) => {
      const outcome = outcomes.get(line);
      return outcome === undefined ? [] : [{ ...outcome, isEarlier: earlier.has(line) }];
    });
  } finally {
    outbox.close();
  }
}

/** Bytes of a batch without its lines: chain, names, reference, times, key, signature and the heads of their arrays. */
const batchOverheadBytes = 320;

function roomFor(mode: SubmitMode, lines: readonly FileLine[]): (line: number) => boolean {
  let count = 0;
  let bytes = batchOverheadBytes;
  return (line) => {
    const { reference = '', args = [] } = lines[line] ?? {};
    if (mode === 'single') return count++ === 0;
    bytes += encode([reference, args]).length;
    return count++ < batchLinesMax && bytes <= transactionBytesMax;
  };
}

function signUnit(request: FileRequest, unit: readonly number[]): SignedUnit {
  const { ledger, key, mode, lines, method, batchMethod } = request;
  const chosen = unit.flatMap((line) => lines[line] ?? []);
  const [first] = chosen;
  const single = mode === 'single' ? first : undefined;
  const validUntil = validUntilFor(ledger, Date.now());
  const body = bodyOf({
    chainId: digestBytes(ledger.chainId),
    member: key.member,
    // A batch's own reference is new each time: what guards against paying twice are those of its lines.
    reference: single?.reference ?? newReference('B'),
    validUntil,
    contract: paymentsName,
    method: single === undefined ? batchMethod : method,
    args: single?.args ?? [chosen.map(({ reference, args }) => [reference, args])],
  });
  const { id, bytes } = signTransaction(body, key.seed, key.publicKey);
  return { id, lines: unit, validUntil, bytes };
}
