// Does every engine give the reference's verdict, on every Node at hand? Runs the seeded cases of the signature test
// (100,000, or the number given), prints a hash of all verdicts, then has the other Node versions repeat the engines
// and compares the hashes. Ends with 1 on any difference. Without --here it starts the others itself.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { verifyWith } from '../node/ledger/signature.ts';
import { loadSodiumEngine, nodeEngine } from '../node/ledger/signature-engine.ts';
import { onOtherNodes } from '../test/_nodes.ts';
import { prng } from '../test/_prng.ts';
import { referenceWithMemory, signatureCases } from '../test/ledger/_signature-cases.ts';

const seed = 20_261_123;

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

function main(): number {
  const count = Number(process.argv.slice(2).find((word) => /^[0-9]+$/.test(word)) ?? 100_000);
  if (process.argv.includes('--here')) return run(count, false) === undefined ? 1 : 0;
  const expected = run(count, true);
  if (expected === undefined) return 1;
  const versions = onOtherNodes((binary) => runOn(binary, count) === expected);
  if (typeof versions === 'string') console.log(`node ${versions} gives other verdicts`);
  else console.log(`${versions.length} Node versions agree: ${versions.join(', ')}`);
  return typeof versions === 'string' ? 1 : 0;
}

process.exitCode = main();
