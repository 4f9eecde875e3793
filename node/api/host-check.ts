// DNS rebinding: a web page of a name that suddenly resolves to 127.0.0.1 could read a ledger that listens there. On
// loopback only the loopback's own names are answered. Elsewhere a proxy in front decides about names.
import type { onRequestHookHandler } from 'fastify';
import { isLoopback } from '../config.ts';
import { Problem } from './problem.ts';

export function hostCheck(listenHost: string): onRequestHookHandler {
  if (!isLoopback(listenHost)) return (_request, _reply, done) => done();
  return (request, _reply, done) => {
    const name = (request.headers.host ?? '').replace(/:[0-9]{1,5}$/, '').replace(/^\[(.*)\]$/, '$1');
    if (isLoopback(name.toLowerCase())) done();
    else done(new Problem('wrong-host', 'This API listens on loopback. Ask for localhost or 127.0.0.1.'));
  };
}
