// `npm run check:traces`: is a seed the same run on every Node at hand? Runs some seeds here and on each of the others
// and compares what they print of each, the hash over every event included. With options of `npm run sim`, those seeds.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { onOtherNodes } from '../_nodes.ts';
import { root } from '../_source.ts';

const given = process.argv.slice(2);
const options = given.length > 0 ? given : ['--seed', '2000', '--runs', '12'];

/** A line a seed, without what it cost. */
function tracesOn(binary: string): readonly string[] {
  const script = join(root, 'dist/test/sim/main.js');
  const { stdout, stderr } = spawnSync(binary, [script, ...options], { encoding: 'utf8', maxBuffer: 100_000_000 });
  process.stderr.write(stderr);
  return [...stdout.matchAll(/^seed (\d+) n=\d trace [0-9a-f]+ \d+ blocks/gm)].map(([line]) => line);
}

const expected = tracesOn(process.execPath);
for (const line of expected) console.log(line);
const versions = onOtherNodes((binary) => {
  const traces = tracesOn(binary);
  const other = expected.find((line, at) => traces[at] !== line) ?? traces[expected.length];
  if (other !== undefined) console.log(`differs: ${other}`);
  return other === undefined;
});
if (typeof versions === 'string') console.log(`node ${versions} runs another course`);
else console.log(`${expected.length} seeds are the same runs on ${versions.length} versions: ${versions.join(', ')}`);
process.exitCode = typeof versions === 'string' || expected.length === 0 ? 1 : 0;
