import '../node/polyfill.ts';
import { execFileSync } from 'node:child_process';
import test from 'ava';
import { assert, InvariantError, unreachable } from '../node/ledger/assert.ts';

test('this Node is 20.19 or later', (t) => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  t.true(major > 20 || (major === 20 && minor >= 19), process.version);
});

test('a broken invariant throws its own error', (t) => {
  t.notThrows(() => assert(true, 'holds'));
  t.throws(() => assert(false, 'one is two'), { instanceOf: InvariantError, message: 'one is two' });
  t.throws(() => unreachable('there' as never), { instanceOf: InvariantError });
});

test('promises have withResolvers once the polyfill is loaded', (t) => {
  // In a process of its own and with the built-in one removed first, so that every Node runs the polyfill.
  const polyfill = JSON.stringify(new URL('../node/polyfill.js', import.meta.url).href);
  const script = `
    delete Promise.withResolvers;
    await import(${polyfill});
    class Own extends Promise {}
    const a = Own.withResolvers();
    const b = Promise.withResolvers();
    a.resolve(1);
    b.reject(new Error('two'));
    const outcomes = await Promise.allSettled([a.promise, b.promise]);
    console.log(a.promise instanceof Own, outcomes[0].value, outcomes[1].reason.message, Object.keys(Promise).length);
  `;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  t.is(output, 'true 1 two 0\n');
});
