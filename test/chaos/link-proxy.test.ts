// The proxy does to bytes what a rule says, and nothing else.
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { prng } from '../_prng.ts';
import { LinkProxy } from './link-proxy.ts';
import { until } from './validator.ts';

interface End {
  readonly socket: Socket;
  /** All that has arrived. */
  read(): Buffer;
  isClosed(): boolean;
}

function endOf(socket: Socket): End {
  let all = Buffer.alloc(0);
  let isClosed = false;
  socket.on('data', (chunk: Buffer) => {
    all = Buffer.concat([all, chunk]);
  });
  socket.on('close', () => {
    isClosed = true;
  });
  socket.on('error', () => undefined);
  return { socket, read: () => all, isClosed: () => isClosed };
}

interface Line {
  readonly proxy: LinkProxy;
  dial(): Promise<{ readonly near: End; readonly far: End }>;
}

async function line(t: ExecutionContext): Promise<Line> {
  const sockets: Socket[] = [];
  const accepted: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    accepted.push(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const proxy = await LinkProxy.open(typeof address === 'object' ? (address?.port ?? 0) : 0, prng(5));
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy();
    await proxy.close();
    server.close();
  });
  return {
    proxy,
    async dial() {
      const near = connect(proxy.port, '127.0.0.1');
      sockets.push(near);
      await once(near, 'connect');
      await until('accepted', () => accepted.length > 0, 5_000, 2);
      return { near: endOf(near), far: endOf(accepted.shift() as Socket) };
    },
  };
}

const arrived = (end: End, length: number) => until(`${length} bytes`, () => end.read().length >= length, 5_000, 2);
const settle = () => new Promise((done) => setTimeout(done, 60));

test('bytes pass both ways unchanged, a megabyte too, and so does the end', async (t) => {
  const { proxy, dial } = await line(t);
  const { near, far } = await dial();
  const bytes = Buffer.from(prng(1).bytes(1_500_000));
  near.socket.write(bytes);
  far.socket.write('back');
  await arrived(far, bytes.length);
  await arrived(near, 4);
  t.true(far.read().equals(bytes));
  t.is(near.read().toString(), 'back');
  near.socket.end();
  await until('the end passes', () => far.isClosed() && near.isClosed(), 5_000, 2);
  t.is(proxy.connections, 0);
});

test('a cut ends what is open and refuses what comes, until it is healed', async (t) => {
  const { proxy, dial } = await line(t);
  const { near, far } = await dial();
  proxy.cut();
  await until('both ends notice', () => near.isClosed() && far.isClosed(), 5_000, 2);
  const refused = endOf(connect(proxy.port, '127.0.0.1'));
  await until('refused', () => refused.isClosed(), 5_000, 2);
  proxy.heal();
  const again = await dial();
  again.near.socket.write('x');
  await arrived(again.far, 1);
  t.pass();
});

test('what is held in one direction arrives after it is healed, in order; the other direction goes on', async (t) => {
  const { proxy, dial } = await line(t);
  const { near, far } = await dial();
  proxy.set('up', { flow: 'hold' });
  near.socket.write('one ');
  near.socket.write('two');
  far.socket.write('back');
  await arrived(near, 4);
  await settle();
  t.is(far.read().length, 0);
  near.socket.end();
  await settle();
  t.false(far.isClosed(), 'nor does it hear of the end');
  proxy.heal();
  await arrived(far, 7);
  t.is(far.read().toString(), 'one two');
});

test('half open: what is said is swallowed without a word, and healing resets what was torn', async (t) => {
  const { proxy, dial } = await line(t);
  const { near, far } = await dial();
  proxy.set('up', { flow: 'swallow' });
  near.socket.write('lost');
  await settle();
  t.is(far.read().length, 0);
  t.false(near.isClosed() || far.isClosed());
  proxy.heal();
  await until('reset', () => near.isClosed() && far.isClosed(), 5_000, 2);
});

test('bytes come late, never out of order, and no faster than the link', async (t) => {
  const { proxy, dial } = await line(t);
  const { near, far } = await dial();
  proxy.set('up', { delayMs: 80, jitterMs: 40 });
  const began = performance.now();
  for (let i = 0; i < 20; i++) {
    near.socket.write(String.fromCharCode(97 + i));
    await new Promise((done) => setTimeout(done, 2));
  }
  await arrived(far, 20);
  t.true(performance.now() - began >= 75);
  t.is(far.read().toString(), 'abcdefghijklmnopqrst');
  proxy.heal();
  proxy.set('up', { bytesPerSecond: 100_000 });
  const slow = performance.now();
  near.socket.write(Buffer.alloc(20_000));
  await arrived(far, 20_020);
  t.true(performance.now() - slow >= 150, `${performance.now() - slow} ms`);
});

test('a corrupt link flips one bit of a chunk and keeps its length', async (t) => {
  const { proxy, dial } = await line(t);
  const { near, far } = await dial();
  proxy.set('up', { corruptOneIn: 1 });
  near.socket.write(Buffer.alloc(1_000));
  await arrived(far, 1_000);
  const ones = [...far.read()].reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
  t.true(ones >= 1 && ones <= 4, `${ones} bits`);
  t.is(far.read().length, 1_000);
});
