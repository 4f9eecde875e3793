// A node's HTTP API as a source of entries: entries, genesis and the certificate of its last block. Its status is asked
// for one number only, how far to read.
import { setTimeout } from 'node:timers/promises';
import { ApiReader, base64, count, field } from './api-reader.ts';
import type { Source, SourceCheckpoints, SourceHead } from './source.ts';
import { checkpointsPerPage, SourceError } from './source.ts';

const checkpointWaitMs = 5_000;
const checkpointPollMs = 50;
/** Asked for at once; the server cuts the answer at 4 MiB. */
const entriesPerRequest = 2_048;

export class ApiSource implements Source {
  readonly checkpoints: SourceCheckpoints = {
    newest: async () => this.#note,
    page: (index) => this.#page(index),
    logKey: async () => {
      const key = await this.#api.get('/v1/log/key', true);
      return key && Buffer.from(key).toString('latin1');
    },
  };
  readonly #api: ApiReader;
  #note: Uint8Array | undefined;

  /** `url` is the node's API, such as http://127.0.0.1:8080. */
  constructor(url: string) {
    this.#api = new ApiReader(url);
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
    const block = await blockEndingAt(this.#api, size, Math.max(height, (await this.#status()).height));
    return { logSize: size, certificate: base64(field(block, 'certificate')) };
  }

  async #status(): Promise<{ height: number; logSize: number }> {
    const status = await this.#api.json('/v1/status');
    return { height: count(status, 'height'), logSize: count(status, 'logSize') };
  }

  async #checkpoint(): Promise<Uint8Array | undefined> {
    return this.#api.get('/checkpoint', true);
  }

  async *entries(from: number, to: number): AsyncGenerator<readonly Uint8Array[]> {
    for (let at = from; at < to; ) {
      const until = Math.min(at + entriesPerRequest, to);
      const answer = await this.#api.json(`/v1/entries?from=${at}&to=${until}`);
      const texts = field(answer, 'entries');
      if (count(answer, 'from') !== at || !Array.isArray(texts) || texts.length === 0 || texts.length > until - at)
        throw new SourceError(`the node does not give the entries from ${at}`);
      yield texts.map(base64);
      at += texts.length;
    }
  }

  async #page(index: number): Promise<(Uint8Array | undefined)[]> {
    const first = index * checkpointsPerPage + 1;
    const page = field(
      await this.#api.json(`/v1/checkpoints?from=${first}&limit=${checkpointsPerPage}`),
      'checkpoints',
    );
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
    return this.#api.get('/v1/genesis');
  }
}

/** By halving the heights up to one that the node has: it knows its blocks by height alone. */
export async function blockEndingAt(api: ApiReader, size: number, height: number): Promise<unknown> {
  let [low, high] = [1, height];
  while (low < high) {
    const middle = high - low < 8 ? high : Math.ceil((low + high) / 2);
    const block = await api.json(`/v1/blocks/${middle}`);
    const end = count(block, 'headerIndex') + 1;
    if (end === size) return block;
    if (end < size) low = Math.min(middle + 1, high);
    else high = middle - 1;
  }
  const block = await api.json(`/v1/blocks/${low}`);
  if (count(block, 'headerIndex') + 1 !== size) throw new SourceError(`no block of the node ends at entry ${size - 1}`);
  return block;
}

/** As the note says, believed for no more than where to read. */
export function sizeOf(note: Uint8Array): number {
  const [, line = ''] = Buffer.from(note.buffer, note.byteOffset, note.byteLength).toString('latin1').split('\n', 2);
  if (!/^[1-9][0-9]{0,15}$/.test(line)) throw new SourceError('the checkpoint of the node names no size');
  return Number(line);
}
