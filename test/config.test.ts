import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test from 'ava';
import { ConfigError, formatConfig, type NodeSettings, parseAddress, parseConfig } from '../node/config.ts';
import { root } from './_source.ts';

const folder = resolve('/bank/branch-1');
const smallest = 'validator = "v1"\n[listen]\nport = 7001\n[api]\nport = 8001\n';

function problem(text: string): string {
  try {
    parseConfig(text, folder);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error(`accepted: ${text}`);
}

test('the smallest file needs an id and two ports; all else has defaults, and paths begin at the file', (t) => {
  const config = parseConfig(smallest, folder);
  t.is(config.validator, 'v1');
  t.is(config.genesisFile, resolve(folder, 'genesis.json'));
  t.is(config.dataFolder, resolve(folder, 'data'));
  t.is(config.listen.host, '127.0.0.1');
  t.is(config.api.host, '127.0.0.1');
  t.false(config.openReads);
  t.is(config.timers.tickMs, 50);
  t.is(config.timers.proposalTimeoutMs, 1_500);
  t.is(config.mempool.transactionsMax, 50_000);
  t.is(config.peers.size, 0);
});

test('what formatConfig writes reads back the same, and its commented lines are the defaults', (t) => {
  const settings: NodeSettings = {
    validator: 'v1',
    keyFile: 'keys/v1 "a\\b".key',
    openReads: true,
    listen: { port: 7001 },
    api: { host: '127.0.0.1', port: 0, eventStreamsMax: 7 },
    timers: { tickMs: 20 },
    snapshots: { prune: true },
    peers: { v1: '127.0.0.1:7001', v2: '127.0.0.1:7002', 'v3.b': '[::1]:7003' },
  };
  const text = formatConfig(settings);
  const config = parseConfig(text, folder);
  t.is(config.keyFile, resolve(folder, 'keys/v1 "a\\b".key'));
  t.is(config.timers.tickMs, 20);
  t.like(config.snapshots, { everyBlocks: 10_000, prune: true });
  t.is(config.api.eventStreamsMax, 7);
  t.deepEqual(
    [...config.peers],
    [
      ['v2', { host: '127.0.0.1', port: 7002 }],
      ['v3.b', { host: '::1', port: 7003 }],
    ],
  );
  const everything = text.replace(/^# (\w+ = )/gm, '$1');
  t.deepEqual(parseConfig(everything, folder), config);
});

test('every setting stands in the page for operators, with its default', (t) => {
  const page = readFileSync(join(root, 'docs/operating.md'), 'utf8');
  let section = '';
  const missing: string[] = [];
  for (const line of formatConfig({ validator: 'v1', listen: { port: 1 }, api: { port: 2 } }).split('\n')) {
    section = /^\[(\w+)\]/.exec(line)?.[1] ?? section;
    const [, key, value = ''] = /^(?:# )?(\w+) = (.*)$/.exec(line) ?? [];
    if (key === undefined) continue;
    const row = page
      .split('\n')
      .find((each) => each.startsWith('|') && each.includes(`\`${section && `${section}.`}${key}\``));
    const isAsked = ['validator', 'port'].includes(key);
    if (row === undefined || (!isAsked && !row.includes(value.replaceAll('"', ''))))
      missing.push(`${section}.${key} = ${value}`);
  }
  t.deepEqual(missing, []);
});

test('an unknown key is refused by name, with the nearest known one', (t) => {
  t.regex(problem(`openRead = true\n${smallest}`), /unknown key openRead:.*Did you mean openReads\?/);
  t.regex(problem(`${smallest}[timers]\ntickMS = 5\n`), /unknown key timers\.tickMS:.*Did you mean tickMs\?/);
  t.regex(problem(`${smallest}[timers]\nzebra = 5\n`), /unknown key timers\.zebra:.*The keys there are tickMs,/);
  t.regex(problem(`${smallest}[snapshots]\nprun = true\n`), /unknown key snapshots\.prun:.*Did you mean prune\?/);
  t.regex(problem(`${smallest}[mempol]\n`), /unknown key mempol:.*Did you mean mempool\?/);
});

test('a missing key, a value out of range and a wrong type are named with their path', (t) => {
  t.regex(problem('[listen]\nport = 1\n[api]\nport = 2\n'), /validator is missing/);
  t.regex(problem(smallest.replace('7001', '70000')), /listen\.port = 70000 is refused/);
  t.regex(problem(smallest.replace('7001', '"7001"')), /listen\.port = "7001" is refused/);
  t.regex(problem(`logLevel = "loud"\n${smallest}`), /logLevel = "loud" is refused/);
  t.regex(problem(`${smallest}[timers]\ntickMs = 0\n`), /timers\.tickMs = 0 is refused/);
  t.regex(problem(`${smallest}[peers]\nv2 = "nowhere"\n`), /peers\.v2 = "nowhere" is no address/);
});

test('text that is no TOML is refused with its line', (t) => {
  t.regex(problem('validator = "v1"\nlisten = = 3\n'), /^line 2, column/);
  t.regex(problem(`${smallest}validator = "v2"\nport = 1\n`), /^line/);
});

test('timers that could not work, and open reads beyond loopback, are refused', (t) => {
  t.regex(problem(`${smallest}[timers]\ntickMs = 500\nproposalTimeoutMs = 1000\n`), /under four ticks/);
  t.regex(problem(`${smallest}[timers]\noldestTimeoutMs = 1000\n`), /replaced before it is late/);
  const everywhere = `openReads = true\n${smallest}host = "0.0.0.0"\n`;
  t.regex(problem(everywhere), /would show every account/);
});

test('[S6] a snapshot that would be gone before it is fetched is refused', (t) => {
  t.regex(problem(`${smallest}[snapshots]\nholdMs = 49999\n`), /under ten answers of timers\.syncTimeoutMs = 5000/);
  t.is(parseConfig(`${smallest}[snapshots]\nholdMs = 50000\n`, folder).snapshots.holdMs, 50_000);
});

test('an address is host:port with a port that exists', (t) => {
  t.deepEqual(parseAddress('branch-2.bank.example:7001', 'x'), { host: 'branch-2.bank.example', port: 7001 });
  for (const bad of ['', ':1', 'a:', 'a:0', 'a:65536', 'a b:1', '::1:7001', 'http://a:1', 'a:1/'])
    t.throws(() => parseAddress(bad, 'peers.v2'), { instanceOf: ConfigError, message: /peers\.v2/ }, bad);
});
