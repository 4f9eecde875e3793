// Checkpoints of one log, from wherever they were collected: all of one history, or a fork with the validators that
// cosigned both sides of it. Tiles prove it; whose tiles they are does not matter, since every path is verified.
import { type Checkpoint, cosignerKey, type LogName, originOf } from '../ledger/checkpoint.ts';
import { isSignedBy } from '../ledger/cosignature.ts';
import { digestBytes, digestOf, toHex } from '../ledger/hash.ts';
import { verifyConsistency } from '../ledger/merkle.ts';
import type { Note } from '../ledger/note.ts';
import { quorumOf, type Validator } from '../ledger/validators.ts';
import { failed } from './anchor.ts';
import { readCheckpoint } from './checkpoint-check.ts';
import { lineOf } from './policy.ts';
import type { SetHistories } from './set-histories.ts';
import { SourceError } from './source.ts';
import type { TileReader } from './tile-reader.ts';

export interface GivenCheckpoint {
  /** Where it came from, for people. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface Cosigner {
  readonly validator: string;
  readonly member: string;
}

/** By id and member for people; who it is, only the key says. */
export interface KeyedCosigner extends Cosigner {
  /** Hex. */
  readonly auditKey: string;
}

export interface JudgedNote {
  readonly name: string;
  readonly checkpoint: Checkpoint;
  readonly note: Note;
  /** Of the set whose quorum it carries. */
  readonly epoch: number;
  readonly cosigners: readonly KeyedCosigner[];
}

export interface Fork {
  /** Two roots for one size: those of two checkpoints, or of one and of the log that a later one is of. */
  readonly size: number;
  readonly first: JudgedNote;
  readonly second: JudgedNote;
  /** What each side says the log was at `size`. */
  readonly roots: readonly [string, string];
  /** Whose keys cosigned both, by their names on the first side: they lied. */
  readonly both: readonly KeyedCosigner[];
}

export interface Comparison {
  readonly checkpoints: readonly JudgedNote[];
  readonly forks: readonly Fork[];
  /** Pairs for which nobody gave a consistency proof that verifies. */
  readonly unproved: readonly { readonly from: number; readonly to: number; readonly why: string }[];
}

export interface LogTiles {
  readonly size: number;
  readonly tiles: TileReader;
}

/** Throws FindingError unless a quorum of the set of its size has cosigned it under the log's name. */
export function judgeNote({ name, bytes }: GivenCheckpoint, log: LogName, sets: SetHistories): JudgedNote {
  const { checkpoint, note } = readCheckpoint(bytes, { height: 0 });
  if (checkpoint.origin !== originOf(log))
    failed('checkpoint-origin', `${name}: it is of ${checkpoint.origin}, not of ${originOf(log)}`);
  const problems: string[] = [];
  for (const { epoch, validators } of sets.ofSize(checkpoint.size)) {
    const signed = validators.filter((validator) => lineOf(note, cosignerKey(log, validator)) !== undefined);
    const bad = signed.find((validator) => {
      const key = cosignerKey(log, validator);
      const line = lineOf(note, key);
      return line === undefined || !isSignedBy(key, checkpoint, line);
    });
    const { size } = quorumOf(validators.length);
    if (bad !== undefined) problems.push(`the cosignature of ${bad.id} does not verify`);
    else if (signed.length < size)
      problems.push(`${signed.length} cosignatures of the validators of epoch ${epoch}, where a quorum is ${size}`);
    else return { name, checkpoint, note, epoch, cosigners: signed.map(cosignerOf) };
  }
  return failed('checkpoint-quorum', `${name}: ${problems.join('; ')}`);
}

function cosignerOf({ id, member, auditKey }: Validator): KeyedCosigner {
  return { validator: id, member, auditKey: toHex(auditKey) };
}

/** Every checkpoint against the next larger one; `sources` are asked in turn. */
export async function compareNotes(notes: readonly JudgedNote[], sources: readonly LogTiles[]): Promise<Comparison> {
  const checkpoints = [...notes].sort((a, b) => a.checkpoint.size - b.checkpoint.size);
  const forks: Fork[] = [];
  const unproved: Comparison['unproved'][number][] = [];
  for (const [i, first] of checkpoints.entries()) {
    const rest = checkpoints.slice(i + 1);
    const twin = rest.find(({ checkpoint: { size, root } }) => {
      return size === first.checkpoint.size && root !== first.checkpoint.root;
    });
    if (twin !== undefined) forks.push(forkOf(first, twin, first.checkpoint.root, twin.checkpoint.root));
    const larger = rest.filter(({ checkpoint }) => checkpoint.size > first.checkpoint.size);
    const next = larger.filter(({ checkpoint }) => checkpoint.size === larger[0]?.checkpoint.size);
    for (const second of next) {
      const result = await compareTwo(first, second, sources);
      if (typeof result === 'string')
        unproved.push({ from: first.checkpoint.size, to: second.checkpoint.size, why: result });
      else if (result !== undefined) forks.push(result);
    }
  }
  return { checkpoints, forks, unproved };
}

/** Undefined: proved. A text: nobody could prove anything. */
async function compareTwo(
  first: JudgedNote,
  second: JudgedNote,
  sources: readonly LogTiles[],
): Promise<Fork | string | undefined> {
  const [from, to] = [first.checkpoint.size, second.checkpoint.size];
  const [older, newer] = [digestBytes(first.checkpoint.root), digestBytes(second.checkpoint.root)];
  let why = `no source holds a log of ${to} entries`;
  for (const { size, tiles } of sources) {
    if (size < to) continue;
    try {
      const path = await tiles.consistency(from, to);
      if (verifyConsistency(from, to, path, older, newer)) return undefined;
      // The source's log leads to the later root and was another one at the earlier size: that is a fork, proved.
      const root = await tiles.root(from);
      if (verifyConsistency(from, to, path, root, newer))
        return forkOf(first, second, first.checkpoint.root, digestOf(root));
      why = `the source is of another log than ${second.name}`;
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      why = error.message;
    }
  }
  return why;
}

function forkOf(first: JudgedNote, second: JudgedNote, one: string, other: string): Fork {
  // The sides may have chosen other validators since they parted: an id of one may stand for another key in the other.
  const keys = new Set(second.cosigners.map(({ auditKey }) => auditKey));
  const both = first.cosigners.filter(({ auditKey }) => keys.has(auditKey));
  return { size: first.checkpoint.size, first, second, roots: [one, other], both };
}

export function forkText({ size, first, second, roots, both }: Fork): string {
  const names = both.map(({ validator, member }) => `${validator} of ${member}`).join(', ');
  const said = `${first.name} says that the log of ${size} entries has the root ${roots[0]}`;
  return `${said}, ${second.name} that it has ${roots[1]}; both are cosigned by ${names === '' ? 'nobody' : names}`;
}
