// Every reader of text that people, banks and other programs write: founding documents, settings, payment files,
// journals, answers of a node.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAccountsFile } from '../../cli/account-import.ts';
import { BadAnswerError, readAccount, readBlock, readBulkResult, readOutcome } from '../../cli/api-types.ts';
import { readPaymentsCsv } from '../../cli/csv.ts';
import { CliError } from '../../cli/exit-codes.ts';
import { keyInfo } from '../../cli/keystore.ts';
import { Outbox } from '../../cli/outbox.ts';
import { readPain001 } from '../../cli/pain001.ts';
import { readPaymentsFile } from '../../cli/payments-file.ts';
import { VerificationError, verifyReceipt } from '../../cli/receipt.ts';
import { GenesisError, genesisEntry } from '../../genesis/genesis.ts';
import { formatGenesis, parseGenesis } from '../../genesis/genesis-text.ts';
import { ConfigError, formatConfig, parseConfig } from '../../node/config.ts';
import { readValidatorKey, ValidatorKeyError } from '../../node/validator-key.ts';
import { testGenesis } from '../execution/_ledger.ts';
import { type OpenTarget, refusing, type Target } from './engine.ts';
import {
  accountsCsv,
  anOutcome,
  keyFile,
  outboxLines,
  pain001,
  paymentsCsv,
  trust,
  validatorKeyText,
} from './text-samples.ts';

const textOf = (input: Uint8Array) => Buffer.from(input).toString('utf8');
const seedsOf = (...texts: readonly string[]) => texts.map((text) => Buffer.from(text));

function ofText(
  name: string,
  words: readonly string[],
  seeds: () => readonly string[],
  run: (text: string) => string,
): Target {
  return {
    name,
    kind: 'text',
    words,
    open: async () => ({ seeds: seedsOf(...seeds()), run: (input) => run(textOf(input)) }),
  };
}

/** A reader that takes a path: the input is written to a file of that name first. */
function ofFile(
  name: string,
  file: string,
  words: readonly string[],
  seeds: () => readonly string[],
  run: (path: string, folder: string) => string | Promise<string>,
): Target {
  const open = async (): Promise<OpenTarget> => {
    const folder = mkdtempSync(join(tmpdir(), 'daybook-fuzz-'));
    const path = join(folder, file);
    return {
      seeds: seedsOf(...seeds()),
      run(input) {
        rmSync(path, { force: true });
        writeFileSync(path, input, { mode: 0o600 });
        return run(path, folder);
      },
      close: async () => rmSync(folder, { recursive: true, force: true }),
    };
  };
  return { name, kind: 'text', words, open };
}

const jsonWords = [
  'null',
  'true',
  '{}',
  '[]',
  '""',
  '0',
  '-1',
  '1e999',
  '1.5',
  '"__proto__":{}',
  '{"a":',
  ',',
  '\\u0000',
  '\\ud800',
];
const csvWords = [
  '"',
  '""',
  ',',
  ';',
  '\t',
  '\r\n',
  '0',
  '-1',
  '1e3',
  '999999999999999999.99',
  '0.001',
  'CZK',
  'XXX',
  '=cmd()',
];
const xmlWords = [
  '<!DOCTYPE a>',
  '<![CDATA[x]]>',
  '<!ENTITY a "b">',
  '&amp;',
  '&a;',
  '&#0;',
  '<?x?>',
  '<!-- -->',
  '</',
  '/>',
  '<a>',
  'xmlns=""',
].concat([
  'urn:iso:std:iso:20022:tech:xsd:pain.001.001.03',
  'urn:iso:std:iso:20022:tech:xsd:pain.001.001.99',
  '<NbOfTxs>0</NbOfTxs>',
]);
const tomlWords = [
  '[api]',
  '[[api]]',
  '[peers]',
  '=',
  '"""',
  "'''",
  '0x7fffffffffffffff',
  'inf',
  'nan',
  'true',
  '1979-05-27',
  '{',
  '}',
  '#',
];

const genesisJson = ofText(
  'genesis-json',
  jsonWords,
  () => [formatGenesis(testGenesis())],
  (text) =>
    refusing(() => {
      const genesis = parseGenesis(text);
      const again = parseGenesis(formatGenesis(genesis));
      if (!Buffer.from(genesisEntry(again)).equals(genesisEntry(genesis)))
        throw new Error('it is written as another genesis');
      return 'accepted';
    }, GenesisError),
);

const config = ofText(
  'config-toml',
  tomlWords,
  () => [
    'validator = "node-0"\n[listen]\nport = 0\n[api]\nport = 0\n',
    formatConfig({
      validator: 'node-0',
      listen: { port: 7001 },
      peers: { 'node-1': '127.0.0.1:7001' },
      api: { port: 8080 },
    }),
  ],
  (text) => refusing(() => `accepted ${parseConfig(text, '/data').logLevel}`, ConfigError),
);

const csv = ofText(
  'payments-csv',
  csvWords,
  () => [paymentsCsv],
  (text) =>
    refusing(() => {
      const { lines, bad } = readPaymentsCsv('file.csv', text);
      for (const { amount } of lines)
        if (typeof amount === 'bigint' && amount <= 0n) throw new Error(`amount ${amount}`);
      return `${lines.length > 0} ${bad[0]?.reason ?? ''}`;
    }, CliError),
);

const xml = ofText(
  'pain001-xml',
  xmlWords,
  () => [pain001],
  (text) =>
    refusing(() => {
      const { lines, bad } = readPain001('file.xml', text);
      for (const { amount } of lines)
        if (typeof amount === 'bigint' && amount <= 0n) throw new Error(`amount ${amount}`);
      return `${lines.length > 0} ${bad[0]?.reason ?? ''}`;
    }, CliError),
);

const payments = ofFile(
  'payments-file',
  'file.xml',
  xmlWords,
  () => [pain001, paymentsCsv],
  async (path) => {
    try {
      return `${(await readPaymentsFile(path)).bad.length > 0}`;
    } catch (error) {
      if (error instanceof CliError) return error.message;
      throw error;
    }
  },
);

const accounts = ofFile(
  'accounts-csv',
  'file.csv',
  csvWords,
  () => [accountsCsv],
  (path) => refusing(() => `${readAccountsFile(path).length > 0}`, CliError),
);

const outbox = ofFile(
  'outbox',
  'key.jsonl',
  jsonWords,
  () => [outboxLines],
  (_path, folder) => {
    try {
      return refusing(() => {
        const opened = Outbox.open(folder, 'key', 'a test');
        const answer = `${opened.units.size > 0} ${opened.outcomes.size > 0} ${opened.height === undefined}`;
        opened.close();
        return answer;
      }, CliError);
    } finally {
      rmSync(join(folder, 'key.jsonl.lock'), { force: true });
    }
  },
);

const validatorKey = ofFile(
  'validator-key',
  'key.json',
  jsonWords,
  () => [validatorKeyText],
  (path) => refusing(() => readValidatorKey(path).validator.slice(0, 1), ValidatorKeyError),
);

const key = ofFile(
  'key-file',
  'anna.json',
  jsonWords,
  () => [keyFile],
  (_path, folder) => refusing(() => `accepted ${typeof keyInfo(folder, 'anna').member}`, CliError),
);

/** What a lying node answers to a client. */
const answers = ofText(
  'api-answers',
  jsonWords,
  () => [JSON.stringify(anOutcome())],
  (text) => {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return 'no JSON';
    }
    const readers = [readOutcome, readBlock, readAccount, readBulkResult] as const;
    const all = readers.map((read) => refusing(() => `read ${typeof read(value)}`, BadAnswerError)).join('; ');
    return refusing(
      () => {
        const { entry } = verifyReceipt(readOutcome(value).receipt, trust());
        return `verified ${entry.kind} ${all}`;
      },
      BadAnswerError,
      VerificationError,
    );
  },
);

export const texts: readonly Target[] = [
  genesisJson,
  config,
  csv,
  xml,
  payments,
  accounts,
  outbox,
  validatorKey,
  key,
  answers,
];
