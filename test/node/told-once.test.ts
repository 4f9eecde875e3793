// What is said again and again must not fill the disk that the log is on.
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { AddressBook } from '../../node/address-book.ts';
import type { NodeConfig } from '../../node/config.ts';
import { ConnectionLog } from '../../node/connection-log.ts';

test('a peer that comes and goes as fast as it can is told of now and then, and with how often', (t) => {
  let now = 0;
  const lines: object[] = [];
  const log = new ConnectionLog({
    monotonicMs: () => now,
    tell: (text, facts) => lines.push({ text, ...facts }),
    idOf: (peer) => `validator-${peer}`,
  });
  for (; now < 60_000; now += 10) log.say(now % 20 === 0 ? 'connected' : 'disconnected', 1);
  t.true(lines.length <= 30, `${lines.length} lines of 6,000`);
  t.deepEqual(lines[0], { text: 'connected', peer: 'validator-1' });
  t.regex(JSON.stringify(lines.at(-1)), /"untold":\d+/);
  log.say('connected', 2);
  t.deepEqual(lines.at(-1), { text: 'connected', peer: 'validator-2' }, 'of another one there is enough left');
});

test('that the config is gone is said once, and again when it is gone once more', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'daybook-book-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'node.toml');
  const said: string[] = [];
  const book = new AddressBook({ peers: new Map() } as unknown as NodeConfig, file, (text) => said.push(text));
  const askTen = () => {
    for (let i = 0; i < 10; i++) book.addressOf('validator-2');
    return said.splice(0);
  };
  t.deepEqual(askTen(), ['the config cannot be read again', 'there is no address for validator-2']);
  writeFileSync(file, 'not = [a config');
  utimesSync(file, 1, 1);
  t.deepEqual(askTen(), ['the config cannot be read again']);
  rmSync(file);
  t.deepEqual(askTen(), ['the config cannot be read again']);
});
