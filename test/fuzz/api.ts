// The real server over sockets: whole requests as bytes, changed in method, path, query, headers and body. Every answer
// is a success or a typed refusal, never 500; and after each the server still answers a good request.
import { once } from 'node:events';
import { connect } from 'node:net';
import { startApi } from '../../node/api/server.ts';
import { parseConfig } from '../../node/config.ts';
import { TestNode, text } from '../api/_node.ts';
import type { OpenTarget, Target } from './engine.ts';

const words = [
  'GET',
  'POST',
  'PUT',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'HTTP/1.0',
  'HTTP/9.9',
  '\r\n',
  '%00',
  '%2e%2e/',
  '%ff',
  '?',
  '&',
]
  .concat([
    'from=',
    'to=',
    'limit=',
    'after=',
    'size=',
    'wait=final',
    'timeoutMs=1',
    'Host: evil.example',
    'Expect: 100-continue',
  ])
  .concat([
    'Transfer-Encoding: chunked',
    'Content-Length: 0',
    'Upgrade: websocket',
    'Last-Event-ID: -1',
    `X-A: ${'a'.repeat(20_000)}`,
  ])
  .concat([
    'content-encoding: gzip',
    '{"transaction":',
    '[[[[',
    '"__proto__":1',
    '18446744073709551616',
    '-1',
    '1e9',
    'NaN',
  ]);

const answerTimeoutMs = 5_000;

class Server {
  readonly node = new TestNode();
  readonly #failures: unknown[] = [];
  #port = 0;
  #stop: () => Promise<void> = async () => {};

  async start(): Promise<void> {
    this.node.settle(this.node.open('A', 100_00n), this.node.open('B', 0n));
    this.node.settle(this.node.transfer('A', 'B', 5n, 'PAID'));
    const { api } = parseConfig('validator = "node-0"\n[listen]\nport = 0\n[api]\nport = 0\n', '/');
    const options = { headersTimeoutMs: 500, requestTimeoutMs: 1_000, waitTimeoutMsMax: 200, eventStreamsMax: 4 };
    const onFailure = (error: unknown) => void this.#failures.push(error);
    const server = await startApi(this.node, { ...api, ...options, openReads: true, onFailure });
    this.#port = server.port;
    this.#stop = server.stop;
  }

  async ask(request: Uint8Array): Promise<string> {
    const socket = connect(this.#port, '127.0.0.1');
    const chunks: Buffer[] = [];
    const first = new Promise<void>((resolve) => {
      socket.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        resolve();
      });
      socket.on('close', () => resolve());
    });
    socket.on('error', () => {});
    const closed = once(socket, 'close');
    socket.write(request);
    // A request that is cut short is ended; one that waits for an outcome must not be, or it is given up.
    const end = setTimeout(() => socket.end(), Buffer.from(request).includes('wait=') ? 400 : 30);
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      socket.destroy();
    }, answerTimeoutMs);
    await first;
    // An answer may be a stream of events: its head is enough.
    setImmediate(() => socket.destroy());
    await closed;
    clearTimeout(timer);
    clearTimeout(end);
    const answer = Buffer.concat(chunks).toString('latin1');
    if (this.#failures.length > 0) throw this.#failures[0];
    if (isLate) throw new Error(`neither an answer nor an end within ${answerTimeoutMs} ms`);
    return answer;
  }

  stop(): Promise<void> {
    return this.#stop();
  }
}

function judged(answer: string): string {
  if (answer === '') return 'closed';
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1];
  if (status === undefined) throw new Error(`no answer of HTTP: ${answer.slice(0, 200)}`);
  const code = /"code":"([a-zA-Z0-9-]+)"/.exec(answer)?.[1];
  if (Number(status) >= 400 && /^content-type: application\/json/im.test(answer))
    throw new Error(`a refusal that is no problem of RFC 9457: ${answer.slice(0, 600)}`);
  if (status.startsWith('5') && !(status === '503' && code !== undefined))
    throw new Error(`status ${status}: ${answer.slice(0, 600)}`);
  return `${status} ${code ?? ''}`;
}

function requestsOf(node: TestNode): string[] {
  const { store } = node;
  const id = store.entries(1, 2).length > 0 ? node.transfer('A', 'B', 1n).id : '';
  const paths = [
    '/v1/status',
    '/v1/accounts?limit=2&after=A',
    '/v1/accounts/A',
    '/v1/consortium',
    '/v1/genesis',
    '/healthz',
  ]
    .concat([
      '/v1/blocks?from=1&limit=2',
      '/v1/blocks/1',
      '/v1/entries?from=0&to=3',
      '/v1/log/peaks?size=3',
      '/readyz',
      '/metrics',
    ])
    .concat([
      `/v1/transactions/${id}?wait=final&timeoutMs=10`,
      '/v1/references/NORTH/PAID',
      '/v1/events?from=1',
      '/openapi.json',
    ]);
  const post = (path: string, body: unknown) => {
    const content = JSON.stringify(body);
    const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`;
    return `${head}Content-Length: ${content.length}\r\nConnection: close\r\n\r\n${content}`;
  };
  const transaction = text(node.transfer('A', 'B', 2n));
  return [
    ...paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`),
    post('/v1/transactions?wait=final&timeoutMs=10', { transaction }),
    post('/v1/transactions/bulk', { transactions: [transaction, text(node.transfer('B', 'A', 1n)), 'AAAA'] }),
  ];
}

/**
 * What is left of a request when its form is put right: the routes see it. As it was, the HTTP parser refuses three in
 * four.
 */
function repaired(request: string): string {
  const [head = '', ...rest] = request.split('\r\n\r\n');
  const body = rest.join('\r\n\r\n');
  const [first = '', ...lines] = head.split('\r\n');
  const [method = 'GET', ...path] = first.replace(/ HTTP\/1\.1$/, '').split(' ');
  const isHeader = (line: string) =>
    /^[A-Za-z-]+: [!-~ ]*$/.test(line) && !/^(content-length|transfer-encoding)/i.test(line);
  const headers = [
    'Host: localhost',
    'Connection: close',
    ...lines.filter((line) => isHeader(line) && !/^host/i.test(line)),
  ];
  if (body !== '') headers.push(`Content-Length: ${Buffer.byteLength(body)}`);
  const target = path.join(' ').replace(/[^!-~]/gu, (character) => encodeURIComponent(character));
  const verb = /^[A-Z]+$/.test(method) ? method : 'GET';
  const start = `${verb} ${target.startsWith('/') ? target : `/${target}`} HTTP/1.1`;
  return `${[start, ...headers].join('\r\n')}\r\n\r\n${body}`;
}

export const api: Target = {
  name: 'api',
  kind: 'text',
  words,
  isSlow: true,
  lengthMax: 65_536,
  async open(): Promise<OpenTarget> {
    const server = new Server();
    await server.start();
    const good = Buffer.from('GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    return {
      seeds: requestsOf(server.node).map((each) => Buffer.from(each)),
      async run(input) {
        const isRepaired = input.length % 4 > 0;
        const request = isRepaired ? Buffer.from(repaired(Buffer.from(input).toString('utf8'))) : input;
        const answer = judged(await server.ask(request));
        // What was taken waits for ever here: nothing else settles.
        if (server.node.waiting.size > 0) server.node.settle();
        if (!judged(await server.ask(good)).startsWith('200')) throw new Error('a good request is refused afterwards');
        return answer;
      },
      close: () => server.stop(),
    };
  },
};
