// Holds what the compiler and the linter do not: who may import whom, purity, sizes, banned words, cited rules.
// The tables come first; extend them when a folder has a good reason.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { filesIn, findLines, readSource, root, type Source, sourceFolders, sourceOf } from './_source.ts';

interface Layer {
  /** A folder or a file; the longest that fits a file is its layer. */
  readonly of: string;
  /** What it may import: files, folders (with all below) and packages; `*` ends a prefix. */
  readonly may: readonly string[];
  /** What it may import types from, besides. */
  readonly mayTypes?: readonly string[];
}

const ledger = ['node/ledger', '@noble/*', 'sodium-native'];
const store = ['node/store', 'node/ledger', 'node:*'];
const network = ['node/network', 'node/ledger', 'node/consensus', 'node:*'];
const audit = ['node/audit', 'node/ledger', 'genesis', 'node:*'];
const nodeFiles = ['node/config.ts', 'node/polyfill.ts', 'node/validator-key.ts', 'node/version.ts'];
const cli = ['cli', 'node/ledger', 'node/audit', 'genesis', 'contracts', ...nodeFiles];
const cliPackages = ['node:*', 'commander', '@clack/*', 'cli-progress', 'csv-parse', 'csv-stringify'];
const cliFormats = ['csv-parse/*', 'csv-stringify/*', 'fast-xml-parser', 'ibantools', 'smol-toml', 'zod'];
const clients = [...cli, ...cliPackages, ...cliFormats, 'node/closest-name.ts'];
const libp2p = ['libp2p', '@libp2p/*', '@multiformats/*'];
// A validator without its adapters: neither LMDB nor libp2p.
const validatorFiles = [
  ...['accusations', 'divergence', 'driver', 'checkpointing', 'intake', 'finality', 'mempool', 'opening', 'seat'],
  ...['membership', 'notices', 'peers', 'presence', 'refusal-log', 'release', 'state-prover', 'status-page'],
  ...['connection-log', 'store/store', 'network/inbound'],
];
const validatorParts = [
  'node/consensus',
  'node/execution',
  ...[...validatorFiles, 'network/sync-client', 'network/sync-server', 'network/verified-signatures'].map(
    (file) => `node/${file}.ts`,
  ),
];
const product = ['node', 'cli', 'contracts', 'genesis'];

const layers: readonly Layer[] = [
  { of: 'node/ledger', may: ledger },
  { of: 'node/ledger/hash.ts', may: [...ledger, 'node:crypto'] },
  { of: 'node/ledger/signature.ts', may: [...ledger, 'node:crypto'] },
  { of: 'node/ledger/signature-engine.ts', may: [...ledger, 'node:crypto', 'node:module'] },
  { of: 'contracts', may: ['contracts', 'node/ledger'] },
  { of: 'genesis', may: ['genesis', 'node/ledger', 'contracts'] },
  { of: 'node/consensus', may: ['node/consensus', 'node/ledger'] },
  {
    of: 'node/execution',
    may: ['node/execution', 'node/ledger', 'contracts', 'genesis'],
    mayTypes: ['node/store/store.ts'],
  },
  { of: 'node/store', may: store, mayTypes: ['node/execution', 'node/consensus'] },
  { of: 'node/store/lmdb-environment.ts', may: [...store, 'lmdb'], mayTypes: ['node/execution', 'node/consensus'] },
  { of: 'node/network', may: network, mayTypes: ['node/config.ts', 'node/store/store.ts', 'node/event-loop.ts'] },
  {
    of: 'node/network/libp2p-transport.ts',
    may: [...network, ...libp2p, 'node/polyfill.ts'],
    mayTypes: ['node/config.ts'],
  },
  { of: 'node/network/tcp-door.ts', may: ['node/network', ...libp2p] },
  { of: 'node/network/yamux-guard.ts', may: ['node/network', ...libp2p, 'node:*'] },
  {
    of: 'node/api',
    may: [
      'node/api',
      'node/ledger',
      'node/execution/diverged-record.ts',
      'node/config.ts',
      'contracts',
      'node:*',
      'fastify*',
      '@fastify/*',
      'zod',
      'prom-client',
    ],
    mayTypes: ['node'],
  },
  { of: 'node/audit', may: audit },
  {
    of: 'node/snapshot',
    may: [
      'node/consensus/record.ts',
      'node/snapshot',
      'node/ledger',
      'node/execution',
      'contracts',
      'node/store/pruned-nodes.ts',
      'node/network/fetched-block.ts',
      'node/network/peer-asker.ts',
      'node/network/sync-messages.ts',
    ],
    mayTypes: ['node/store/store.ts', 'node/network/transport.ts'],
  },
  {
    of: 'node/audit/replay.ts',
    may: [...audit, 'node/execution', 'contracts'],
    mayTypes: ['node/store/store.ts'],
  },
  { of: 'node', may: ['node/ledger', 'node/config.ts', 'node/closest-name.ts', 'node:*'] },
  {
    of: 'node/checkpointing.ts',
    may: ['node/ledger', 'node/consensus'],
    mayTypes: ['node/store/store.ts', 'node/network/transport.ts'],
  },
  { of: 'node/mempool.ts', may: ['node/ledger'] },
  { of: 'node/accusations.ts', may: ['node/ledger'], mayTypes: ['node/execution'] },
  { of: 'node/polyfill.ts', may: [] },
  { of: 'node/connection-log.ts', may: ['node/network/token-bucket.ts'] },
  { of: 'node/closest-name.ts', may: [] },
  { of: 'node/config.ts', may: ['node/ledger', 'node/closest-name.ts', 'node:*', 'zod', 'smol-toml'] },
  {
    of: 'node/driver.ts',
    may: ['node/ledger', 'node/consensus', 'node/execution', 'node/mempool.ts', 'node/divergence.ts'],
    mayTypes: [
      'contracts',
      'node/accusations.ts',
      'node/store/store.ts',
      'node/network/transport.ts',
      'node/config.ts',
      'node/api/ledger-node.ts',
      'node/event-loop.ts',
    ],
  },
  {
    of: 'node/intake.ts',
    may: ['node/ledger', 'node/execution'],
    mayTypes: ['node/accusations.ts', 'node/mempool.ts', 'node/api/ledger-node.ts', 'node/event-loop.ts'],
  },
  {
    of: 'node/validator-node.ts',
    may: [...validatorParts, 'node/ledger', 'contracts/registry.ts', 'node/snapshot/keeper.ts'],
    mayTypes: ['node', 'contracts'],
  },
  { of: 'node/keyring.ts', may: ['node/ledger', 'node/validator-key.ts', 'node:*'] },
  {
    of: 'node/membership.ts',
    may: ['node/ledger', 'node/execution', 'node/key-turns.ts', 'node/peers.ts', 'node/seat.ts'],
    mayTypes: ['node', 'contracts'],
  },
  { of: 'node/notices.ts', may: ['node/execution'], mayTypes: ['node'] },
  { of: 'node/peers.ts', may: ['node/ledger'], mayTypes: ['node/network', 'node/execution', 'contracts'] },
  { of: 'node/opening.ts', may: ['node/ledger', 'node/consensus', 'node/execution', 'node/store/store.ts'] },
  {
    of: 'node/seat.ts',
    may: ['node/network/inbound.ts', 'node/network/sync-client.ts'],
    mayTypes: ['node', 'contracts'],
  },
  { of: 'node/readiness.ts', may: [], mayTypes: ['node/consensus/replica.ts'] },
  { of: 'node/status-page.ts', may: ['node/ledger', 'node/readiness.ts'], mayTypes: ['node'] },
  { of: 'node/release.ts', may: [], mayTypes: ['node/ledger', 'contracts'] },
  { of: 'node/refusal-log.ts', may: [], mayTypes: ['node/network/inbound.ts'] },
  {
    of: 'node/presence.ts',
    may: ['node/ledger', 'node/network/sync-messages.ts', 'node/starts.ts'],
    mayTypes: ['node/event-loop.ts', 'node/network/transport.ts', 'node/store/store.ts'],
  },
  { of: 'node/starts.ts', may: ['node/ledger', 'node/store/store.ts'] },
  {
    of: 'node/state-prover.ts',
    may: ['node/ledger', 'node/execution', 'node:timers/promises'],
    mayTypes: ['node/store/store.ts'],
  },
  { of: 'node/divergence.ts', may: ['node/ledger', 'node/execution', 'node/store/store.ts'] },
  {
    of: 'node/healing.ts',
    may: ['node/ledger', 'node/execution', 'node/healing-walk.ts', 'node/snapshot'],
    mayTypes: ['node/store/store.ts'],
  },
  {
    of: 'node/healing-walk.ts',
    may: ['node/ledger', 'node/execution', 'node/snapshot', 'node/network/fetched-block.ts', 'node/store'],
    mayTypes: ['contracts', 'genesis'],
  },
  {
    of: 'node/healing-electors.ts',
    may: ['node/ledger', 'node/execution', 'node/snapshot', 'node/divergence.ts'],
    mayTypes: ['genesis', 'node/store/store.ts'],
  },
  {
    of: 'node/healing-node.ts',
    may: [
      ...['node/ledger', 'node/execution', 'node/store/store.ts', 'node/consensus/record.ts', 'contracts/registry.ts'],
      ...[
        'divergence',
        'healing',
        'healing-electors',
        'healing-walk',
        'peers',
        'validator-node',
        'network/sync-client',
      ].map((file) => `node/${file}.ts`),
      ...['node/network/sync-server.ts', 'node/snapshot'],
    ],
    mayTypes: ['node', 'genesis'],
  },
  { of: 'node/main.ts', may: ['node', 'contracts', 'genesis', 'node:*', 'pino', 'prom-client'] },
  {
    of: 'node/create-store.ts',
    may: ['node/store', 'node/execution', 'node/consensus/record.ts', 'contracts', 'genesis'],
  },
  { of: 'cli', may: clients },
  { of: 'cli/validator-folder.ts', may: [...clients, 'node/create-store.ts'] },
  { of: 'cli/bootstrap.mjs', may: ['node:*', 'cli/lock.mjs'] },
  { of: 'cli/lock.mjs', may: ['node:*'] },
  { of: 'cli/daybook.mjs', may: ['cli/bootstrap.mjs'] },
  { of: 'cli/commands/node-start.ts', may: [...clients, 'node/main.ts', 'node/store/preflight.ts'] },
  { of: 'bench', may: ['bench', ...product, '*'] },
  {
    of: 'bench/check-signature.ts', // a test run at length: its cases are the test's
    may: ['bench', ...product, '*', 'test/_nodes.ts', 'test/_prng.ts', 'test/ledger/_signature-cases.ts'],
  },
  { of: 'test', may: ['test', ...product, '*'] },
  {
    of: 'test/model', // the second opinion shares formats and hashes with the node, and nothing that decides
    may: [
      'test/model',
      'node/ledger/codec.ts',
      'node/ledger/text.ts',
      'node/ledger/amount.ts',
      'node/ledger/validators.ts',
      'node:*',
    ],
  },
  { of: 'test/model/agreement.test.ts', may: ['test', ...product, '*'] },
  { of: 'test/model/_workload.ts', may: ['test', 'node/ledger'] },
  { of: 'test/model/_membership-workload.ts', may: ['test', 'node/ledger'] },
];

const lmdbOnlyIn = /^(node\/store\/lmdb-environment\.ts|test\/|bench\/)/;
const libp2pOnlyIn = /^(node\/network\/(libp2p-transport|tcp-door|yamux-guard)\.ts|test\/|bench\/)/;

const entryPoints = ['cli/main.ts']; // the polyfill comes first in each

// The edge where people's dates become milliseconds, before there is a ledger.
const pureExcept = ['genesis/genesis-text.ts'];
const pureFolders = ['node/consensus', 'node/execution', 'node/ledger', 'contracts', 'genesis'];
const globals =
  'Date|Promise|Intl|WeakRef|process|performance|console|set(?:Timeout|Interval|Immediate)|queueMicrotask';
const impure = new RegExp(
  `(?<![.\\w$#])(?:(?:${globals})\\b(?!\\??:)|(?:async|await)\\b)|` +
    '\\bMath\\.random\\b|\\b(?:parseFloat|localeCompare|toLocale\\w*|getRandomValues|random(?:Bytes|UUID|Int|FillSync))\\b',
);

const linesMax = 500;
const linesAsked = 400;
const columnsMax = 120;
const tooLong = new RegExp(`^(?!\\s*'\\S+',?$).{${columnsMax + 1}}`); // one string without a space cannot be broken
const functionLinesMax = 70;
/** `file name` -> lines; a ratchet: entries leave, none grows. */
const longFunctions: Readonly<Record<string, number>> = { 'test/ledger/_signature-cases.ts makeCase': 71 };

type Part = 'text' | 'code' | 'comments' | 'strings';
interface Ban {
  readonly what: string;
  readonly part: Part;
  readonly pattern: RegExp;
  readonly files?: RegExp;
  readonly except?: RegExp;
}

const bans: readonly Ban[] = [
  { what: 'the type any', part: 'code', pattern: /(?<![.\w$])any(?![\w$]|\s*[(=])/ },
  { what: 'ts-ignore and its like', part: 'comments', pattern: /@ts-(ignore|expect-error|nocheck)/ },
  { what: 'notes of unfinished work', part: 'text', pattern: /\b(TOD[O]|FIXM[E])\b|\bXX[X]\s*[:(]/ },
  { what: 'console in the node', part: 'code', pattern: /\bconsole\s*\./, files: /^(node|contracts|genesis)\// },
  { what: 'default exports', part: 'code', pattern: /^export\s+default\b/ },
  {
    what: 'names that say nothing (Manager, Util, Impl, Helper) or begin with I',
    part: 'code',
    pattern: /\b(class|interface|type|function|const|let)\s+(\w*(Manager|Utils?|Impl|Helpers?)\b|I[A-Z][a-z]\w*\b)/,
  },
  {
    what: 'transaction() of lmdb, which does not roll back on a throw (use transactionSync)',
    part: 'code',
    pattern: /\.transaction\s*\(/,
    files: /^node\/store\/lmdb/,
  },
  { what: 'LMDB without its guarantees', part: 'code', pattern: /\b(noSync|noMetaSync|useWritemap)\b/ },
  {
    what: 'tests left out or run alone',
    part: 'code',
    pattern: /\btest(\.\w+)*\.(only|skip|todo|failing)\b/,
    except: /^test\/_data\.ts$/,
  },
  { what: "one machine's paths", part: 'text', pattern: /(^|['"`\s(=])\/(wor[k]|tm[p]|hom[e]|roo[t]|User[s])\// },
];

const sources = sourceFolders.flatMap((folder) => filesIn(folder, /\.(ts|mjs)$/).map(readSource));

function isBelow(target: string, name: string): boolean {
  return name.endsWith('*') ? target.startsWith(name.slice(0, -1)) : target === name || target.startsWith(`${name}/`);
}

function layerOf(path: string): Layer | undefined {
  return layers
    .filter((layer) => isBelow(path, layer.of))
    .sort((a, b) => b.of.length - a.of.length)
    .at(0);
}

function wrongImports(source: Source): string[] {
  const layer = layerOf(source.path);
  if (layer === undefined) return [`${source.path} belongs to no layer`];
  return source.imports.flatMap(({ target, isType, isPackage }) => {
    const fits = (name: string) => isBelow(target, name) && (!name.startsWith('*') || isPackage);
    const isAllowed = layer.may.some(fits) || (isType && layer.mayTypes?.some(fits));
    const isHeld =
      (isBelow(target, 'lmdb') && !lmdbOnlyIn.test(source.path)) ||
      (libp2p.some((name) => isBelow(target, name)) && !libp2pOnlyIn.test(source.path));
    return isAllowed && !isHeld ? [] : [`${source.path} imports ${isType ? 'types of ' : ''}${target}`];
  });
}

test('every import follows the direction of its layer', (t) => {
  t.deepEqual(sources.flatMap(wrongImports), []);
});

test('the directions are held: planted imports are found', (t) => {
  const planted = [
    ['node/consensus/x.ts', "import { readFileSync } from 'node:fs';"],
    ['node/ledger/x.ts', "import { a } from '../consensus/replica.ts';"],
    ['node/execution/x.ts', "import { a, type B } from '../store/store.ts';"],
    ['node/driver.ts', "import type { A } from './store/lmdb-store.ts';"],
    ['node/audit/verify.ts', "import {\n  a,\n} from '../execution/executor.ts';"],
    ['cli/commands/transfer.ts', "const main = await import('../../node/main.ts');"],
    ['node/store/other.ts', "import { open } from 'lmdb';"],
    ['node/main.ts', "import '../test/run.ts';"],
    ['bench/x.ts', "import '../test/run.ts';"],
    ['somewhere/x.ts', ''],
  ] as const;
  for (const [path, text] of planted) t.is(wrongImports(sourceOf(path, text)).length, 1, path);
  const allowed = [
    ['node/execution/x.ts', "import type { Store } from '../store/store.ts'; // import 'node:fs'"],
    ['node/audit/replay.ts', "import { a } from '../execution/executor.ts';"],
    ['cli/commands/node-start.ts', "const main = await import('../../node/main.ts');"],
  ] as const;
  for (const [path, text] of allowed) t.deepEqual(wrongImports(sourceOf(path, text)), []);
});

test('no import runs in a circle', (t) => {
  const imports = new Map(sources.map((source) => [source.path, source.imports.map(({ target }) => target)]));
  const finished = new Set<string>();
  const circles: string[] = [];
  const visit = (path: string, trail: readonly string[]) => {
    if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
    else if (!finished.has(path)) {
      for (const next of imports.get(path) ?? []) visit(next, [...trail, path]);
      finished.add(path);
    }
  };
  for (const path of imports.keys()) visit(path, []);
  t.deepEqual(circles, []);
});

test('the polyfill is the first import of every entry point', (t) => {
  for (const path of entryPoints.filter((file) => existsSync(join(root, file)))) {
    t.is(readSource(path).imports[0]?.target, 'node/polyfill.ts', path);
  }
  t.pass();
});

test('what decides an outcome has no clock, chance, promise, locale, float parsing or output', (t) => {
  const pure = sources.filter(
    ({ path }) => pureFolders.some((folder) => isBelow(path, folder)) && !pureExcept.includes(path),
  );
  t.deepEqual(
    pure.flatMap((source) => findLines(source, source.code, impure)),
    [],
  );
  const planted = [
    'const now = Date.now();',
    'x.sort((a, b) => a.localeCompare(b));',
    'async () => 1;',
    'process.exit()',
  ];
  for (const text of planted) t.is(findLines(sourceOf('x.ts', text), text, impure).length, 1, text);
  const harmless = sourceOf('x.ts', "// the Date of a process\nconst process_ = 'await'; this.process(1); a.Date;");
  t.deepEqual(findLines(harmless, harmless.code, impure), []);
});

for (const { what, part, pattern, files, except } of bans) {
  test(`nowhere: ${what}`, (t) => {
    const among = sources.filter(({ path }) => (files?.test(path) ?? true) && !except?.test(path));
    t.deepEqual(
      among.flatMap((source) => findLines(source, source[part], pattern)),
      [],
    );
  });
}

test('file names are kebab-case and say something', (t) => {
  const good = /^(?:[a-z0-9-]+\/)*_?[a-z0-9]+(?:-[a-z0-9]+)*(?:\.test|\.d)?\.(?:ts|mjs)$/;
  const bad = /(^|\/)index\.ts$|-?(manager|utils?|impl|helpers?)(\.test)?\.(ts|mjs)$/;
  t.deepEqual(
    sources.map(({ path }) => path).filter((path) => !good.test(path) || bad.test(path)),
    [],
  );
});

test(`no file has more than ${linesMax} lines, and none a line of more than ${columnsMax} columns`, (t) => {
  const lines = sources.map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }));
  const asked = lines.filter((file) => file.lines > linesAsked);
  if (asked.length > 0)
    t.log(`${asked.length} files of more than ${linesAsked} lines: ${asked.map((f) => f.path).join(', ')}`);
  t.deepEqual(
    lines.filter((file) => file.lines > linesMax),
    [],
  );
  t.deepEqual(
    sources.flatMap((source) => findLines(source, source.text, tooLong)),
    [],
  );
});

/** Lines of each named function, method and arrow. The formatter is held, so indentation tells where each ends. */
function functionsOf({ path, code }: Source): { name: string; lines: number }[] {
  const lines = code.split('\n').map((line) => line.trimEnd());
  const after = (from: number, start: string) =>
    lines.findIndex((line, index) => index > from && line.startsWith(start));
  const named = /^(\s*)(?:export )?(?:static |override |async |get |set )*(?:function\*? )?([#\w$]+)(?:<.*>)?\(/;
  const arrow = /^(\s*)(?:export )?(?:const |static |readonly )*([#\w$]+)(?::.*)? = (?:async )?(?:<.*>)?\(/;
  return lines.flatMap((line, first) => {
    const [, indent = '', name = ''] = named.exec(line) ?? arrow.exec(line) ?? [];
    if (!/[{(]$/.test(line) || /^(|if|for|while|switch|catch|test)$/.test(name)) return [];
    const head = line.endsWith('{') ? first : after(first, `${indent})`);
    if (head < 0 || !lines[head]?.endsWith('{')) return [];
    const last = after(head, `${indent}}`);
    const registersTests =
      path.startsWith('test/') && lines.slice(head, last).some((other) => /^\s+test\(/.test(other));
    return registersTests ? [] : [{ name: `${path} ${name}`, lines: last - first + 1 }];
  });
}

test(`no function has more than ${functionLinesMax} lines`, (t) => {
  const long = sources
    .flatMap(functionsOf)
    .filter(({ name, lines }) => lines > (longFunctions[name] ?? functionLinesMax));
  t.deepEqual(long, []);
  const body = '  x;\n'.repeat(80);
  for (const head of [
    'export async function f(\n  a: A,\n): B {',
    'const f = (a: A): B => {',
    'function f<T>(a: T) {',
  ]) {
    const found = functionsOf(sourceOf('x.ts', `${head}\n${body}}\n`));
    t.deepEqual(
      found.map(({ name, lines }) => [name, lines > 80]),
      [['x.ts f', true]],
      head,
    );
  }
});

test('every rule of docs/consensus.md is cited in the code and in a test, and no other', (t) => {
  const page = join(root, 'docs/consensus.md');
  if (!existsSync(page)) {
    t.log('docs/consensus.md is not written yet');
    t.pass();
    return;
  }
  const rules = new Set(
    [...readFileSync(page, 'utf8').matchAll(/^\s*(?:[-*]\s+)?\*\*([A-Z]+\d+)\b/gm)].map((m) => m[1] ?? ''),
  );
  const cited = (texts: readonly string[]) =>
    new Set(
      texts.flatMap((text) =>
        [...text.matchAll(/\[([A-Z]{1,2}\d+(?:, ?[A-Z]{1,2}\d+)*)\]/g)].flatMap((m) => m[1]?.split(/, ?/) ?? []),
      ),
    );
  const inCode = cited(sources.filter(({ path }) => /^(node|contracts)\//.test(path)).map(({ comments }) => comments));
  const scenarios = filesIn('test/consensus', /\.txt$/).map((file) => readFileSync(join(root, file), 'utf8'));
  const inTests = cited([
    ...sources.filter(({ path }) => path.startsWith('test/')).map(({ strings }) => strings),
    ...scenarios,
  ]);
  t.true(rules.size > 0, 'the page has numbered rules');
  t.deepEqual(
    [...rules].filter((rule) => !inCode.has(rule)),
    [],
    'rules that no code in node/ or contracts/ cites',
  );
  t.deepEqual(
    [...rules].filter((rule) => !inTests.has(rule)),
    [],
    'rules that no test title or scenario cites',
  );
  t.deepEqual(
    [...inCode].filter((rule) => !rules.has(rule)),
    [],
    'citations of rules that do not exist',
  );
});
