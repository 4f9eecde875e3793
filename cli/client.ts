// HTTP to the validators' API. Any of them will do, so the next is tried where one is down, not ready or answers
// nonsense. What a node says about an outcome is believed only with its receipt.
import type { Digest } from '../node/ledger/hash.ts';
import type { Header } from '../node/ledger/header.ts';
import { decodeTransaction, type Transaction } from '../node/ledger/transaction.ts';
import { answerText, EndlessAnswerError } from './answer-text.ts';
import { BadAnswerError, bytesOf, countOf, listOf, type Outcome, objectOf, readOutcome } from './api-types.ts';
import { CliError } from './exit-codes.ts';
import { isObject, type JsonObject } from './files.ts';
import { oneLine } from './printable.ts';
import { type Trust, UnknownEpochError, VerificationError, type VerifiedEntry, verifyReceipt } from './receipt.ts';
import { RefusalWords, wordsNeeded } from './refusal-words.ts';
import { decodedLink } from './trusted-sets.ts';

/** RFC 9457: a node understood the request and refuses it. Its own words, made fit to be shown. */
export class ApiProblem extends Error {
  override name = 'ApiProblem';
  readonly node: string;
  readonly status: number;
  readonly code: string;
  readonly body: JsonObject;
  /** Of a transaction's refusal: fewer nodes said so than would hold an honest one. */
  isAlone = false;
  constructor(node: string, status: number, body: JsonObject) {
    super(typeof body['detail'] === 'string' ? oneLine(body['detail']) : `HTTP status ${status}`);
    this.node = node;
    this.status = status;
    this.code = typeof body['code'] === 'string' ? oneLine(body['code']) : 'unknown';
    this.body = body;
  }
}

export interface RequestOptions {
  readonly body?: unknown;
  readonly timeoutMs?: number;
  /** Which node is asked first; the others follow. */
  readonly first?: number;
  /** It is there: a node that does not have it is behind, or lies, and the next is asked. */
  readonly isKnown?: boolean;
}

/** A log that a verified header seals, and that a command therefore relies on. */
export interface SealedLog {
  readonly height: number;
  readonly size: number;
  readonly root: Uint8Array;
}

/** An outcome whose receipt was checked. */
export interface VerifiedOutcome extends Outcome {
  readonly verified: VerifiedEntry;
}

const requestTimeoutMs = 10_000;
/** A node that has no outcome for so long may be out of touch. docs/consensus.md names this time. */
const otherNodeMs = 5_000;
/** Passing failures of one node, not of the request. */
const otherNodeMayHelp = new Set(['not-ready', 'read-only', 'internal', 'busy', 'wrong-host']);

export class Client {
  readonly nodes: readonly string[];
  readonly trust: Trust;
  /** Changes of the validator set that were verified here, in order: worth keeping. */
  readonly learnt: Uint8Array[] = [];
  readonly #outcomes = new Map<number, SealedLog>();
  #followed: SealedLog | undefined;
  #current = 0;
  #seenHeight: number;

  /** `seenHeight`: a block that is known to be final, so that no node may show an older state. */
  constructor(nodes: readonly string[], trust: Trust, seenHeight = 0) {
    this.nodes = nodes.map(nodeUrl);
    this.trust = trust;
    this.#seenHeight = seenHeight;
  }

  get seenHeight(): number {
    return this.#seenHeight;
  }

  /** A verified block of this height exists. */
  noteHeight(height: number): void {
    this.#seenHeight = Math.max(this.#seenHeight, height);
  }

  /** What was shown with this client's word for it, each log once. */
  get relied(): readonly SealedLog[] {
    return [...this.#outcomes.values(), ...(this.#followed === undefined ? [] : [this.#followed])];
  }

  rely({ height, logSize, logRoot }: Header): void {
    this.#outcomes.set(height, { height, size: logSize, root: logRoot });
  }

  /** Of a block that continues the one before: that one is held by it. */
  relyOnNext({ height, logSize, logRoot }: Header): void {
    this.#followed = { height, size: logSize, root: logRoot };
  }

  get(path: string, options: RequestOptions = {}): Promise<unknown> {
    return this.#ask('GET', path, options, (value) => value);
  }

  /** Reads with `read`; an answer that it does not take (BadAnswerError, VerificationError) is the next node's turn. */
  getAs<T>(path: string, read: (value: unknown) => T, options: RequestOptions = {}): Promise<T> {
    return this.#ask('GET', path, options, read);
  }

  /** A read of state, from a node that has every block that we know of: what was just paid shows. */
  async getCurrent<T>(path: string, read: (value: unknown) => T): Promise<T> {
    const deadline = Date.now() + requestTimeoutMs;
    for (;;) {
      try {
        return await this.getAs(path, (value) => {
          const height = countOf(objectOf(value)['height']);
          if (height < this.#seenHeight) throw new BehindError(height, this.#seenHeight);
          return read(value);
        });
      } catch (error) {
        if (!(error instanceof BehindError)) throw error;
        if (Date.now() > deadline) throw new CliError('unreachable', error.message, 'Try again in a moment.');
        await new Promise((resolve) => setTimeout(resolve, behindPollMs));
      }
    }
  }

  postAs<T>(path: string, body: unknown, read: (value: unknown) => T, options: RequestOptions = {}): Promise<T> {
    return this.#ask('POST', path, { ...options, body }, read);
  }

  async #ask<T>(method: string, path: string, options: RequestOptions, read: (value: unknown) => T): Promise<T> {
    const failures: string[] = [];
    let isAnswered = false;
    let falsehood: string | undefined;
    let behind: BehindError | undefined;
    for (let attempt = 0; attempt < this.nodes.length; attempt++) {
      const at = ((options.first ?? this.#current) + attempt) % this.nodes.length;
      const node = this.nodes[at] ?? '';
      try {
        const value = await this.#readKnowing(await requestNode(node, method, path, options), read);
        if (options.first === undefined) this.#current = at;
        return value;
      } catch (error) {
        const mayHelp = (code: string) => otherNodeMayHelp.has(code) || (options.isKnown && code === 'not-found');
        if (error instanceof ApiProblem && !mayHelp(error.code)) throw error;
        if (error instanceof VerificationError || error instanceof BadAnswerError)
          falsehood = `${node}: ${error.message}`;
        else if (error instanceof BehindError) behind = error;
        else if (error instanceof ApiProblem) isAnswered = true;
        else if (!(error instanceof UnreachableError)) throw error;
        failures.push(`${node}: ${error.message}`);
      }
    }
    if (falsehood !== undefined)
      throw new CliError('verification', `no node gave an answer that verifies (${falsehood})`, verifyAdvice);
    throw behind ?? (isAnswered ? unserved(failures) : unreachable(failures));
  }

  /** A block of a later epoch is judged once the sets up to it are known. */
  async #readKnowing<T>(answer: unknown, read: (value: unknown) => T): Promise<T> {
    try {
      return read(answer);
    } catch (error) {
      if (!(error instanceof UnknownEpochError)) throw error;
      await this.reach(error.epoch);
      return read(answer);
    }
  }

  /** Learns the validator sets up to an epoch, each proved by the one before. Throws VerificationError. */
  async reach(epoch: number): Promise<void> {
    const { sets } = this.trust;
    while (sets !== undefined && sets.latest.epoch < epoch) {
      const { latest } = sets;
      await this.getAs(`/v1/validator-sets?after=${latest.epoch}`, (value) => {
        for (const each of listOf(objectOf(value)['changes'])) this.#learn(bytesOf(each));
      });
      if (sets.latest === latest) throw new VerificationError(`no node shows how epoch ${epoch} came to be`);
    }
  }

  /** Learns every set that the nodes show. Throws VerificationError. */
  async reachAll(): Promise<void> {
    const { sets } = this.trust;
    for (let before: unknown; sets !== undefined && sets.latest !== before; ) {
      before = sets.latest;
      await this.getAs(`/v1/validator-sets?after=${sets.latest.epoch}`, (value) => {
        for (const each of listOf(objectOf(value)['changes'])) this.#learn(bytesOf(each));
      });
    }
  }

  #learn(link: Uint8Array): void {
    const problem = this.trust.sets?.add(decodedLink(link));
    if (problem !== undefined) throw new VerificationError(`a change of validators: ${problem}`);
    this.learnt.push(link);
  }

  /** The outcome of a transaction once it is final, undefined while it is not; waits as long as the node lets us. */
  async outcome(id: Digest, waitMs: number, first?: number): Promise<VerifiedOutcome | undefined> {
    const path = `/v1/transactions/${id}${waitMs > 0 ? `?wait=final&timeoutMs=${waitMs}` : ''}`;
    const options = { timeoutMs: waitMs + requestTimeoutMs, ...(first === undefined ? {} : { first }) };
    return this.#found(path, (value) => this.#finalOf(value, id), options);
  }

  /** What used a reference of a member, or undefined. */
  async referenceOutcome(member: string, reference: string): Promise<VerifiedOutcome | undefined> {
    const path = `/v1/references/${encodeURIComponent(member)}/${encodeURIComponent(reference)}`;
    return this.#found(path, (value) => this.#verified(value), {});
  }

  /** Undefined where so many nodes have it not that one of them is honest, or all that can be asked. */
  async #found<T>(path: string, read: (value: unknown) => T, options: RequestOptions): Promise<T | undefined> {
    const denying = new Set<string>();
    const begin = options.first ?? this.#current;
    for (let attempt = 0; attempt < this.nodes.length && denying.size < this.wordsNeeded; attempt++) {
      try {
        return await this.getAs(path, read, { ...options, first: (begin + attempt) % this.nodes.length });
      } catch (error) {
        if (!(error instanceof ApiProblem) || error.code !== 'not-found') throw error;
        denying.add(error.node);
      }
    }
    return undefined;
  }

  /** How many nodes must say what has no proof. */
  get wordsNeeded(): number {
    const { sets, validators } = this.trust;
    return wordsNeeded((sets?.latest.validators ?? validators).length, this.nodes.length);
  }

  /**
   * Sends one transaction and waits until it is final. Without an outcome other nodes get it too, each within the time:
   * one may be removed or cut off and not know it [E8], and of f+1 one is honest.
   */
  async submit(transaction: Transaction, timeoutMs: number): Promise<VerifiedOutcome> {
    const deadline = Date.now() + timeoutMs;
    const body = { transaction: Buffer.from(transaction.bytes).toString('base64') };
    const waitMs = Math.min(otherNodeMs, Math.ceil(timeoutMs / Math.max(1, this.nodes.length)));
    const read = (value: unknown) => this.#finalOf(value, transaction.id);
    let found: VerifiedOutcome | undefined;
    const words = new RefusalWords<ApiProblem>(this.wordsNeeded, this.nodes.length);
    // The same bytes again are no second payment: they wait with the first, or get its outcome.
    for (let attempt = 0; found === undefined && (attempt === 0 || Date.now() < deadline); attempt++) {
      const left = Math.max(1, Math.min(waitMs, deadline - Date.now()));
      const path = `/v1/transactions?wait=final&timeoutMs=${left}`;
      // What comes after this transaction begins where it came through.
      if (attempt > 0) this.#current = (this.#current + 1) % this.nodes.length;
      try {
        found = await this.postAs(path, body, read, { timeoutMs: left + requestTimeoutMs });
        words.noteOther();
      } catch (error) {
        if (!(error instanceof ApiProblem)) throw error;
        const said = words.add(error);
        error.isAlone = said === 'alone';
        if (said !== undefined) throw error;
        this.#current = Math.max(0, this.nodes.indexOf(error.node));
      }
    }
    if (found !== undefined) return found;
    const refusing = words.said.map(({ node, code, message }) => `; ${node} alone refuses it: ${code}, ${message}`);
    throw new CliError(
      'timeout',
      `no outcome within ${timeoutMs} ms: transaction ${transaction.id} may still become final${refusing.join('')}`,
      'Run the same command again: it sends the same signed bytes, and a reference is never paid twice.',
    );
  }

  #finalOf(value: unknown, id: Digest): VerifiedOutcome | undefined {
    if (objectOf(value)['status'] === 'pending') return undefined;
    const outcome = this.#verified(value);
    if (outcome.id !== id) throw new BadAnswerError('the outcome of another transaction');
    return outcome;
  }

  #verified(value: unknown): VerifiedOutcome {
    const outcome = verifyOutcome(readOutcome(value), this.trust);
    this.noteHeight(outcome.height);
    this.rely(outcome.verified.header);
    return outcome;
  }
}

export const verifyAdvice =
  'Do not rely on that node. Compare genesis.json with that of the other members, and run `daybook audit verify`.';

/** Where a file does not verify. */
export const fileAdvice =
  'Do not rely on that file. Compare genesis.json with that of the other members, and get the file again from a node.';

const behindPollMs = 50;

class BehindError extends Error {
  override name = 'BehindError';
  constructor(height: number, seen: number) {
    super(`every validator that answers is at block ${height} or before, and block ${seen} is known to be final`);
  }
}

class UnreachableError extends Error {
  override name = 'UnreachableError';
}

function unreachable(failures: readonly string[]): CliError {
  const list = failures.length === 0 ? 'no node is known' : failures.join('; ');
  return new CliError(
    'unreachable',
    `no validator could be reached (${list})`,
    'Is the devnet up (`daybook devnet status`)? Is this the right --home, or --node URL?',
  );
}

/** Somebody is there, so that neither the devnet nor the address is at fault. */
function unserved(failures: readonly string[]): CliError {
  return new CliError(
    'unreachable',
    `no validator takes this now (${failures.join('; ')})`,
    'Try again in a moment, or name another validator with --node URL.',
  );
}

/** The address of a node's API, without a slash at its end. Throws CliError where it is none. */
export function nodeUrl(text: string): string {
  if (/^https?:\/\/[^/]/.test(text) && URL.canParse(text)) return text.replace(/\/+$/, '');
  const example = /^[\w.[\]:-]+$/.test(text) ? `http://${text}` : '';
  throw new CliError(
    'usage',
    `"${text}" is no address of a node's API`,
    `Write ${URL.canParse(example) ? example : 'http://HOST:PORT, for example http://127.0.0.1:7002'}.`,
  );
}

/** The JSON that a node answers. Throws ApiProblem, BadAnswerError or UnreachableError. */
export async function requestNode(
  node: string,
  method: string,
  path: string,
  options: RequestOptions,
): Promise<unknown> {
  const timeoutMs = options.timeoutMs ?? requestTimeoutMs;
  const hasBody = options.body !== undefined;
  let text: string;
  let response: Response;
  try {
    response = await fetch(node + path, {
      method,
      headers: hasBody ? { 'content-type': 'application/json' } : {},
      signal: AbortSignal.timeout(timeoutMs),
      // What was meant for this node goes to no other address that it may name.
      redirect: 'error',
      ...(hasBody ? { body: JSON.stringify(options.body) } : {}),
    });
    text = await answerText(response);
  } catch (error) {
    if (error instanceof EndlessAnswerError) throw new BadAnswerError(error.message);
    throw new UnreachableError(reasonOf(error, timeoutMs));
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new BadAnswerError(`status ${response.status} without JSON`);
  }
  if (!response.ok) throw new ApiProblem(node, response.status, isObject(value) ? value : {});
  return value;
}

function reasonOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer in ${timeoutMs} ms`;
  const cause = error.cause;
  return cause instanceof Error && cause.message !== '' ? cause.message : error.message;
}

/** Checks the receipt, and that what the answer says is what the entry says. Throws VerificationError. */
export function verifyOutcome(outcome: Outcome, trust: Trust): VerifiedOutcome {
  const verified = verifyReceipt(outcome.receipt, trust);
  const { entry, header } = verified;
  if (entry.kind !== 1 && entry.kind !== 2) throw new VerificationError('the receipt is of no transaction');
  if (entry.outcome !== outcome.outcome || outcome.index !== outcome.receipt.index || outcome.height !== header.height)
    throw new VerificationError('the answer says something else than its receipt');
  // The entry of a line names no transaction: an id that stands beside it is anybody's word.
  const id = entry.kind === 1 ? decodeTransaction(entry.transaction).id : undefined;
  if (id !== outcome.id) throw new VerificationError('the receipt is of another transaction');
  return { ...outcome, verified };
}
