import { parse } from 'acorn';
import test from 'ava';
import { mutantsOf } from './mutations.ts';

/** Each is a program: what cannot be parsed shows nothing of who notices what. */
function wrongsIn(source: string): string[] {
  const texts = mutantsOf(source).map(({ start, end, text }) => source.slice(0, start) + text + source.slice(end));
  for (const each of texts) parse(each, { ecmaVersion: 'latest', sourceType: 'module' });
  return texts;
}

test('comparisons move by one, or turn round', (t) => {
  t.deepEqual(wrongsIn('x = a < b;'), [';', 'x = a <= b;']);
  t.deepEqual(wrongsIn('const x = a === b;'), ['const x = a !== b;']);
  t.deepEqual(wrongsIn('const x = a >= b;'), ['const x = a > b;']);
});

test('sums lose their one', (t) => {
  t.deepEqual(wrongsIn('const x = 2 * f + 1;'), ['const x = (2 * f);']);
  t.deepEqual(wrongsIn('const x = (a + b) - 1;'), ['const x = (a + b);']);
  t.deepEqual(wrongsIn('const x = a - b;'), []);
});

test('either side of a condition is left out', (t) => {
  t.deepEqual(wrongsIn('const x = a && b();'), ['const x = (a);', 'const x = (b());']);
  t.deepEqual(wrongsIn('const x = !a || b;'), ['const x = a || b;', 'const x = (!a);', 'const x = (b);']);
  t.deepEqual(wrongsIn('const x = a && (b || c);'), [
    'const x = (a);',
    'const x = (b || c);',
    'const x = a && ((b));',
    'const x = a && ((c));',
  ]);
  t.deepEqual(wrongsIn('const x = !(a || b);').at(0), 'const x = (a || b);');
  t.deepEqual(wrongsIn('const x = (a + b) < (c);'), ['const x = (a + b) <= (c);']);
  t.deepEqual(wrongsIn('const x = a ?? b;'), []);
});

test('a check is passed over, and a choice always falls the same way', (t) => {
  t.deepEqual(wrongsIn('if (a) b;'), ['if (false) b;']);
  t.deepEqual(wrongsIn('const x = a ? b : c;'), ['const x = true ? b : c;', 'const x = false ? b : c;']);
});

test('what is done is left undone', (t) => {
  t.deepEqual(wrongsIn('a.b(c); d++; await e();'), ['; d++; await e();', 'a.b(c); ; await e();', 'a.b(c); d++; ;']);
  t.deepEqual(wrongsIn('class A extends B { constructor() { super(); } }'), []);
});

test('the least becomes the most', (t) => {
  t.deepEqual(wrongsIn('const x = Math.min(a, b);'), ['const x = Math.max(a, b);']);
});

test('what is only said to people stays', (t) => {
  t.deepEqual(wrongsIn("log(a < b); throw new OddError(a < b ? 'c' : 'd');"), []);
});
