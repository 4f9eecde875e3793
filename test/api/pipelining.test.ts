// A client may send requests before those ahead of them on the connection are answered, or on many connections at once.
// Neither may hold anything beyond its connection, nor keep votes and timers waiting.
import { once } from 'node:events';
import { connect } from 'node:net';
import test from 'ava';
import { running, type TestNode } from './_node.ts';

const head = (path: string) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`;

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Reads of blocks become slow, and are counted by turns of the event loop. */
function slowReads(node: TestNode, readMs: number): { total: number; most: number } {
  const reads = { total: 0, most: 0 };
  const block = node.store.block.bind(node.store);
  let ofTurn = 0;
  node.store.block = (height) => {
    if (ofTurn === 0)
      setImmediate(() => {
        ofTurn = 0;
      });
    reads.total += 1;
    ofTurn += 1;
    reads.most = Math.max(reads.most, ofTurn);
    busy(readMs);
    return block(height);
  };
  return reads;
}

function busy(milliseconds: number): void {
  for (const end = performance.now() + milliseconds; performance.now() < end; );
}

test('event streams that were asked for ahead of their turn end with their connection', async (t) => {
  const api = await running(t, { eventStreamsMax: 4 });
  const socket = connect(api.port, '127.0.0.1');
  socket.write(head('/v1/events').repeat(4));
  await once(socket, 'data');
  socket.destroy();
  for (let i = 0; i < 50; i++) await turn();
  const metrics = (await api.get('/metrics')).text;
  t.is(/^daybook_api_event_streams (\d+)/m.exec(metrics)?.[1], '0');
});

test('requests that are sent ahead are answered in order, and others get their turn in between', async (t) => {
  const api = await running(t);
  const reads = slowReads(api.node, 4);
  const socket = connect(api.port, '127.0.0.1');
  let answer = '';
  socket.on('data', (data) => {
    answer += data.toString();
  });
  socket.write(head('/v1/blocks/1').repeat(16) + head('/healthz'));
  while (!answer.includes('"status":"ok"')) await once(socket, 'data');
  t.is(answer.match(/HTTP\/1.1 200/g)?.length, 17);
  t.is(reads.total, 16);
  t.true(reads.most < 6, `${reads.most} in one turn`);
  socket.destroy();
});

test('who sends more ahead than anybody reads is cut', async (t) => {
  const api = await running(t);
  const reads = slowReads(api.node, 0);
  const socket = connect(api.port, '127.0.0.1').resume();
  socket.on('error', () => {});
  socket.write(head('/v1/blocks/1').repeat(1_000));
  await once(socket, 'close');
  t.true(reads.total < 100, `${reads.total} reads`);
  t.is((await api.get('/healthz')).status, 200);
});

test('many requests at once leave each turn to the rest of the node', async (t) => {
  const api = await running(t);
  const reads = slowReads(api.node, 4);
  const sockets = Array.from({ length: 40 }, () => connect(api.port, '127.0.0.1').resume());
  // Each is answered once, so that the server has taken them all.
  for (const socket of sockets) socket.write(head('/healthz'));
  await Promise.all(sockets.map((socket) => once(socket, 'data')));
  for (const socket of sockets) socket.write(head('/v1/blocks/1'));
  busy(50);
  while (reads.total < sockets.length) await turn();
  t.true(reads.most < 10, `${reads.most} in one turn`);
  for (const socket of sockets) socket.destroy();
});

test('a long answer leaves each turn to the rest of the node', async (t) => {
  const api = await running(t);
  for (let i = 0; i < 30; i++) api.node.settle(api.node.transfer('A', 'B', 1n));
  const reads = slowReads(api.node, 4);
  const { blocks } = (await api.get('/v1/blocks?from=1&limit=500')).body as { blocks: { height: number }[] };
  t.deepEqual(
    blocks.map(({ height }) => height),
    Array.from({ length: 31 }, (_, at) => at + 1),
  );
  t.true(reads.most < 10, `${reads.most} in one turn`);
});
