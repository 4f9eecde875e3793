import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { StoreError } from '../../node/store/store.ts';
import type { Answer } from './_node.ts';
import { running, text } from './_node.ts';

const zeros = '0'.repeat(64);

function isProblem(t: ExecutionContext, answer: Answer, status: number, code: string, detail = /./): void {
  t.is(answer.status, status, answer.text);
  t.regex(answer.headers.get('content-type') ?? '', /^application\/problem\+json/);
  t.is(answer.body['code'], code);
  t.is(answer.body['status'], status);
  t.regex(String(answer.body['detail']), detail);
}

/** Sends bytes as they are and answers with all that comes back until the server closes. */
async function raw(port: number, ...parts: string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.on('data', (data) => {
    answer += data.toString();
  });
  socket.on('error', () => {});
  for (const part of parts) socket.write(part);
  await once(socket, 'close');
  return answer;
}

test('a body that is not what the route reads is malformed', async (t) => {
  const api = await running(t);
  const path = '/v1/transactions';
  isProblem(t, await api.post(path, '{"transaction":'), 400, 'malformed');
  isProblem(t, await api.post(path, ''), 400, 'malformed');
  isProblem(t, await api.post(path, 'null'), 400, 'malformed');
  isProblem(t, await api.post(path, '[]'), 400, 'malformed');
  isProblem(t, await api.post(path, {}), 400, 'malformed', /transaction/);
  isProblem(t, await api.post(path, { transaction: 7 }), 400, 'malformed', /transaction/);
  isProblem(t, await api.post(path, { transaction: 'AAAA', more: 1 }), 400, 'malformed', /more/);
  isProblem(t, await api.post(path, '{"transaction":"AAAA","__proto__":{"a":1}}'), 400, 'malformed');
  isProblem(t, await api.post(`${path}/bulk`, { transactions: ['AAAA', 7] }), 400, 'malformed', /transactions/);
  isProblem(t, await api.post(`${path}/bulk`, { transactions: 'AAAA' }), 400, 'malformed');
  isProblem(t, await api.post(path, '{}', { 'content-type': 'text/plain' }), 415, 'malformed', /application\/json/);
  isProblem(t, await api.post(path, 'a=b', { 'content-type': 'application/x-www-form-urlencoded' }), 415, 'malformed');
  t.is(api.node.waiting.size, 0);
});

test('a transaction that is not the one base64 text of canonical bytes is malformed', async (t) => {
  const api = await running(t);
  const good = text(api.node.transfer('A', 'B', 1n));
  const bad = [`${good}=`, good.slice(0, -1), `${good}\n`, ` ${good}`, good.replace(/^./, '-'), 'AB==', '%%%%', ''];
  for (const transaction of bad) isProblem(t, await api.post('/v1/transactions', { transaction }), 400, 'malformed');
  isProblem(t, await api.post('/v1/transactions', { transaction: 'A'.repeat(22_000) }), 413, 'too-large', /16384/);
  const cut = Buffer.from(good, 'base64').subarray(0, -1).toString('base64');
  isProblem(t, await api.post('/v1/transactions', { transaction: cut }), 400, 'malformed');
});

test('bodies and lists over their limits are too large, whatever the length they claim', async (t) => {
  const api = await running(t, { bodyBytesMax: 4_194_304 });
  const million = JSON.stringify({ transactions: new Array(1_000_000).fill('') });
  isProblem(t, await api.post('/v1/transactions/bulk', million), 413, 'too-large', /At most 256/);
  const many = { transactions: new Array(257).fill('AAAA') };
  isProblem(t, await api.post('/v1/transactions/bulk', many), 413, 'too-large', /At most 256/);
  isProblem(t, await api.post('/v1/transactions', 'x'.repeat(4_194_305)), 413, 'too-large', /body/);
  const head = 'POST /v1/transactions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n';
  t.regex(await raw(api.port, `${head}content-length: 99999999999\r\n\r\n{`), /^HTTP\/1.1 413 /);
  const chunk = `${(1_048_576).toString(16)}\r\n${'x'.repeat(1_048_576)}\r\n`;
  const chunked = [`${head}transfer-encoding: chunked\r\n\r\n`, chunk, chunk, chunk, chunk, chunk, '0\r\n\r\n'];
  t.regex(await raw(api.port, ...chunked), /^(HTTP\/1.1 413 |$)/);
});

test('a path that no route can read is malformed, in the form of every other refusal', async (t) => {
  const api = await running(t);
  for (const path of ['/%', '/v1/accounts/%E0%A4%A'])
    isProblem(t, await api.get(path), 400, 'malformed', /not percent-encoded/);
  const long = await api.get(`/v1/blocks/${'9'.repeat(300)}`);
  isProblem(t, long, 414, 'malformed', /too long/);
  t.is(long.headers.get('cache-control'), 'no-store');
});

test('an unknown or repeated query parameter is refused by name', async (t) => {
  const api = await running(t);
  const paths = ['/v1/status', '/v1/accounts', '/v1/accounts/A', '/v1/consortium', '/v1/genesis', '/v1/events'];
  const more = ['/v1/blocks?from=1', '/v1/blocks/1', '/v1/entries?from=0&to=1', '/v1/log/peaks?size=1'];
  const ids = [`/v1/transactions/${zeros}`, '/v1/references/NORTH/R1'];
  for (const path of [...paths, ...more, ...ids]) {
    const answer = await api.get(`${path}${path.includes('?') ? '&' : '?'}verbose=1`);
    isProblem(t, answer, 400, 'unknown-parameter', /verbose/);
  }
  isProblem(t, await api.post('/v1/transactions?waitt=final', { transaction: 'AAAA' }), 400, 'unknown-parameter');
  isProblem(t, await api.get('/v1/accounts?limit=1&limit=2'), 400, 'malformed', /limit/);
});

test('parameters that are no numbers, identifiers or hashes are malformed', async (t) => {
  const api = await running(t);
  const numbers = ['-1', '1.5', '1e3', '0x10', '01', ' 1', '', '9007199254740993', 'abc'];
  for (const number of numbers) {
    isProblem(t, await api.get(`/v1/blocks?from=${encodeURIComponent(number)}`), 400, 'malformed', /from/);
    isProblem(t, await api.get(`/v1/entries?from=0&to=${encodeURIComponent(number)}`), 400, 'malformed', /to/);
  }
  isProblem(t, await api.get('/v1/blocks'), 400, 'malformed', /from/);
  isProblem(t, await api.get('/v1/blocks?from=1&limit=501'), 400, 'malformed', /limit/);
  isProblem(t, await api.get('/v1/accounts?limit=0'), 400, 'malformed', /limit/);
  isProblem(t, await api.get('/v1/accounts?limit=1001'), 400, 'malformed', /limit/);
  isProblem(t, await api.get('/v1/entries?from=2&to=1'), 400, 'malformed', /from/);
  isProblem(t, await api.get('/v1/accounts/lower'), 400, 'malformed');
  isProblem(t, await api.get('/v1/accounts/A%00'), 400, 'malformed');
  isProblem(t, await api.get('/v1/transactions/abc'), 400, 'malformed');
  isProblem(t, await api.get(`/v1/transactions/${zeros.replace('0', 'G')}`), 400, 'malformed');
  isProblem(t, await api.get(`/v1/transactions/${zeros}?wait=soon`), 400, 'malformed', /wait/);
  isProblem(t, await api.get(`/v1/references/NORTH/${'R'.repeat(36)}`), 400, 'malformed');
  isProblem(t, await api.get(`/v1/transactions/${zeros}`), 404, 'not-found');
  isProblem(t, await api.get(`/v1/transactions/${zeros}?wait=final&timeoutMs=20`), 404, 'not-found');
});

test('there is nothing outside the routes: no files, no other methods, no other origins', async (t) => {
  const api = await running(t);
  for (const path of ['/', '/etc/passwd', '/v1/../../etc/passwd', '/v1/accounts/../../../etc/passwd'])
    t.regex(
      await raw(api.port, `GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`),
      /^HTTP\/1.1 404 /,
    );
  isProblem(t, await api.get('/v1/accounts/..%2F..%2Fetc%2Fpasswd'), 400, 'malformed');
  isProblem(t, await api.get('/v1/references/NORTH/..%2F..%2F'), 404, 'not-found');
  t.is((await api.get(`/v1/${'x'.repeat(5_000)}`)).status, 404);
  isProblem(t, await api.post('/v1/accounts', {}), 404, 'not-found');
  const preflight = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
  const status = await api.get('/v1/status', preflight);
  t.is(status.headers.get('access-control-allow-origin'), null);
  t.is(status.headers.get('cache-control'), 'no-store');
});

test('on loopback only loopback names are answered', async (t) => {
  const api = await running(t);
  const asked = (host: string) => raw(api.port, `GET /healthz HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
  for (const host of ['localhost', `127.0.0.1:${api.port}`, '[::1]:9', 'LOCALHOST:80'])
    t.regex(await asked(host), /^HTTP\/1.1 200 /, host);
  for (const host of ['evil.example', `evil.example:${api.port}`, '127.0.0.1.evil.example', '10.0.0.1', ''])
    t.regex(await asked(host), /^HTTP\/1.1 421 [\s\S]*wrong-host/, host);
});

test('closed reads refuse customers data in one way, and leave the rest open', async (t) => {
  const api = await running(t, { openReads: false });
  const closed = [
    '/v1/accounts',
    '/v1/accounts/A',
    '/v1/accounts/A/proof',
    '/v1/accounts/NOBODY/proof',
    '/v1/consortium',
    '/v1/entries?from=0&to=1',
    `/v1/transactions/${zeros}`,
    '/v1/references/NORTH/R1',
  ];
  for (const path of closed) {
    const answer = await api.get(path);
    isProblem(t, answer, 401, 'unauthorised');
    t.truthy(answer.headers.get('www-authenticate'));
  }
  const open = ['/v1/status', '/v1/genesis', '/v1/blocks?from=1', '/v1/blocks/1', '/v1/log/peaks?size=2'];
  for (const path of [...open, '/healthz', '/readyz', '/metrics', '/openapi.json'])
    t.is((await api.get(path)).status, 200, path);
  const sent = await api.post('/v1/transactions', { transaction: text(api.node.transfer('A', 'B', 1n)) });
  t.is(sent.status, 202);
});

test('what the node refuses has its own status, and says when to come again', async (t) => {
  const api = await running(t);
  const send = (code: string) => {
    api.node.answer = { status: 'refused', code, detail: `because ${code}` };
    return api.post('/v1/transactions', { transaction: 'AAAA' });
  };
  const full = await send('mempool-full');
  isProblem(t, full, 429, 'mempool-full', /because/);
  t.is(full.headers.get('retry-after'), '1');
  isProblem(t, await send('read-only'), 503, 'read-only');
  isProblem(t, await send('not-ready'), 503, 'not-ready');
  isProblem(t, await send('DS0B'), 422, 'DS0B');
  isProblem(t, await send('TM01'), 422, 'TM01');
  isProblem(t, await send('too-large'), 413, 'too-large');
});

test('a mistake in a route costs one answer, not the process', async (t) => {
  const failures: unknown[] = [];
  const api = await running(t, { onFailure: (error) => failures.push(error) });
  api.node.store.get = () => {
    throw new TypeError('a mistake');
  };
  isProblem(t, await api.get('/v1/accounts/A'), 500, 'internal');
  t.deepEqual(failures, []);
});

test('a failure of the node is told to whoever runs it, and not to the client', async (t) => {
  const failures: unknown[] = [];
  const api = await running(t, { onFailure: (error) => failures.push(error) });
  api.node.store.get = () => {
    throw new StoreError('page 7 of /data/north.mdb is damaged');
  };
  const answer = await api.get('/v1/accounts/A');
  isProblem(t, answer, 500, 'internal');
  t.notRegex(answer.text, /mdb/);
  t.regex(String(failures), /page 7/);
});

test('a head that never ends, a head too large and bytes that are no HTTP are refused and cut', async (t) => {
  const api = await running(t, { headersTimeoutMs: 200, requestTimeoutMs: 400 });
  t.regex(await raw(api.port, 'GET /healthz HTTP/1.1\r\nhost: loc'), /^HTTP\/1.1 408 /);
  const body = 'POST /v1/transactions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n';
  t.regex(await raw(api.port, `${body}content-length: 100\r\n\r\n{"tr`), /^HTTP\/1.1 408 /);
  t.is((await api.get('/healthz')).status, 200);
  // On a machine that stands still for 200 ms the time would be over before the size is seen.
  const patient = await running(t);
  t.regex(await raw(patient.port, `GET / HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`), /^HTTP\/1.1 431 /);
  t.regex(await raw(patient.port, '\x16\x03\x01\x02\x00\x01\x00'), /^HTTP\/1.1 400 [\s\S]*malformed/);
  t.is((await patient.get('/healthz')).status, 200);
});

test('connections beyond the limit are closed at once', async (t) => {
  const api = await running(t, { connectionsMax: 2 });
  const held = [connect(api.port, '127.0.0.1'), connect(api.port, '127.0.0.1')];
  await Promise.all(held.map((socket) => once(socket, 'connect')));
  await t.throwsAsync(() => api.get('/healthz'));
  held[0]?.end();
  await Promise.all(held.slice(0, 1).map((socket) => once(socket.resume(), 'close')));
  t.is((await api.get('/healthz')).status, 200);
  for (const socket of held) socket.destroy();
});

test('a port in use is an error of the start', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const error = await t.throwsAsync(() => running(t, { port }));
  t.is((error as NodeJS.ErrnoException).code, 'EADDRINUSE');
  other.close();
});

test('stopping answers who waits, and leaves nothing behind', async (t) => {
  const api = await running(t);
  const waiting = api.post('/v1/transactions?wait=final', { transaction: text(api.node.transfer('A', 'B', 1n)) });
  while (api.node.waiting.size === 0) await new Promise((resolve) => setImmediate(resolve));
  const stream = request({ port: api.port, path: '/v1/events', headers: { host: 'localhost' } }).end();
  const [response] = await once(stream, 'response');
  response.resume();
  const ended = once(response, 'end');
  const before = Date.now();
  await api.stop();
  const answer = await waiting;
  t.is(answer.status, 202);
  t.is(answer.headers.get('connection'), 'close', 'who stays connected would hold up the end');
  await ended;
  t.true(Date.now() - before < 1_500);
  t.is(api.node.listenerCount, 0);
});
