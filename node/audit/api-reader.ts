// What a node's HTTP API answers, as bytes and as JSON, bounded in bytes and in time. Nothing that it says is believed.
import { SourceError, SourceUnreachableError } from './source.ts';

const answerBytesMax = 16 * 1024 * 1024;
const answerTimeoutMs = 30_000;

export class ApiReader {
  readonly #base: string;

  /** `url` is the node's API, such as http://127.0.0.1:8080. */
  constructor(url: string) {
    this.#base = url.replace(/\/+$/, '');
  }

  async json(path: string): Promise<unknown> {
    const bytes = await this.get(path);
    try {
      return JSON.parse(Buffer.from(bytes).toString('utf8'));
    } catch {
      throw new SourceError(`the node's answer to ${path} is not JSON`);
    }
  }

  async get(path: string): Promise<Uint8Array>;
  async get(path: string, mayLack: true): Promise<Uint8Array | undefined>;
  async get(path: string, mayLack = false): Promise<Uint8Array | undefined> {
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

export function field(answer: unknown, name: string): unknown {
  if (typeof answer !== 'object' || answer === null || !Object.hasOwn(answer, name))
    throw new SourceError(`the node's answer has no ${name}`);
  return (answer as Record<string, unknown>)[name];
}

export function count(answer: unknown, name: string): number {
  const value = field(answer, name);
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new SourceError(`the node's ${name} is no count`);
  return value;
}

/** Base64 of a fresh Uint8Array: a Buffer would compare and print differently further on. */
export function base64(text: unknown): Uint8Array {
  if (typeof text !== 'string') throw new SourceError('the node gives no base64 where bytes are due');
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw new SourceError('the node gives no base64 where bytes are due');
  return new Uint8Array(bytes);
}
