import test from 'ava';
import { AvaReport } from './_ava-report.ts';

function read(text: string, code: number, files = ['a.test.js', 'ledger/b.test.js']) {
  const shown: string[] = [];
  const report = new AvaReport(files, 2, (line) => shown.push(line));
  for (const line of text.split('\n')) report.readLine(line);
  report.end(code);
  return { ...report.counts, shown, failures: report.failures };
}

test('passed tests fold into a line a file, and logs keep their title', (t) => {
  const text = '\n  ✔ a › one\n  ✔ ledger › b › two (1.2s)\n    ℹ a note\n  ✔ a › three\n  ─\n\n  3 tests passed';
  const { shown, ...rest } = read(text, 0);
  t.deepEqual(rest, { passed: 3, failed: 0, skipped: 0, failures: [] });
  t.deepEqual(shown, ['  ✔ ledger › b › two (1.2s)', '    ℹ a note', '  ✔ ledger/b: 1 passed', '  ✔ a: 2 passed', '']);
});

test('skipped tests are named and counted', (t) => {
  const { shown, ...rest } = read('  - [skip] a › later\n  ─\n\n  1 test skipped', 0);
  t.deepEqual(rest, { passed: 0, failed: 0, skipped: 1, failures: [] });
  t.true(shown.includes('  - [skip] a › later'));
});

test('failed tests, exceptions, crashes and tests that never ended count as failed', (t) => {
  const text = `  ✘ [fail]: a › wrong Difference
  Uncaught exception in dist/test/a.test.js

  Error: late

  ✘ dist/test/a.test.js exited due to SIGSEGV
  ✘ Timed out while running tests
  ◌ a › hangs
  ─

  a › wrong
  ✔ no result, part of a difference
  ─

  1 test failed
  1 uncaught exception`;
  const { shown, failures, ...counts } = read(text, 1);
  t.deepEqual(counts, { passed: 0, failed: 5, skipped: 0 });
  t.is(failures[0], 'a › wrong Difference');
  t.true(shown.includes('  a › wrong'));
});

test('a report that ends early, or disagrees with itself or with the exit code, has failed', (t) => {
  t.deepEqual(read('  ✔ a › one', 0).failures, ['ava ended before its summary']);
  t.is(read('  ✔ a › one\n  ─\n  2 tests passed', 0).failed, 1);
  t.is(read('  ─\n  1 test failed', 1).failed, 1);
  t.deepEqual(read('  ✔ a › one\n  ─\n  1 test passed', 1).failures, ['ava ended with 1']);
});
