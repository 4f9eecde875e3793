// A node's HTTP API as a source of proofs. The state proof is of the block that is newest when it is asked for; its
// checkpoint follows within moments and is waited for.
import { setTimeout } from 'node:timers/promises';
import { certificateSchema } from '../ledger/certificate.ts';
import { decodeAs } from '../ledger/schema.ts';
import { type CertifiedHeader, type SetLink, setLinkSchema } from '../ledger/set-chain.ts';
import { setChangesMax } from './anchor.ts';
import { ApiReader, base64, count, field } from './api-reader.ts';
import { blockEndingAt, sizeOf } from './api-source.ts';
import { type AnchoredState, type BlockPlace, decodedFrom, epochOf, type ProofSource } from './proof-source.ts';
import { SourceError } from './source.ts';
import { TileReader } from './tile-reader.ts';

const checkpointWaitMs = 10_000;
const checkpointPollMs = 50;

export class ApiProofs implements ProofSource {
  readonly #api: ApiReader;
  #tiles: { readonly size: number; readonly reader: TileReader } | undefined;

  constructor(url: string) {
    this.#api = new ApiReader(url);
  }

  async state(account: string): Promise<AnchoredState> {
    const answer = await this.#api.json(`/v1/accounts/${encodeURIComponent(account)}/proof`);
    const [height, state] = [count(answer, 'height'), base64(field(answer, 'proof'))];
    if (height === 0) throw new SourceError('the node has no block yet, so nothing is checkpointed');
    const checkpoint = await this.#checkpoint(height);
    const size = sizeOf(checkpoint);
    const [header, headerPath] = [await this.entry(size - 1), await this.path(size - 1, size)];
    const setChanges = await this.setChanges(epochOf(header));
    return { anchor: { setChanges, checkpoint, header, headerPath }, size, height, state };
  }

  async entry(index: number): Promise<Uint8Array> {
    const entries = field(await this.#api.json(`/v1/entries?from=${index}&to=${index + 1}`), 'entries');
    if (!Array.isArray(entries) || entries.length !== 1) throw new SourceError(`the node does not give entry ${index}`);
    return base64(entries[0]);
  }

  path(index: number, size: number): Promise<readonly Uint8Array[]> {
    return this.tiles(size).inclusion(index, size);
  }

  tiles(size: number): TileReader {
    if (this.#tiles?.size !== size)
      this.#tiles = { size, reader: new TileReader(size, (path) => this.#api.get(`/${path}`, true)) };
    return this.#tiles.reader;
  }

  /** The newest checkpoint, if there is one. */
  async newest(): Promise<Uint8Array | undefined> {
    return this.#api.get('/checkpoint', true);
  }

  async block(height: number): Promise<BlockPlace> {
    const block = await this.#api.json(`/v1/blocks/${height}`);
    return { headerIndex: count(block, 'headerIndex'), header: base64(field(block, 'header')) };
  }

  /** The block that a log of this size ends with. */
  async last(size: number): Promise<CertifiedHeader> {
    const block = await blockEndingAt(this.#api, size, count(await this.#api.json('/v1/status'), 'height'));
    const encoded = base64(field(block, 'certificate'));
    const certificate = decodedFrom(() => decodeAs(certificateSchema, encoded));
    return { header: base64(field(block, 'header')), certificate };
  }

  /** Up to an epoch, or as many as the node has. */
  async setChanges(epoch?: number): Promise<readonly SetLink[]> {
    const links: SetLink[] = [];
    while (links.length < (epoch ?? setChangesMax)) {
      const changes = field(await this.#api.json(`/v1/validator-sets?after=${links.length}`), 'changes');
      if (!Array.isArray(changes)) throw new SourceError('the node gives no list of validator sets');
      if (changes.length === 0) break;
      links.push(...changes.map((each) => decodedFrom(() => decodeAs(setLinkSchema, base64(each)))));
    }
    if (epoch !== undefined && links.length < epoch) throw new SourceError('the node keeps validator sets back');
    return links.slice(0, epoch);
  }

  async #checkpoint(height: number): Promise<Uint8Array> {
    for (const end = Date.now() + checkpointWaitMs; ; await setTimeout(checkpointPollMs)) {
      const page = field(await this.#api.json(`/v1/checkpoints?from=${height}&limit=1`), 'checkpoints');
      const [first] = Array.isArray(page) ? page : [];
      const note = first === undefined ? undefined : field(first, 'note');
      if (typeof note === 'string') return new Uint8Array(Buffer.from(note));
      if (Date.now() > end)
        throw new SourceError(`block ${height} has no checkpoint: try again when another block has followed`);
    }
  }
}
