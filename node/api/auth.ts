// The one place where a reader of customers' data is checked. Today a node either lets everyone read (a devnet on
// loopback) or nobody; a request signed by a key whose role allows it will be admitted here and nowhere else.
import type { onRequestHookHandler } from 'fastify';
import { Problem } from './problem.ts';

export function readerCheck(openReads: boolean): onRequestHookHandler {
  return (_request, _reply, done) => {
    if (openReads) done();
    else
      done(
        new Problem(
          'unauthorised',
          'Reads of accounts, transactions and entries are closed on this node. Ask its operator, or read an archive.',
        ),
      );
  };
}
