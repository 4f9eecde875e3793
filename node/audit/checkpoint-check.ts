// Judges checkpoints against the log that was read: the newest one, which fixes where the log ends, and those that were
// archived on the way. A checkpoint of a height is judged by the validators of that height.
import type { SignatureCheck } from '../ledger/certificate.ts';
import { type Checkpoint, cosignerKey, type LogName, originOf, parseCheckpointText } from '../ledger/checkpoint.ts';
import { DecodeError } from '../ledger/codec.ts';
import { isSignedBy } from '../ledger/cosignature.ts';
import { type Note, parseNote } from '../ledger/note.ts';
import { verify } from '../ledger/signature.ts';
import { quorumOf, type ValidatorSet } from '../ledger/validators.ts';
import type { VerifierKey } from '../ledger/verifier-key.ts';
import { type ChainHead, FindingError } from './chain.ts';
import type { Rule } from './finding.ts';
import { lineOf, type Policy } from './policy.ts';
import { judgeByPolicy } from './policy-fit.ts';
import { checkpointsPerPage, type SourceCheckpoints, SourceError } from './source.ts';

export class CheckpointCheck {
  readonly #source: SourceCheckpoints;
  readonly #log: LogName;
  readonly #policy: Policy | undefined;
  #page: readonly (Uint8Array | undefined)[] = [];
  #checked = 0;

  constructor(source: SourceCheckpoints, log: LogName, policy: Policy | undefined) {
    this.#source = source;
    this.#log = log;
    this.#policy = policy;
  }

  /** Checkpoints that verified. */
  get checked(): number {
    return this.#checked;
  }

  /** After each block, in order. Throws FindingError. */
  async block(head: ChainHead, set: ValidatorSet, check: SignatureCheck = verify): Promise<void> {
    const at = (head.height - 1) % checkpointsPerPage;
    const index = Math.floor((head.height - 1) / checkpointsPerPage);
    if (at === 0) this.#page = await given(head, this.#source.page(index));
    const note = this.#page[at];
    if (note !== undefined) judgeCheckpoint(note, head, this.#log, set, check);
    if (note !== undefined) this.#checked++;
  }

  /** At the end of the log. Throws FindingError. */
  async finish(head: ChainHead, set: ValidatorSet, logKey: VerifierKey | undefined): Promise<void> {
    if (head.height === 0) return;
    const left = this.#page.slice(((head.height - 1) % checkpointsPerPage) + 1);
    if (left.some((note) => note !== undefined))
      throw failed(head, 'checkpoint-size', 'there is a checkpoint of a block after the end of the log');
    const bytes = await given(head, this.#source.newest());
    if (bytes === undefined) throw failed(head, 'checkpoint-form', 'there is none');
    const { checkpoint, note } = judgeCheckpoint(bytes, head, this.#log, set);
    this.#checked++;
    if (logKey !== undefined) {
      const line = lineOf(note, logKey);
      if (line === undefined || !isSignedBy(logKey, checkpoint, line))
        throw failed(head, 'checkpoint-log', 'it is not signed by the log key beside it');
    }
    const unmet = this.#policy && judgeByPolicy(this.#policy, this.#log, set, { checkpoint, note });
    if (unmet !== undefined) throw failed(head, unmet.rule, unmet.detail);
  }
}

async function given<T>(head: ChainHead, wanted: Promise<T>): Promise<T> {
  try {
    return await wanted;
  } catch (error) {
    if (error instanceof SourceError) throw failed(head, 'checkpoint-form', error.message);
    throw error;
  }
}

function failed({ height }: Pick<ChainHead, 'height'>, rule: Rule, detail: string): FindingError {
  return new FindingError({ height, rule, detail: `the checkpoint: ${detail}` });
}

export interface JudgedCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly note: Note;
}

/** Throws FindingError unless a quorum of the set has cosigned this very head. */
export function judgeCheckpoint(
  bytes: Uint8Array,
  head: Pick<ChainHead, 'height' | 'logSize' | 'logRoot'>,
  log: LogName,
  set: ValidatorSet,
  check: SignatureCheck = verify,
): JudgedCheckpoint {
  const judged = readCheckpoint(bytes, head);
  const { origin, size, root } = judged.checkpoint;
  if (origin !== originOf(log)) throw failed(head, 'checkpoint-origin', `it is of ${origin}, not of ${originOf(log)}`);
  // First that they said it at all: what a quorum says of a log that ends elsewhere is then proven.
  const problem = cosignersProblem(judged, log, set, check);
  if (problem !== undefined) throw failed(head, 'checkpoint-quorum', problem);
  if (size !== head.logSize) {
    const end = size > head.logSize ? ': the end of the log is missing' : '';
    throw failed(head, 'checkpoint-size', `it is of ${size} entries, and the log has ${head.logSize}${end}`);
  }
  if (root !== head.logRoot)
    throw failed(head, 'checkpoint-root', `its root is ${root} where the entries give ${head.logRoot}`);
  return judged;
}

/** Form alone. Throws FindingError. */
export function readCheckpoint(bytes: Uint8Array, head: Pick<ChainHead, 'height'>): JudgedCheckpoint {
  try {
    const note = parseNote(bytes);
    return { note, checkpoint: parseCheckpointText(note.text) };
  } catch (error) {
    if (error instanceof DecodeError) throw failed(head, 'checkpoint-form', error.message);
    throw error;
  }
}

/** At least a quorum of the set; others' lines are others' business, but none of the set's may be bad. */
export function cosignersProblem(
  { checkpoint, note }: JudgedCheckpoint,
  log: LogName,
  set: ValidatorSet,
  check: SignatureCheck = verify,
): string | undefined {
  let count = 0;
  for (const validator of set) {
    const key = cosignerKey(log, validator);
    const line = lineOf(note, key);
    if (line === undefined) continue;
    if (!isSignedBy(key, checkpoint, line, check)) return `the cosignature of ${validator.id} does not verify`;
    count++;
  }
  const { size } = quorumOf(set.length);
  return count >= size ? undefined : `${count} cosignatures where a quorum is ${size}`;
}
