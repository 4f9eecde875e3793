// Holds the docs to the tree: paths and links that lead somewhere, a code map without gaps, decisions that stay short.
// What the formats page says byte by byte is test/ledger/formats.test.ts's.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { filesIn, root, sourceFolders } from './_source.ts';

const pages = ['README.md', 'CHANGELOG.md', ...filesIn('docs', /\.md$/)].map((path) => {
  return { path, text: readFileSync(join(root, path), 'utf8') };
});
const architecture = pages.find(({ path }) => path === 'docs/architecture.md')?.text ?? '';
const decisions = pages.filter(({ path }) => path.startsWith('docs/decisions/'));

/** Folders that later work adds and that are named before they are there. */
const notYet = ['web', 'deploy'];

function codeSpans(text: string): string[] {
  return [...text.replaceAll(/^```[\s\S]*?^```$/gm, '').matchAll(/`([^`]+)`/g)].map(([, span = '']) => span);
}

test('every path that the docs name is there', (t) => {
  const missing = pages.flatMap(({ path, text }) =>
    codeSpans(text)
      .map((span) => span.replaceAll(/\s+/g, ''))
      .filter((span) => /^(node|cli|contracts|genesis|test|bench|docs)(\/[\w.-]+)+$/.test(span))
      .filter((span) => !notYet.includes(span) && !existsSync(join(root, span)))
      .map((span) => `${path}: ${span}`),
  );
  t.deepEqual(missing, []);
});

test('every link between pages leads somewhere', (t) => {
  const broken = pages.flatMap(({ path, text }) =>
    [...text.matchAll(/\]\((?!https?:)([^)#\s]+)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !existsSync(join(root, dirname(path), target)))
      .map((target) => `${path}: ${target}`),
  );
  t.deepEqual(broken, []);
});

test('the code map names every folder of the source, and every file directly in node/', (t) => {
  const spans = new Set(codeSpans(architecture));
  const files = sourceFolders.flatMap((folder) => filesIn(folder, /\.(ts|mjs)$/));
  const folders = new Set(files.map((file) => dirname(file)).filter((folder) => !folder.startsWith('test/')));
  const inNode = files.filter((file) => dirname(file) === 'node').map((file) => file.slice('node/'.length));
  const named = [...folders].filter((folder) => folder !== 'node').concat(inNode);
  t.deepEqual(
    named.filter((name) => !spans.has(name)),
    [],
  );
});

test('the walk of one transfer names each file once', (t) => {
  const walk = architecture.split('\n## ').find((section) => section.startsWith('One transfer')) ?? '';
  const files = codeSpans(walk).filter((span) => /\.(ts|mjs)$/.test(span));
  t.true(files.length > 30);
  t.deepEqual(
    files.filter((file, i) => files.indexOf(file) !== i),
    [],
  );
});

test('the architecture page fits two pages of paper, and each decision one', (t) => {
  t.true(architecture.split('\n').length < 160);
  for (const { path, text } of decisions) t.true(text.split('\n').length <= 61, path);
});

test('decisions have a number of their own, a context and a choice', (t) => {
  const numbers = decisions.map(({ path }) => /^docs\/decisions\/(\d{4})-[a-z0-9-]+\.md$/.exec(path)?.[1]);
  t.is(new Set(numbers).size, numbers.length);
  decisions.forEach(({ path, text }, i) => {
    t.true(text.startsWith(`# ${numbers[i]}: `), path);
    for (const part of ['## Context', '## Choice']) t.true(text.includes(`\n${part}\n`), `${path}: ${part}`);
  });
});

test('a decision that a page cites by number exists', (t) => {
  const numbers = new Set(decisions.map(({ path }) => path.slice('docs/decisions/'.length).slice(0, 4)));
  for (const { path, text } of pages)
    for (const [, number = ''] of text.matchAll(/\bdecision (\d{4})\b/g))
      t.true(numbers.has(number), `${path}: ${number}`);
});
