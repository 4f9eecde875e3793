// What `npm test` runs after the build has checked the types: lint, every test on this Node, a smoke test on the
// system's. The last line is the verdict in plain words, and anything that went wrong counts in it as failed.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { TapReader, type TapResult } from './_tap.ts';

const root = join(import.meta.dirname, '../..');
const systemNode = process.env['DAYBOOK_SYSTEM_NODE'] ?? process.execPath;
const smoke = 'smoke.test.js';
const concurrency = availableParallelism();

const counts = { passed: 0, failed: 0, skipped: 0 };
const failures: string[] = [];
let running: ChildProcess | undefined;
let isStopped = false;

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function fail(title: string): void {
  counts.failed++;
  failures.push(title);
  print(`✖ ${title}`);
}

/** Runs one child after another; `stop` ends the current one. Undefined: it did not start or a signal ended it. */
async function run(command: string, args: string[], onLine?: (line: string) => void): Promise<number | undefined> {
  if (isStopped) return undefined;
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', onLine ? 'pipe' : 'inherit', 'inherit'] });
  running = child;
  if (child.stdout && onLine) createInterface({ input: child.stdout }).on('line', onLine);
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    return code ?? undefined;
  } catch (error) {
    print(String(error));
    return undefined;
  }
}

/** SIGINT is what makes ava end its workers before itself; a second one does it no harm. */
function stop(): void {
  isStopped = true;
  running?.kill('SIGINT');
}

async function lint(): Promise<void> {
  print('lint and format');
  const biome = join(root, 'node_modules/@biomejs/biome/bin/biome');
  const code = await run(process.execPath, [biome, 'check', '--error-on-warnings', '.']);
  if (code !== 0) fail('lint and format: try node_modules/.bin/biome check --write .');
}

/** Prints failures, skipped tests and logs as they come, and a line a file once others have taken its place. */
class Progress {
  readonly #prefixOf: Map<string, string>;
  readonly #passed = new Map<string, number>();

  constructor(files: readonly string[]) {
    const paths = files.map((file) => file.replace(/\.test\.js$/, '').split('/'));
    let common = 0; // ava leaves out the folders that all files share, and for a single file its name too
    while (paths.length > 0 && paths.every((path) => common < path.length - 1 && path[common] === paths[0]?.[common])) {
      common++;
    }
    this.#prefixOf = new Map(
      paths.map((path) => [path.join('/'), paths.length > 1 ? `${path.slice(common).join(' › ')} › ` : '']),
    );
  }

  show({ state, title, details }: TapResult): void {
    counts[state]++;
    const [file, prefix] = [...this.#prefixOf].find(([, start]) => title.startsWith(start)) ?? ['', ''];
    const name = file === '' ? title : `${file} › ${title.slice(prefix.length)}`;
    if (state === 'failed') failures.push(name);
    if (state !== 'passed' || details.length > 0) {
      const mark = { passed: 'ℹ', failed: '✖', skipped: '-' }[state];
      print(`${mark} ${name}${state === 'skipped' ? ' (skipped)' : ''}`);
      for (const detail of details) print(`  ${detail.replace(/^# {3}/, '  ')}`);
    }
    if (state === 'passed') this.#count(file);
  }

  #count(file: string): void {
    const passed = this.#passed.get(file) ?? 0;
    this.#passed.delete(file);
    this.#passed.set(file, passed + 1); // the last in order is the last that spoke
    if (this.#passed.size > concurrency) this.flush(1);
  }

  flush(filesMax: number): void {
    for (const [file, passed] of [...this.#passed].slice(0, filesMax)) {
      print(`✔ ${file}: ${passed} passed`);
      this.#passed.delete(file);
    }
  }
}

async function ava(node: string, files: readonly string[]): Promise<void> {
  const progress = new Progress(files);
  const reader = new TapReader((result) => progress.show(result));
  const failedBefore = counts.failed;
  const cli = join(root, 'node_modules/ava/entrypoints/cli.mjs');
  const paths = files.map((file) => `dist/test/${file}`);
  const args = [cli, '--tap', '--concurrency', String(concurrency), ...paths];
  const code = await run(node, args, (line) => reader.readLine(line));
  const unseen = reader.end();
  progress.flush(Number.POSITIVE_INFINITY);
  if (unseen === undefined) fail(`ava on ${node} ended before its summary`);
  else if (unseen > 0) {
    counts.failed += unseen;
    failures.push(`${unseen} tests that never ran or never ended`);
  }
  if (code !== 0 && counts.failed === failedBefore) fail(`ava on ${node} ended with ${code ?? 'a signal'}`);
}

function testFiles(patterns: readonly string[]): string[] {
  return readdirSync(join(root, 'dist/test'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.js'))
    .filter((file) => {
      const source = `test/${file.replace(/\.js$/, '.ts')}`;
      return patterns.length === 0 || patterns.some((pattern) => source.includes(pattern));
    })
    .sort();
}

async function main(patterns: readonly string[]): Promise<void> {
  const files = testFiles(patterns);
  if (patterns.length === 0) await lint();
  if (files.length === 0) fail(`no test file matches ${patterns.join(' ')}`);
  if (files.length > 0) {
    print(`${files.length} test files on Node ${process.version}`);
    await ava(process.execPath, files);
  }
  if (files.includes(smoke)) {
    print(`smoke test on ${systemNode}`);
    await ava(systemNode, [smoke]);
  }
  if (isStopped) fail('stopped by a signal');
  if (failures.length > 0) print(`\nFailed:\n${failures.map((title) => `  ✖ ${title}`).join('\n')}\n`);
  print(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  process.exitCode = counts.failed === 0 ? 0 : 1;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
process.on('disconnect', stop); // the launcher died
process.channel?.unref();
await main(process.argv.slice(2));
