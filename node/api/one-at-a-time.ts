// A client may send requests ahead of the answers before them (RFC 9112 9.3.2). Each waits here until its answer has
// the connection: until then nobody would say when it closes, and many in one packet would be worked on at once.
import type { Socket } from 'node:net';
import type { onRequestHookHandler } from 'fastify';

/** More than these are sent by nobody who means to read the answers. */
const aheadMax = 16;

export function oneAtATime(): onRequestHookHandler {
  const ahead = new WeakMap<Socket, number>();
  return ({ raw: { socket } }, reply, done) => {
    if (reply.raw.socket !== null) return done();
    const count = (ahead.get(socket) ?? 0) + 1;
    ahead.set(socket, count);
    if (count > aheadMax) socket.destroy();
    // It never comes where the connection closes first.
    reply.raw.once('socket', () => {
      ahead.set(socket, (ahead.get(socket) ?? 1) - 1);
      done();
    });
  };
}
