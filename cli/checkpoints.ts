// Checkpoints as people collect them: files, receipts, archives, and what a node serves now.
import { existsSync, statSync } from 'node:fs';
import { failed, logNameOf } from '../node/audit/anchor.ts';
import { ApiProofs } from '../node/audit/api-proofs.ts';
import { sizeOf } from '../node/audit/api-source.ts';
import { ArchiveProofs } from '../node/audit/archive-proofs.ts';
import { ArchiveSource } from '../node/audit/archive-source.ts';
import { FindingError } from '../node/audit/chain.ts';
import {
  type Comparison,
  compareNotes,
  forkText,
  type GivenCheckpoint,
  type JudgedNote,
  judgeNote,
  type LogTiles,
} from '../node/audit/consistency.ts';
import type { Policy } from '../node/audit/policy.ts';
import { judgeByPolicy } from '../node/audit/policy-fit.ts';
import { SetHistories, type SetList } from '../node/audit/set-histories.ts';
import { SourceError } from '../node/audit/source.ts';
import type { LogName } from '../node/ledger/checkpoint.ts';
import { DecodeError } from '../node/ledger/codec.ts';
import { parseProof } from '../node/ledger/tlog-proof.ts';
import { givenLinks, neededGenesis, proofProblem } from './audit.ts';
import { nodeUrl } from './client.ts';
import { CliError, exitCodes } from './exit-codes.ts';
import { readInput } from './files.ts';
import { plural } from './format.ts';
import { policyOf } from './policy.ts';
import { type CommonOptions, Session } from './session.ts';

export interface CompareOptions extends Omit<CommonOptions, 'node'> {
  readonly genesis?: string;
  readonly archive?: string;
  readonly node?: string;
  readonly sets?: string;
}

interface Collected {
  readonly given: readonly GivenCheckpoint[];
  readonly tiles: readonly LogTiles[];
  readonly changes: SetList;
}

const isUrl = (text: string) => /^https?:\/\//.test(text);
export const isFolder = (path: string) => existsSync(path) && statSync(path).isDirectory();

/** Prints what the comparison gives, and ends with 0 or 7. */
export async function runComparison(options: CompareOptions, names: readonly string[]): Promise<void> {
  const { node, ...common } = options;
  const session = new Session(common);
  if (node !== undefined) nodeUrl(node);
  const genesis = neededGenesis(session.paths, options.genesis);
  const policy = policyOf(session.paths, options.policy, genesis);
  const places = [...names, ...(options.archive === undefined ? [] : [options.archive]), ...(node ? [node] : [])];
  try {
    const collected = await Promise.all(places.map(collect));
    const known = { links: givenLinks(session, options, genesis) };
    const sets = new SetHistories(genesis, [known, ...collected.map(({ changes }) => changes)]);
    const log = logNameOf(genesis);
    const given = collected.slice(0, names.length).flatMap((each) => each.given);
    const notes = given.map((each) => judgeNote(each, log, sets));
    const comparison = await compareNotes(
      notes,
      collected.flatMap((each) => each.tiles),
    );
    const isGood = comparison.forks.length === 0 && comparison.unproved.length === 0;
    // Checkpoints of one side of a fork alone are not taken for good where the other side's validators are known.
    if (isGood && sets.chains.length > 1) failed('proof-consistency', partedText);
    if (isGood && policy !== undefined) judgeLargest(comparison.checkpoints, policy, log, sets);
    session.output.data(viewOf(comparison, isGood), () => textOf(comparison));
    if (!isGood) process.exitCode = exitCodes.verification;
  } catch (error) {
    throw proofProblem(error, places.some(isUrl) ? 'node' : 'file');
  }
}

const partedText =
  'these checkpoints are of one log, but what is known of the validators is of two: each has a block under a quorum ' +
  'that cannot be of the other';

/** The others are proved to be part of the largest, so its cosigners vouch for them too. Throws FindingError. */
function judgeLargest(notes: readonly JudgedNote[], policy: Policy, log: LogName, sets: SetHistories): void {
  const size = notes.at(-1)?.checkpoint.size ?? 0;
  const largest = notes.filter(({ checkpoint }) => checkpoint.size === size);
  const { validators = [] } = sets.ofSize(size)[0] ?? {};
  const problems = largest.map((note) => ({ note, unmet: judgeByPolicy(policy, log, validators, note) }));
  const [first] = problems;
  if (first?.unmet === undefined || problems.some(({ unmet }) => unmet === undefined)) return;
  const detail = `${first.note.name}, the largest, of ${size} entries: ${first.unmet.detail}`;
  throw new FindingError({ height: 0, rule: first.unmet.rule, detail });
}

async function collect(name: string): Promise<Collected> {
  if (isUrl(name)) return fromNode(name);
  if (isFolder(name)) return fromArchive(name);
  return { given: [{ name, bytes: checkpointIn(readInput(name)) }], tiles: [], changes: { links: [] } };
}

async function fromNode(url: string): Promise<Collected> {
  const api = new ApiProofs(url);
  const bytes = await api.newest();
  if (bytes === undefined) throw new SourceError(`${url} has no checkpoint yet`);
  const size = sizeOf(bytes);
  const links = await api.setChanges();
  const last = await api.last(size).catch((error: unknown) => {
    if (error instanceof SourceError) return undefined; // then its changes alone say what its sets are
    throw error;
  });
  return { given: [{ name: url, bytes }], tiles: [{ size, tiles: api.tiles(size) }], changes: { links, last } };
}

async function fromArchive(folder: string): Promise<Collected> {
  const source = new ArchiveSource(folder);
  const proofs = await ArchiveProofs.open(source);
  const bytes = await source.checkpoints.newest();
  if (bytes === undefined) throw new SourceError(`${folder} has no checkpoint`);
  const { size, tiles } = proofs;
  const changes = { links: await proofs.setChanges(), last: await proofs.last() };
  return { given: [{ name: folder, bytes }], tiles: [{ size, tiles }], changes };
}

/** A checkpoint alone, or the one in a receipt. */
export function checkpointIn(bytes: Uint8Array): Uint8Array {
  try {
    return parseProof(bytes).note;
  } catch (error) {
    if (error instanceof DecodeError) return bytes;
    throw error;
  }
}

function viewOf({ checkpoints, forks, unproved }: Comparison, ok: boolean) {
  return {
    ok,
    checkpoints: checkpoints.map(noteView),
    forks: forks.map(({ size, first, second, roots, both }) => {
      return { size, first: first.name, second: second.name, roots, both };
    }),
    unproved,
    ...(ok ? {} : { rule: 'proof-consistency' }),
  };
}

function noteView({ name, checkpoint: { size, root }, epoch, cosigners }: JudgedNote) {
  return { name, size, root, epoch, cosigners };
}

function textOf({ checkpoints, forks, unproved }: Comparison): string {
  if (forks.length > 0) return forks.map((fork) => `FORK: ${forkText(fork)}`).join('\n');
  if (unproved.length > 0)
    return [
      ...unproved.map(({ from, to, why }) => `not proved from ${from} to ${to} entries: ${why}`),
      'Name where the later log can be read: --node URL, or --archive DIR.',
    ].join('\n');
  const sizes = [...new Set(checkpoints.map(({ checkpoint }) => checkpoint.size))];
  return `OK: ${plural(checkpoints.length, 'checkpoint')} of one log, which only grew: ${sizes.join(', ')} entries`;
}

export function needTwo(names: readonly string[]): void {
  if (names.length < 2)
    throw new CliError('usage', 'two checkpoints are compared, or more', 'Files, receipts, archives or URLs of nodes.');
}
