// Checkpoints that came alone, held against the logs that are given. What a validator of its size signed and a log of
// that size denies is a fork; what only strangers signed, or what no log reaches, is no proof of anything, and then it
// is said what would tell. Nobody is accused here: that takes two signatures, and `blame` looks for them.
import type { Genesis } from '../../genesis/genesis.ts';
import { cosignerKey, type LogName, originOf } from '../ledger/checkpoint.ts';
import { DecodeError } from '../ledger/codec.ts';
import { isSignedBy } from '../ledger/cosignature.ts';
import { type Digest, digestBytes, digestOf, toHex } from '../ledger/hash.ts';
import { name as validatorId } from '../ledger/identifiers.ts';
import { verifyConsistency } from '../ledger/merkle.ts';
import type { Validator } from '../ledger/validators.ts';
import { failed, logNameOf } from './anchor.ts';
import { cosignedBy, who } from './blame.ts';
import { FindingError } from './chain.ts';
import { type JudgedCheckpoint, readCheckpoint } from './checkpoint-check.ts';
import { type Cosigner, type GivenCheckpoint, type JudgedNote, judgeNote, type LogTiles } from './consistency.ts';
import type { SetHistories } from './set-histories.ts';
import { SourceError } from './source.ts';

/** A log that strays are held against. */
export interface KnownLog {
  readonly name: string;
  readonly tiles: LogTiles;
  readonly notes: readonly GivenCheckpoint[];
}

interface Stray {
  readonly name: string;
  readonly size: number;
  readonly root: Digest;
  /** Validators of its size, on any side. */
  readonly cosigners: readonly Cosigner[];
  /** Who else it is signed by, or says so: for people. */
  readonly others: readonly string[];
}

/** A log under a quorum was another one at the stray's size, and validators of that size cosigned the stray. */
export interface StrayFork extends Stray {
  readonly log: string;
  /** What that log was at this size, by its checkpoint of `proved` entries. */
  readonly logRoot: Digest;
  readonly proved: number;
  /** Of the stray's cosigners those of that checkpoint as well. */
  readonly both: readonly Cosigner[];
}

export interface UnjudgedStray extends Stray {
  readonly why: string;
  readonly next: string;
}

export interface StrayReport {
  readonly forks: readonly StrayFork[];
  readonly unjudged: readonly UnjudgedStray[];
}

/** Throws FindingError where one is no checkpoint of this log, or is signed in no validator's name. */
export async function judgeStrays(
  genesis: Genesis,
  sets: SetHistories,
  strays: readonly GivenCheckpoint[],
  logs: readonly KnownLog[],
): Promise<StrayReport> {
  const read = strays.map((stray) => readStray(logNameOf(genesis), sets, stray));
  const forks: StrayFork[] = [];
  const unjudged: UnjudgedStray[] = [];
  const anchors = logs.map((log) => ({ ...log, anchor: anchorOf(logNameOf(genesis), sets, log) }));
  for (const stray of read) {
    const places = await Promise.all(anchors.map((log) => placeIn(log, stray)));
    const found = places.flatMap((place) => (place.kind === 'elsewhere' ? [place.fork] : []));
    const holder = places.find(({ kind }) => kind === 'held');
    if (stray.cosigners.length === 0) unjudged.push({ ...shown(stray), ...strangersText(stray, holder, found) });
    else if (holder === undefined && found.length > 0) forks.push(...found);
    else if (holder === undefined) unjudged.push({ ...shown(stray), ...unprovedText(stray, places) });
  }
  return { forks, unjudged };
}

interface ReadStray extends Stray {
  /** Hex, of the cosigners in their order. */
  readonly auditKeys: readonly string[];
}

function readStray(log: LogName, sets: SetHistories, { name, bytes }: GivenCheckpoint): ReadStray {
  const judged = readCheckpoint(bytes, { height: 0 });
  const { origin, size, root } = judged.checkpoint;
  if (origin !== originOf(log)) failed('checkpoint-origin', `${name}: it is of ${origin}, not of ${originOf(log)}`);
  const signed = new Map<string, Cosigner>();
  for (const set of sets.ofSize(size))
    for (const { head } of cosignedBy(set, log, judged))
      signed.set(toHex(set.validators[head.validator]?.auditKey ?? new Uint8Array(0)), who(set, head.validator));
  const others = othersOf(log, sets, judged, new Set(signed.keys()));
  if (signed.size === 0 && others.length === 0)
    failed('checkpoint-quorum', `${name}: it is cosigned in the name of no validator`);
  return { name, size, root, cosigners: [...signed.values()], auditKeys: [...signed.keys()], others };
}

/** Lines in names of validators that do not count for this size; but no line that a known key did not sign. */
function othersOf(
  log: LogName,
  sets: SetHistories,
  { checkpoint, note }: JudgedCheckpoint,
  counting: ReadonlySet<string>,
): string[] {
  const known = new Map<string, { readonly validator: Validator; readonly epochs: number[] }>();
  for (const { epoch, validators } of sets.all())
    for (const validator of validators) {
      const { name, keyId } = cosignerKey(log, validator);
      const before = known.get(`${name}+${keyId}`);
      if (before === undefined) known.set(`${name}+${keyId}`, { validator, epochs: [epoch] });
      else if (!before.epochs.includes(epoch)) before.epochs.push(epoch);
    }
  return note.signatures.flatMap((line) => {
    const { name, keyId } = line;
    const found = known.get(`${name}+${keyId}`);
    if (found === undefined) {
      const isNamed = isValidatorName(log, name);
      return isNamed ? [`in the name ${name} under the key ${keyId}, which no known validator has`] : [];
    }
    const { validator, epochs } = found;
    if (counting.has(toHex(validator.auditKey)) || !isSignedBy(cosignerKey(log, validator), checkpoint, line))
      return [];
    const when = `${epochs.length === 1 ? 'epoch' : 'epochs'} ${epochs.join(', ')}`;
    return [`by ${validator.id} of ${validator.member}, a validator of ${when} alone as far as is known`];
  });
}

/** Whoever wrote the line chose the name: only what may be one is shown. */
function isValidatorName({ ledger }: LogName, name: string): boolean {
  const before = `${ledger}/validator/`;
  try {
    return name.startsWith(before) && validatorId.read(name.slice(before.length)) !== '';
  } catch (error) {
    if (error instanceof DecodeError) return false;
    throw error;
  }
}

interface AnchoredLog extends KnownLog {
  readonly anchor: JudgedNote | undefined;
}

/** The largest of its checkpoints that a quorum has cosigned, as far as its tiles reach. */
function anchorOf(log: LogName, sets: SetHistories, { tiles, notes }: KnownLog): JudgedNote | undefined {
  const sized = notes.flatMap((given) => {
    try {
      const { checkpoint } = readCheckpoint(given.bytes, { height: 0 });
      return checkpoint.size > tiles.size ? [] : [{ given, size: checkpoint.size }];
    } catch (error) {
      if (error instanceof FindingError) return [];
      throw error;
    }
  });
  for (const { given } of sized.sort((a, b) => b.size - a.size))
    try {
      return judgeNote(given, log, sets);
    } catch (error) {
      if (!(error instanceof FindingError)) throw error;
    }
  return undefined;
}

type Place =
  | { readonly kind: 'held'; readonly log: string }
  | { readonly kind: 'elsewhere'; readonly fork: StrayFork }
  | { readonly kind: 'unproved'; readonly why: string };

/** Tiles are not believed: each path leads from a root to that of the log's checkpoint, or nothing is proved. */
async function placeIn({ name, tiles: { tiles }, anchor }: AnchoredLog, stray: ReadStray): Promise<Place> {
  if (anchor === undefined) return { kind: 'unproved', why: `${name} has no checkpoint under a known quorum` };
  const { size, root } = anchor.checkpoint;
  if (size < stray.size) return { kind: 'unproved', why: `${name} ends after ${size} entries` };
  try {
    const path = await tiles.consistency(stray.size, size);
    if (verifyConsistency(stray.size, size, path, digestBytes(stray.root), digestBytes(root)))
      return { kind: 'held', log: name };
    const other = size === stray.size ? digestBytes(root) : await tiles.root(stray.size);
    if (!verifyConsistency(stray.size, size, path, other, digestBytes(root)))
      return { kind: 'unproved', why: `the tiles of ${name} do not lead to its checkpoint` };
    const keys = new Set(anchor.cosigners.map(({ auditKey }) => auditKey));
    const both = stray.cosigners.filter((_, i) => keys.has(stray.auditKeys[i] ?? ''));
    return { kind: 'elsewhere', fork: { ...shown(stray), log: name, logRoot: digestOf(other), proved: size, both } };
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    return { kind: 'unproved', why: `${name}: ${error.message}` };
  }
}

function shown({ name, size, root, cosigners, others }: ReadStray): Stray {
  return { name, size, root, cosigners, others };
}

function strangersText({ size, root, others }: Stray, holder: Place | undefined, forks: readonly StrayFork[]) {
  const signed = `signed ${others.join('; ')}`;
  if (holder?.kind === 'held')
    return {
      why: `${signed}. It is of the log of ${holder.log}, whose validators of that size have not cosigned it`,
      next: 'It says nothing: that log itself tells who its validators were.',
    };
  const denied = forks.map(({ log }) => `${log} proves another root for ${size} entries; `).join('');
  return {
    why: `${signed}. ${denied}whether they were validators of another side is not known here, and nobody is accused`,
    next: `${fetchText(size, root)} or its changes of the validators (\`daybook receipt sets\`) as --sets.`,
  };
}

function unprovedText({ size, root }: Stray, places: readonly Place[]) {
  const reasons = places.flatMap((place) => (place.kind === 'unproved' ? [place.why] : []));
  const why = reasons.length === 0 ? 'there is no archive beside it' : reasons.join('; ');
  return {
    why: `whether it is of one log with all else cannot be told: ${why}`,
    next: `${fetchText(size, root)} exported since then, and name it beside.`,
  };
}

function fetchText(size: number, root: Digest): string {
  return `Fetch an archive of the log that has the root ${root} at ${size} entries from where the checkpoint came,`;
}

export function strayForkText({ name, size, root, cosigners, others, log, logRoot, proved, both }: StrayFork): string {
  const named = (who: readonly Cosigner[]) =>
    who.map(({ validator, member }) => `${validator} of ${member}`).join(', ');
  const more = others.length === 0 ? '' : ` (and signed ${others.join('; ')})`;
  const twice = both.length === 0 ? 'none of them' : named(both);
  return (
    `${name} says that the log of ${size} entries has the root ${root}, cosigned by ${named(cosigners)}${more}; ` +
    `${log} proves ${logRoot}, by its checkpoint of ${proved} entries that ${twice} cosigned too. ` +
    `${fetchText(size, root)} and name it beside ${log}: its blocks say who lied.`
  );
}

export function unjudgedText({ name, size, why, next }: UnjudgedStray): string {
  return `${name}, of ${size} entries: ${why}. ${next}`;
}
