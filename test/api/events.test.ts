import { once } from 'node:events';
import { get, type IncomingMessage, type ServerResponse } from 'node:http';
import { Writable } from 'node:stream';
import test from 'ava';
import { EventStreams } from '../../node/api/events.ts';
import { running, TestNode } from './_node.ts';

interface BlockEvent {
  readonly event: string;
  readonly id: string;
  readonly data: { readonly height: number; readonly digest: string };
}

class EventReader {
  readonly #response: IncomingMessage;
  #text = '';
  readonly events: BlockEvent[] = [];

  constructor(response: IncomingMessage) {
    this.#response = response;
    response.setEncoding('utf8').on('data', (part: string) => {
      this.#text += part;
      const messages = this.#text.split('\n\n');
      this.#text = messages.pop() ?? '';
      for (const message of messages) this.#add(message);
    });
  }

  #add(message: string): void {
    const fields = new Map(message.split('\n').map((line) => line.split(/: (.*)/s, 2) as [string, string]));
    const data = fields.get('data');
    if (data === undefined) return;
    this.events.push({ event: fields.get('event') ?? '', id: fields.get('id') ?? '', data: JSON.parse(data) });
  }

  get ids(): string[] {
    return this.events.map(({ id }) => id);
  }

  async until(count: number): Promise<void> {
    while (this.events.length < count) await once(this.#response, 'data');
  }

  close(): void {
    this.#response.destroy();
  }
}

async function open(port: number, path = '/v1/events', headers = {}): Promise<EventReader> {
  const request = get({ port, path, headers: { host: 'localhost', ...headers } });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(String(response.statusCode));
  return new EventReader(response);
}

test('blocks come as they are settled, with the height as id', async (t) => {
  const { node, port } = await running(t);
  const reader = await open(port);
  node.settle(node.transfer('A', 'B', 1n));
  node.settle(node.transfer('A', 'B', 2n));
  await reader.until(2);
  t.deepEqual(reader.ids, ['2', '3']);
  t.like(reader.events[1], { event: 'block', data: { height: 3, digest: node.store.head().digest } });
  reader.close();
});

test('a reader resumes by height, in order and without a gap, and then hears new blocks', async (t) => {
  const { node, port } = await running(t);
  for (let i = 0; i < 99; i++) node.settle(node.transfer('A', 'B', 1n));
  const all = await open(port, '/v1/events?from=1');
  await all.until(100);
  const rest = await open(port, '/v1/events?from=1', { 'last-event-id': '97' });
  await rest.until(3);
  const ahead = await open(port, '/v1/events?from=102');
  node.settle(node.transfer('A', 'B', 1n));
  node.settle(node.transfer('A', 'B', 1n));
  await Promise.all([all.until(102), rest.until(5), ahead.until(1)]);
  t.deepEqual(
    all.ids,
    Array.from({ length: 102 }, (_, i) => String(i + 1)),
  );
  t.deepEqual(rest.ids, ['98', '99', '100', '101', '102']);
  t.deepEqual(ahead.ids, ['102']);
  for (const reader of [all, rest, ahead]) reader.close();
});

test('streams are counted, and one that ends makes room', async (t) => {
  const api = await running(t, { eventStreamsMax: 1 });
  const reader = await open(api.port);
  const refused = await api.get('/v1/events');
  t.is(refused.status, 503);
  t.is(refused.body['code'], 'busy');
  t.is(refused.headers.get('retry-after'), '5');
  reader.close();
  for (;;) {
    const metrics = await api.get('/metrics');
    if (/^daybook_api_event_streams 0$/m.test(metrics.text)) break;
  }
  (await open(api.port)).close();
  t.is((await api.get('/v1/events', { 'last-event-id': 'abc' })).status, 400);
});

/** A response whose reader takes nothing until told to. */
class StalledResponse extends Writable {
  readonly taken: string[] = [];
  #go: (() => void) | undefined;
  #open = false;

  constructor() {
    super({ highWaterMark: 2_048, decodeStrings: false });
  }

  writeHead(): this {
    return this;
  }

  override _write(chunk: string, _encoding: string, done: () => void): void {
    this.taken.push(chunk);
    if (this.#open) done();
    else this.#go = done;
  }

  read(): void {
    this.#open = true;
    this.#go?.();
  }
}

function stalled(eventStallTimeoutMs: number) {
  const node = new TestNode();
  node.settle(node.open('A', 100n), node.open('B', 0n));
  for (let i = 0; i < 20; i++) node.settle(node.transfer('A', 'B', 1n));
  const events = new EventStreams(node.store, { eventStreamsMax: 4, eventStallTimeoutMs });
  const response = new StalledResponse();
  events.open(response as Writable as ServerResponse, 1);
  return { node, events, response };
}

test('a reader that takes nothing is cut, and nothing piles up for it until then', async (t) => {
  const { node, events, response } = stalled(100);
  for (let i = 0; i < 20; i++) {
    node.settle(node.transfer('A', 'B', 1n));
    events.blockAdded();
  }
  t.true(response.writableLength < 2 * 2_048);
  t.is(events.count, 1);
  const watch = setInterval(() => {}, 50); // the stall timer alone keeps no process alive
  await once(response, 'close');
  clearInterval(watch);
  t.true(response.destroyed);
  t.is(events.count, 0);
  events.stop();
});

test('a slow reader that goes on reading gets every block', async (t) => {
  const { events, response } = stalled(60_000);
  t.true(response.taken.length < 3);
  response.read();
  // Heartbeats come in between where the machine is slow.
  const blocks = () => response.taken.slice(1).filter((message) => !message.startsWith(':'));
  while (blocks().length < 21) await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(
    blocks().map((message) => /id: (\d+)/.exec(message)?.[1]),
    Array.from({ length: 21 }, (_, i) => String(i + 1)),
  );
  events.stop();
});
