// A node's HTTP API as a source of entries: entries, genesis and the certificate of its last block. Its status is asked
// for one number only, how far to read. Answers are bounded in bytes and in time.
import { setTimeout } from 'node:timers/promises';
import type { Source, SourceCheckpoints, SourceHead } from './source.ts';
import { checkpointsPerPage, SourceError, SourceUnreachableError } from './source.ts';

const answerBytesMax = 16 * 1024 * 1024;
const answerTimeoutMs = 30_000;
const checkpointWaitMs = 5_000;
const checkpointPollMs = 50;
/** Asked for at once; the server cuts the answer at 4 MiB. */
const entriesPerRequest = 2_048;

export class ApiSource implements Source {
  readonly checkpoints: SourceCheckpoints = {
    newest: async () => this.#note,
    page: (index) => this.#page(index),
    logKey: async () => {
      const key = await this.#get('/v1/log/key', true);
      return key && Buffer.from(key).toString('latin1');
    },
  };
  readonly #base: string;
  #note: Uint8Array | undefined;

  /** `url` is the node's API, such as http://127.0.0.1:8080. */
  constructor(url: string) {
    this.#base = url.replace(/\/+$/, '');
  }

  /**
   * Ends where the node's newest checkpoint does. The last blocks may have none for a moment: it is waited for a
   * little, so that what was settled before the audit is in it.
   */
  async head(): Promise<SourceHead> {
    const { height, logSize } = await this.#status();
    if (height === 0) return { logSize: 1, certificate: undefined };
    const end = Date.now() + checkpointWaitMs;
    let note = await this.#checkpoint();
    while ((note === undefined || sizeOf(note) < logSize) && Date.now() < end) {
      await setTimeout(checkpointPollMs);
      note = await this.#checkpoint();
    }
    this.#note = note;
    const size = note === undefined ? logSize : sizeOf(note);
    const block = await this.#blockEndingAt(size, Math.max(height, (await this.#status()).height));
    return { logSize: size, certificate: base64(field(block, 'certificate')) };
  }

  async #status(): Promise<{ height: number; logSize: number }> {
    const status = await this.#json('/v1/status');
    return { height: count(status, 'height'), logSize: count(status, 'logSize') };
  }

  async #checkpoint(): Promise<Uint8Array | undefined> {
    return this.#get('/checkpoint', true);
  }

  /** By halving the heights: a node knows its blocks by height alone. */
  async #blockEndingAt(size: number, height: number): Promise<unknown> {
    let [low, high] = [1, height];
    while (low < high) {
      const middle = high - low < 8 ? high : Math.ceil((low + high) / 2);
      const block = await this.#json(`/v1/blocks/${middle}`);
      const end = count(block, 'headerIndex') + 1;
      if (end === size) return block;
      if (end < size) low = Math.min(middle + 1, high);
      else high = middle - 1;
    }
    const block = await this.#json(`/v1/blocks/${low}`);
    if (count(block, 'headerIndex') + 1 !== size)
      throw new SourceError(`no block of the node ends at entry ${size - 1}`);
    return block;
  }

  async *entries(from: number, to: number): AsyncGenerator<readonly Uint8Array[]> {
    for (let at = from; at < to; ) {
      const until = Math.min(at + entriesPerRequest, to);
      const answer = await this.#json(`/v1/entries?from=${at}&to=${until}`);
      const texts = field(answer, 'entries');
      if (count(answer, 'from') !== at || !Array.isArray(texts) || texts.length === 0 || texts.length > until - at)
        throw new SourceError(`the node does not give the entries from ${at}`);
      yield texts.map(base64);
      at += texts.length;
    }
  }

  async #page(index: number): Promise<(Uint8Array | undefined)[]> {
    const first = index * checkpointsPerPage + 1;
    const page = field(await this.#json(`/v1/checkpoints?from=${first}&limit=${checkpointsPerPage}`), 'checkpoints');
    if (!Array.isArray(page)) throw new SourceError('the node gives no list of checkpoints');
    const notes: (Uint8Array | undefined)[] = [];
    for (const each of page) {
      const [at, note] = [count(each, 'height') - first, field(each, 'note')];
      if (at < 0 || at >= checkpointsPerPage || typeof note !== 'string')
        throw new SourceError('the node gives checkpoints of other heights than it was asked for');
      // What came to be after the audit began is no part of it.
      const bytes = new Uint8Array(Buffer.from(note));
      if (this.#note !== undefined && sizeOf(bytes) <= sizeOf(this.#note)) notes[at] = bytes;
    }
    return notes;
  }

  async genesisText(): Promise<Uint8Array | undefined> {
    return this.#get('/v1/genesis');
  }

  async #json(path: string): Promise<unknown> {
    const bytes = await this.#get(path);
    try {
      return JSON.parse(Buffer.from(bytes).toString('utf8'));
    } catch {
      throw new SourceError(`the node's answer to ${path} is not JSON`);
    }
  }

  async #get(path: string): Promise<Uint8Array>;
  async #get(path: string, mayLack: true): Promise<Uint8Array | undefined>;
  async #get(path: string, mayLack = false): Promise<Uint8Array | undefined> {
    try {
      // No redirects: the auditor asked this node, and no other address that it may name.
      const signal = AbortSignal.timeout(answerTimeoutMs);
      const response = await fetch(`${this.#base}${path}`, { signal, redirect: 'error' });
      if (response.status === 401 || response.status === 403)
        throw new SourceUnreachableError(`${this.#base} does not let us read ${path}`, true);
      if (response.status >= 500) throw new SourceUnreachableError(`${this.#base}${path} answers ${response.status}`);
      if (response.status === 404 && mayLack) return undefined;
      if (!response.ok) throw new SourceError(`the node answers ${response.status} to ${path}`);
      return await bounded(response, path);
    } catch (error) {
      if (error instanceof SourceError || error instanceof SourceUnreachableError) throw error;
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      throw new SourceUnreachableError(`${this.#base}${path}: ${cause instanceof Error ? cause.message : 'no answer'}`);
    }
  }
}

async function bounded(response: Response, path: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  if (response.body === null) return new Uint8Array(0);
  for await (const part of response.body as AsyncIterable<Uint8Array>) {
    length += part.length;
    if (length > answerBytesMax) throw new SourceError(`the answer to ${path} is over ${answerBytesMax} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** As the note says, believed for no more than where to read. */
function sizeOf(note: Uint8Array): number {
  const [, line = ''] = Buffer.from(note.buffer, note.byteOffset, note.byteLength).toString('latin1').split('\n', 2);
  if (!/^[1-9][0-9]{0,15}$/.test(line)) throw new SourceError('the checkpoint of the node names no size');
  return Number(line);
}

function field(answer: unknown, name: string): unknown {
  if (typeof answer !== 'object' || answer === null || !Object.hasOwn(answer, name))
    throw new SourceError(`the node's answer has no ${name}`);
  return (answer as Record<string, unknown>)[name];
}

function count(answer: unknown, name: string): number {
  const value = field(answer, name);
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new SourceError(`the node's ${name} is no count`);
  return value;
}

/** Base64 of a fresh Uint8Array: a Buffer would compare and print differently further on. */
function base64(text: unknown): Uint8Array {
  if (typeof text !== 'string') throw new SourceError('the node gives no base64 where bytes are due');
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw new SourceError('the node gives no base64 where bytes are due');
  return new Uint8Array(bytes);
}
