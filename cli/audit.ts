// What the audit commands share: where the log comes from, and which genesis is expected of it.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { chainIdOf, type Genesis, genesisEntry } from '../genesis/genesis.ts';
import { ApiProofs } from '../node/audit/api-proofs.ts';
import { ApiSource } from '../node/audit/api-source.ts';
import { ArchiveProofs } from '../node/audit/archive-proofs.ts';
import { ArchiveSource } from '../node/audit/archive-source.ts';
import { FindingError } from '../node/audit/chain.ts';
import { type Verdict, verdictLine } from '../node/audit/finding.ts';
import { type Source, SourceError, SourceUnreachableError } from '../node/audit/source.ts';
import { DecodeError } from '../node/ledger/codec.ts';
import { type Digest, digestBytes, parseDigest } from '../node/ledger/hash.ts';
import { identifier } from '../node/ledger/identifiers.ts';
import { decodeAs } from '../node/ledger/schema.ts';
import { SetChain, type SetLink, setLinksSchema } from '../node/ledger/set-chain.ts';
import { fileAdvice, nodeUrl, requestNode, verifyAdvice } from './client.ts';
import { CliError } from './exit-codes.ts';
import { readInput } from './files.ts';
import { type HomePaths, shownPath } from './home.ts';
import { unbroken } from './printable.ts';
import { readLedger, type Session } from './session.ts';
import { decodedLink, knownSets } from './trusted-sets.ts';

export function sourceOf(folder: string | undefined, node: string | undefined): Source {
  return folder === undefined ? new ApiSource(nodeUrl(node ?? '')) : archiveOf(folder);
}

function archiveOf(folder: string): ArchiveSource {
  if (!existsSync(folder)) throw new CliError('usage', `there is no folder ${folder}`, 'Check the path.');
  if (!statSync(folder).isDirectory())
    throw new CliError('usage', `${folder} is a file, and an archive is a folder`, 'Name the folder of the export.');
  return new ArchiveSource(folder);
}

/** A node would answer a name that is none like one that it does not know, or with its pattern. */
export function checkAccountName(text: string): void {
  try {
    identifier.read(text);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new CliError(
      'usage',
      `"${text}" cannot be the name of an account`,
      'Names are 1 to 34 capital letters, digits and hyphens, for example NORTH-1001.',
    );
  }
}

/** The verdict, and what is left to do where the log is consistent and was held against no genesis. */
export function verdictText(verdict: Verdict): string {
  // Names of files, and what stands in them, are whoever made the archive's.
  const line = unbroken(verdictLine(verdict));
  if (!verdict.ok || verdict.genesisChecked) return line;
  const next = 'Any ledger passes so, also a false one. Name the genesis that you trust: --genesis FILE or its hash.';
  return `${line}\n${next}`;
}

/** A chain's hash, a genesis file, or the home's genesis if it has one. */
export function expectedGenesis(paths: HomePaths, given: string | undefined): Digest | Genesis | undefined {
  const hash = given === undefined ? undefined : parseDigest(given.toLowerCase());
  if (hash !== undefined) return hash;
  if (given !== undefined && !existsSync(given))
    throw new CliError(
      'usage',
      `--genesis ${given}: there is no such file, and a hash has 64 hex digits`,
      'Name the genesis document, or the number of the chain in full.',
    );
  if (given !== undefined) return readLedger(readInput(given).toString('utf8'), given).genesis;
  return existsSync(paths.genesis) ? readLedger(readFileSync(paths.genesis, 'utf8'), paths.genesis).genesis : undefined;
}

/** Changes of the validators as `receipt sets` writes them, each proved by the one before. */
export function readSets(file: string, genesis: Genesis): SetChain {
  const sets = new SetChain(digestBytes(chainIdOf(genesisEntry(genesis))), genesis.validators);
  for (const link of linksOf(file)) {
    const problem = sets.add(link);
    if (problem !== undefined)
      throw new CliError('verification', `${file}: after epoch ${sets.latest.epoch}: ${problem}`, fileAdvice);
  }
  return sets;
}

/** The changes that `--sets` names, each proved; or those that this home has learnt, where its genesis is judged by. */
export function givenLinks(
  { paths }: Session,
  { sets, genesis: named }: { readonly sets?: string; readonly genesis?: string },
  genesis: Genesis,
): readonly SetLink[] {
  if (sets !== undefined) {
    readSets(sets, genesis);
    return linksOf(sets);
  }
  if (named !== undefined) return [];
  const chainId = chainIdOf(genesisEntry(genesis));
  return knownSets(paths, { chainId, validators: genesis.validators }).links.map(decodedLink);
}

function linksOf(file: string): readonly SetLink[] {
  try {
    return decodeAs(setLinksSchema, readInput(file));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new CliError('verification', `${file}: ${error.message}`, 'Make it again with `daybook receipt sets`.');
  }
}

/** Where what does not verify came from: advice differs. */
export type Origin = 'node' | 'file';

/** A receipt that does not verify: which rule it breaks. */
export function receiptProblem(error: unknown, from: Origin): unknown {
  if (!(error instanceof FindingError)) return error;
  return new CliError('verification', `the receipt does not verify: ${error.message}`, adviceFor(error, from));
}

function adviceFor({ finding: { rule, detail } }: FindingError, from: Origin): string {
  if (rule === 'policy') return policyAdvice;
  if (rule === 'policy-fit') return 'Name a policy for this ledger: --policy FILE.';
  if (from === 'file' && rule === 'checkpoint-quorum' && /validators of epoch \d/.test(detail)) return setsAdvice;
  return from === 'node' ? verifyAdvice : fileAdvice;
}

/** Later validators cosign what those that are known here did not: the commonest reason, and nobody's fault. */
const setsAdvice =
  'If validators have changed since then, give the changes: --sets FILE, as `daybook receipt sets` writes it. ' +
  'Otherwise do not rely on that file: compare genesis.json with that of the other members.';

export const policyAdvice =
  'Let those who are missing cosign that checkpoint, and add what they answer with `daybook audit import FILE LINES`.';

export async function reachableNode(nodes: readonly string[]): Promise<string> {
  for (const node of nodes.map(nodeUrl)) {
    const answer = await requestNode(node, 'GET', '/healthz', { timeoutMs: 3_000 }).catch(() => undefined);
    if (answer !== undefined) return node;
  }
  throw new CliError(
    'unreachable',
    `no validator could be reached (${nodes.join(', ') || 'none is known'})`,
    'Is it the right --home? --node URL names another one.',
  );
}

const closedAdvice =
  'Ask an operator for an archive: `daybook audit export` reads from a node with openReads = true (loopback only).';

export function auditProblem(error: unknown): unknown {
  if (!(error instanceof SourceUnreachableError)) return error;
  return error.unauthorised
    ? new CliError('notAuthorised', error.message, closedAdvice)
    : new CliError('unreachable', error.message, 'Try another node, or an archive.');
}

export interface ProofPlace {
  readonly node?: readonly string[];
  readonly archive?: string;
}

export async function proofSource(session: Session, { node, archive }: ProofPlace): Promise<ApiProofs | ArchiveProofs> {
  if (archive !== undefined && node !== undefined)
    throw new CliError('usage', '--archive and --node exclude one another', 'Name the one that is to be asked.');
  if (archive === undefined) return new ApiProofs(await reachableNode(node ?? session.settings.nodes));
  return ArchiveProofs.open(archiveOf(archive));
}

/** The whole document: its hash alone names no validators. */
export function neededGenesis(paths: HomePaths, given: string | undefined): Genesis {
  const genesis = expectedGenesis(paths, given);
  if (genesis === undefined || typeof genesis === 'string')
    throw new CliError(
      'usage',
      typeof genesis === 'string'
        ? 'a hash names no validators'
        : `there is no ${shownPath(paths.genesis)} to judge by`,
      'Name the genesis document, for example --genesis genesis.json, or the --home that has it.',
    );
  return genesis;
}

/** What a source gives, or a file holds, that does not verify. */
export function proofProblem(error: unknown, from: Origin): unknown {
  if (error instanceof FindingError)
    return new CliError('verification', `not proved: ${error.message}`, adviceFor(error, from));
  if (error instanceof SourceError) return new CliError('verification', `not proved: ${error.message}`, sourceAdvice);
  return auditProblem(error);
}

const sourceAdvice = 'Ask another node, or read from an archive that holds the whole log.';

export function isoSeconds(timestampMs: number): string {
  return new Date(timestampMs).toISOString();
}
