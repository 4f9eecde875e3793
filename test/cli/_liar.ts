// A node that lies: it passes requests on to a real one, and says something else where a test wants it to.
import { createServer } from 'node:http';
import type { ExecutionContext } from 'ava';
import type { JsonObject } from '../../cli/files.ts';

export interface Lie {
  readonly status: number;
  readonly body: JsonObject;
}

export interface Liar {
  readonly url: string;
  /** Paths that it was asked, with their methods. */
  readonly asked: string[];
}

/** `lie` sees each request and the true answer; undefined: the truth is told. */
export async function liar(
  t: ExecutionContext,
  truth: string,
  lie: (request: string, answer: Lie) => Lie | undefined,
): Promise<Liar> {
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    const named = `${request.method} ${request.url}`;
    asked.push(named);
    const parts: Uint8Array[] = [];
    for await (const part of request) parts.push(part as Uint8Array);
    const answer = await fetch(`${truth}${request.url}`, {
      method: request.method ?? 'GET',
      headers: { 'content-type': request.headers['content-type'] ?? 'application/json' },
      ...(parts.length === 0 ? {} : { body: Buffer.concat(parts) }),
    });
    const told = { status: answer.status, body: JSON.parse(await answer.text()) as JsonObject };
    const { status, body } = lie(named, told) ?? told;
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const address = server.address();
  return { asked, url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}` };
}
