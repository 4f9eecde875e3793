// What `npm test` runs after the build has checked the types: lint, every test on this Node, a smoke test on the
// system's. The last line is the verdict in plain words, and anything that went wrong counts in it as failed.
// With patterns: only the test files whose path contains one, and no lint.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { AvaReport } from './_ava-report.ts';

const root = join(import.meta.dirname, '../..');
const systemNode = process.env['DAYBOOK_SYSTEM_NODE'] ?? process.execPath;
const smoke = 'smoke.test.js';
const filesAtOnce = availableParallelism();

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
}

/** Resolves to the exit code; undefined if the child did not start or a signal ended it. */
async function run(command: string, args: string[], onLine?: (line: string) => void): Promise<number | undefined> {
  if (isStopped) return undefined;
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', onLine ? 'pipe' : 'inherit', 'inherit'] });
  running = child;
  if (child.stdout && onLine) createInterface({ input: child.stdout }).on('line', onLine);
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    return code ?? undefined;
  } catch (error) {
    print(`${command} does not start: ${String(error)}`);
    return undefined;
  }
}

/** SIGINT is what makes ava end its workers before itself; a second one does it no harm. */
function stop(): void {
  isStopped = true;
  running?.kill('SIGINT');
}

async function lint(): Promise<void> {
  print('Lint and format');
  const biome = join(root, 'node_modules/@biomejs/biome/bin/biome');
  const code = await run(process.execPath, [biome, 'check', '--error-on-warnings', '.']);
  if (code !== 0) fail('lint and format (to repair what can be: node_modules/.bin/biome check --write .)');
}

async function ava(node: string, files: readonly string[]): Promise<void> {
  if (isStopped) return;
  const report = new AvaReport(files, filesAtOnce, print);
  const cli = join(root, 'node_modules/ava/entrypoints/cli.mjs');
  const args = [cli, '--concurrency', String(filesAtOnce), ...files.map((file) => `dist/test/${file}`)];
  report.end(await run(node, args, (line) => report.readLine(line)));
  counts.passed += report.counts.passed;
  counts.failed += report.counts.failed;
  counts.skipped += report.counts.skipped;
  failures.push(...report.failures);
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
  else {
    print(`Tests on Node ${process.version}: ${files.length} files`);
    await ava(process.execPath, files);
  }
  if (files.includes(smoke)) {
    print(`Smoke test on the system's Node: ${systemNode}`);
    await ava(systemNode, [smoke]);
  }
  if (isStopped) fail('stopped by a signal');
  if (failures.length > 0) print(`\nFailed:\n${failures.map((title) => `  ✘ ${title}`).join('\n')}\n`);
  print(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  process.exitCode = counts.failed === 0 ? 0 : 1;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
process.on('disconnect', stop); // the launcher died
process.channel?.unref();
await main(process.argv.slice(2));
