// Two invariants of docs/architecture.md that neither the compiler nor the table of imports holds.
import test from 'ava';
import { filesIn, findLines, readSource, sourceOf } from './_source.ts';

const node = ['node', 'contracts', 'genesis', 'cli'].flatMap((folder) => filesIn(folder, /\.ts$/).map(readSource));

test('only inbound.ts makes a message Verified; consensus narrows those it was given', (t) => {
  const makes = /\bas (?:unknown as )?Verified</;
  const makers = node.filter(({ path, code }) => !path.startsWith('node/consensus/') && makes.test(code));
  t.deepEqual(
    makers.map(({ path }) => path),
    ['node/network/inbound.ts'],
  );
  // Within consensus a cast may only narrow `message`, which came in as Verified.
  const narrows = /\bmessage as Verified</;
  const elsewhere = node
    .filter(({ path }) => path.startsWith('node/consensus/'))
    .flatMap((source) => findLines(source, source.code, makes).filter((line) => !narrows.test(line)));
  t.deepEqual(elsewhere, []);
  t.is(findLines(sourceOf('x.ts', 'x as Verified<Message>;'), 'x as Verified<Message>;', makes).length, 1);
});

test('CBOR is written and read by one file, so that hashed and signed bytes have one codec', (t) => {
  const users = node.filter(({ imports }) =>
    imports.some(({ target }) => target.startsWith('cbor') || /\/cbor-(reader|writer)\.ts$/.test(target)),
  );
  t.deepEqual(
    users.map(({ path }) => path),
    ['node/ledger/codec.ts'],
  );
});

test('no JSON is hashed or signed: no file of node/ledger and none of consensus makes any', (t) => {
  const pure = node.filter(({ path }) => /^(node\/(ledger|consensus|execution)|contracts)\//.test(path));
  t.deepEqual(
    pure.flatMap((source) => findLines(source, source.code, /\bJSON\s*\./)),
    [],
  );
});
