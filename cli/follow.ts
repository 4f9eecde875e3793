// Follows the chain block by block and says what became of each transaction. A block is verified once, its
// certificate and its entries against the log root, so that thousands of outcomes cost a few hashes each instead of a
// receipt each.
import { decodeEntry } from '../node/ledger/entry.ts';
import { type Digest, digestBytes, digestOf, equalBytes, leafHash } from '../node/ledger/hash.ts';
import type { Header } from '../node/ledger/header.ts';
import { Frontier } from '../node/ledger/merkle.ts';
import { decodeTransaction } from '../node/ledger/transaction.ts';
import { type ApiBlock, BadAnswerError, bytesOf, countOf, listOf, objectOf, readBlock } from './api-types.ts';
import { ApiProblem, type Client, verifyAdvice } from './client.ts';
import { EventStreamError, eventStream } from './event-stream.ts';
import { CliError } from './exit-codes.ts';
import { VerificationError, verifyHeader } from './receipt.ts';

export interface FollowedLine {
  readonly line: number;
  readonly reference: string;
  readonly outcome: string;
  readonly index: number;
}

export interface FollowedTransaction {
  readonly id: Digest;
  readonly outcome: string;
  readonly index: number;
  readonly lines: readonly FollowedLine[];
}

export interface FollowedBlock {
  readonly height: number;
  readonly timestamp: number;
  readonly transactions: readonly FollowedTransaction[];
}

/** A verified place in the chain: everything up to and with this block's header. */
export interface Position {
  readonly height: number;
  /** The block's digest; the chainId at height 0. */
  readonly digest: Digest;
  readonly timestamp: number;
  readonly frontier: Frontier;
}

/** Blocks whose entries are fetched in one request. */
const entriesAtOnceMax = 20_000;
const retryMs = 200;
/** A stream that says nothing for so long may be one that hangs: another node is listened to. */
const silenceMs = 5_000;

/**
 * A height at which some node stands, and whose block it shows. One that a node only says would be a journal's
 * beginning for good, and nothing could ever be followed from there.
 */
export async function provenHeight(client: Client): Promise<number> {
  for (let first = 0; ; first++) {
    try {
      const height = await client.getAs('/v1/status', (value) => countOf(objectOf(value)['height']), { first });
      if (height > 0) await blockAt(client, height, first);
      return height;
    } catch (error) {
      const isTheirs = error instanceof ApiProblem || error instanceof CliError || error instanceof VerificationError;
      if (!isTheirs || first + 1 >= client.nodes.length) throw error;
    }
  }
}

function blockAt(client: Client, height: number, first?: number) {
  const read = (value: unknown) => {
    const block = readBlock(value);
    const header = verifyHeader(block.header, block.certificate, client.trust);
    if (header.height !== height) throw new VerificationError(`block ${header.height} in place of ${height}`);
    return { block, header };
  };
  return client.getAs(`/v1/blocks/${height}`, read, { isKnown: true, ...(first === undefined ? {} : { first }) });
}

/** Where the chain stood at `height`, whose block is known to be final; height 0 needs no node. */
export async function positionAt(client: Client, height: number): Promise<Position> {
  if (height === 0) return genesisPosition(client);
  return blockAt(client, height).then(async ({ block, header }) => {
    const frontier = await client.getAs(`/v1/log/peaks?size=${header.logSize}`, (value) => {
      const peaks = listOf(objectOf(value)['peaks']).map(bytesOf);
      const found = frontierOf(header.logSize, peaks);
      if (!equalBytes(found.root(), header.logRoot))
        throw new VerificationError('peaks that are not those of the log root');
      return found;
    });
    frontier.append(leafHash(block.header));
    return { height, digest: block.certificate.digest, timestamp: header.timestamp, frontier };
  });
}

export function frontierOf(size: number, peaks: readonly Uint8Array[]): Frontier {
  const ones = size.toString(2).replaceAll('0', '').length;
  if (peaks.length !== ones || peaks.some((peak) => peak.length !== 32))
    throw new BadAnswerError('no peaks of that size');
  return Frontier.fromHashes(size, peaks);
}

function genesisPosition(client: Client): Position {
  const frontier = Frontier.empty();
  frontier.append(digestBytes(client.trust.chainId));
  return { height: 0, digest: client.trust.chainId, timestamp: 0, frontier };
}

/** Verified blocks after `from`, in order and without gaps, until `signal`. Goes on at another node where one fails. */
export async function* followBlocks(
  client: Client,
  from: Position,
  signal: AbortSignal,
): AsyncGenerator<FollowedBlock> {
  let position = from;
  let failures = 0;
  for (let at = 0; !signal.aborted; at++) {
    const node = client.nodes[at % client.nodes.length] ?? '';
    try {
      for await (const blocks of blockRuns(node, position.height + 1, signal)) {
        for (const run of slices(blocks)) {
          const entries = await entriesOf(client, run, at % client.nodes.length);
          for (const block of run) {
            await client.reach(block.certificate.epoch);
            const { followed, next, header } = checkBlock(client, position, block, entries);
            position = next;
            client.relyOnNext(header);
            failures = 0;
            client.noteHeight(next.height);
            yield followed;
          }
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      const isTheirs = error instanceof VerificationError || error instanceof BadAnswerError;
      if (!isTheirs && !(error instanceof CliError) && !isConnectionError(error)) throw error;
      failures++;
      if (isTheirs && failures >= client.nodes.length)
        throw new CliError('verification', `${node}: ${error.message}`, verifyAdvice);
    }
    if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, failures === 0 ? 0 : retryMs));
  }
}

/** fetch and its streams throw TypeErrors and errors of the socket. */
function isConnectionError(error: unknown): boolean {
  if (error instanceof TypeError || error instanceof EventStreamError) return true;
  return error instanceof Error && ('code' in error || error.name === 'AbortError');
}

/** Blocks as a node streams them, those that arrived together in one list. */
async function* blockRuns(node: string, from: number, signal: AbortSignal): AsyncGenerator<readonly ApiBlock[]> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), silenceMs);
  try {
    const either = AbortSignal.any([signal, silence.signal]);
    for await (const events of eventStream(`${node}/v1/events?from=${from}`, either)) {
      const blocks = events.filter(({ event }) => event === 'block').map(({ data }) => readBlock(parseJson(data)));
      if (blocks.length > 0) yield blocks;
      timer.refresh();
    }
  } finally {
    clearTimeout(timer);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new BadAnswerError('an event without JSON');
  }
}

function* slices(blocks: readonly ApiBlock[]): Generator<readonly ApiBlock[]> {
  let run: ApiBlock[] = [];
  for (const block of blocks) {
    const first = run[0]?.firstIndex ?? block.firstIndex;
    if (run.length > 0 && block.headerIndex + 1 - first > entriesAtOnceMax) {
      yield run;
      run = [];
    }
    run.push(block);
  }
  if (run.length > 0) yield run;
}

interface EntryRun {
  readonly from: number;
  readonly entries: readonly Uint8Array[];
}

async function entriesOf(client: Client, run: readonly ApiBlock[], first: number): Promise<EntryRun> {
  return fetchEntries(client, run[0]?.firstIndex ?? 0, (run.at(-1)?.headerIndex ?? 0) + 1, first);
}

/** As a node gives them: not yet held against any root. */
export async function fetchEntries(client: Client, from: number, to: number, first: number): Promise<EntryRun> {
  const entries: Uint8Array[] = [];
  while (from + entries.length < to) {
    const path = `/v1/entries?from=${from + entries.length}&to=${to}`;
    const part = await client.getAs(path, (value) => listOf(objectOf(value)['entries']).map(bytesOf), { first });
    if (part.length === 0) throw new BadAnswerError(`no entry ${from + entries.length}`);
    entries.push(...part);
  }
  return { from, entries };
}

function checkBlock(
  client: Client,
  position: Position,
  block: ApiBlock,
  run: EntryRun,
): { readonly followed: FollowedBlock; readonly next: Position; readonly header: Header } {
  const header = verifyHeader(block.header, block.certificate, client.trust);
  const firstIndex = position.frontier.size;
  if (header.height !== position.height + 1 || digestOf(header.parent) !== position.digest)
    throw new VerificationError(`block ${header.height} does not follow block ${position.height}`);
  if (header.logSize < firstIndex || run.from > firstIndex || header.logSize > run.from + run.entries.length)
    throw new VerificationError(`block ${header.height}: the log sizes do not fit`);
  const entries = run.entries.slice(firstIndex - run.from, header.logSize - run.from);
  const frontier = position.frontier.clone();
  for (const entry of entries) frontier.append(leafHash(entry));
  if (!equalBytes(frontier.root(), header.logRoot))
    throw new VerificationError(`block ${header.height}: its entries do not give its log root`);
  frontier.append(leafHash(block.header));
  const { height, timestamp } = header;
  return {
    header,
    followed: { height, timestamp, transactions: transactionsOf(entries, firstIndex) },
    next: { height, digest: block.certificate.digest, timestamp, frontier },
  };
}

export function transactionsOf(entries: readonly Uint8Array[], firstIndex: number): FollowedTransaction[] {
  const found: (FollowedTransaction & { readonly lines: FollowedLine[] })[] = [];
  entries.forEach((bytes, i) => {
    const entry = decodeEntry(bytes);
    const index = firstIndex + i;
    if (entry.kind === 1)
      found.push({ id: decodeTransaction(entry.transaction).id, outcome: entry.outcome, index, lines: [] });
    if (entry.kind === 2) {
      const { line, reference, outcome } = entry;
      found.at(-1)?.lines.push({ line, reference, outcome, index });
    }
  });
  return found;
}
