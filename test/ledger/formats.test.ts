// docs/formats.md against the code: every worked example is computed again, every table of fields compared with what
// the reader gives. UPDATE=1 rewrites the examples in the page.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { verifyReceipt } from '../../cli/receipt.ts';
import { outcomeOf } from '../../node/api/outcome.ts';
import { exportArchive } from '../../node/audit/archive.ts';
import { verifyBalanceProof } from '../../node/audit/balance-proof.ts';
import { verifyMembership } from '../../node/audit/ics23.ts';
import { manifestName } from '../../node/audit/manifest.ts';
import { StoreSource } from '../../node/audit/source.ts';
import { minorUnitTableDate } from '../../node/ledger/amount.ts';
import { cosignerKey, originOf } from '../../node/ledger/checkpoint.ts';
import { cosignatureMessage } from '../../node/ledger/cosignature.ts';
import { digestOf } from '../../node/ledger/hash.ts';
import {
  batchLinesMax,
  entryBytesMax,
  timestampMax,
  transactionBytesMax,
  validatorsMax,
  validatorsMin,
} from '../../node/ledger/limits.ts';
import { inclusionPath } from '../../node/ledger/merkle.ts';
import { isLedgerText } from '../../node/ledger/text.ts';
import { encodeReceiptExtra, formatProof } from '../../node/ledger/tlog-proof.ts';
import { formatVerifierKey } from '../../node/ledger/verifier-key.ts';
import { filesIn, readSource } from '../_source.ts';
import { dumpCbor, wrapHex } from './_cbor-dump.ts';
import {
  certificateAt,
  chainId,
  checkpoint,
  checkpointBytes,
  entryAt,
  genesis,
  logKey,
  logName,
  stateTree,
  store,
  transfer,
} from './_example-chain.ts';
import { type Example, examples, nested } from './_formats.ts';
import { FormatsPage } from './_formats-page.ts';

const page = new FormatsPage();

function textOf({ bytes, shown, format }: Example): string {
  if (shown === 'bytes') return `${wrapHex(bytes).join('\n')}\n`;
  if (shown === 'cbor') return `${dumpCbor(bytes, page.namesOf, format)}\n`;
  const end = Buffer.from(bytes).indexOf('/v1') + 3;
  const tag = bytes.subarray(0, end);
  return `${wrapHex(tag).join('')}  # "${Buffer.from(tag)}"\n${dumpCbor(bytes.subarray(end), page.namesOf, format)}\n`;
}

/** Bytes of an example that stands on the page already are named and not repeated. */
function receiptText(): string {
  const known = new Map(examples.map(({ name, bytes }) => [Buffer.from(bytes).toString('base64'), name]));
  const named = (_: string, value: unknown) => {
    const name = typeof value === 'string' ? known.get(value) : undefined;
    return name === undefined ? value : `base64 of the example ${name}`;
  };
  return `${JSON.stringify(outcomeOf(store, transfer.id), named, 2)}\n`;
}

function checkpointTexts(): [string, string][] {
  const [founder] = genesis.validators;
  const [cosignature] = checkpoint.cosignatures;
  if (founder === undefined || cosignature === undefined) throw new Error('the example has validators');
  const message = cosignatureMessage({ origin: originOf(logName), ...checkpoint }, cosignature.time);
  const path = inclusionPath((level, index) => store.node(level, index), 4, checkpoint.size);
  const extra = encodeReceiptExtra(entryAt(4));
  const keys = [logKey, cosignerKey(logName, founder)].map(formatVerifierKey);
  return [
    ['checkpoint', Buffer.from(checkpointBytes()).toString()],
    ['cosignature-message', Buffer.from(message).toString()],
    ['tlog-proof', Buffer.from(formatProof({ extra, index: 4, path, note: checkpointBytes() })).toString()],
    ['verifier-keys', `${keys.join('\n')}\n`],
  ];
}

async function manifestText(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'daybook-formats-'));
  try {
    await exportArchive(new StoreSource(store), join(folder, 'archive'));
    return await readFile(join(folder, 'archive', manifestName), 'utf8');
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('every worked example of docs/formats.md is what the code computes, and none is missing', async (t) => {
  const computed = new Map(examples.map((example) => [example.name, textOf(example)]));
  computed.set('receipt', receiptText()).set('manifest', await manifestText());
  for (const [name, text] of checkpointTexts()) computed.set(name, text);
  if (process.env['UPDATE'] === '1') page.rewrite(computed);
  const shown = page.examples();
  t.deepEqual([...shown.keys()].sort(), [...computed.keys()].sort());
  for (const [name, text] of computed) t.is(shown.get(name), text, name);
});

for (const { name, format, bytes, read } of examples) {
  if (read === undefined) continue;
  test(`${name}: the page names the fields as the code does, in order`, (t) => {
    t.deepEqual(page.namesOf(format) ?? Object.keys(read(bytes)), Object.keys(read(bytes)));
  });
}

for (const [format, fields] of nested) {
  test(`${format}: the page names the fields as the code does, in order`, (t) => {
    t.deepEqual(page.namesOf(format), Object.keys(fields));
  });
}

test('the receipt on the page verifies with nothing but genesis, and so does the state proof', (t) => {
  const receipt = {
    entry: entryAt(4),
    index: 4,
    path: inclusionPath((level, index) => store.node(level, index), 4, 8),
    header: entryAt(8),
    certificate: certificateAt(2),
  };
  const { entry } = verifyReceipt(receipt, { chainId: digestOf(chainId), validators: genesis.validators });
  t.is(entry.kind === 1 ? entry.outcome : undefined, 'OK');
  const proof = exampleBytes('state-proof');
  t.true(verifyMembership(stateTree.root, proof, exampleBytes('state-key'), exampleBytes('account-record')));
});

test('the balance proof on the page verifies with nothing but genesis', (t) => {
  const { account, from, to, balance } = verifyBalanceProof(exampleBytes('balance-proof'), genesis);
  t.deepEqual({ account, from, to, seq: balance?.seq }, { account: 'N-2', from: 3, to: 4, seq: 0 });
});

function exampleBytes(name: string): Uint8Array {
  return examples.find((example) => example.name === name)?.bytes ?? new Uint8Array(0);
}

test('the page and the code allow the same characters', (t) => {
  const table = page.text.slice(page.text.indexOf('| script |'), page.text.indexOf('The set is fixed because'));
  const ranges = [...table.matchAll(/\b([0-9a-f]{4})-([0-9a-f]{4})\b/g)].map(([, first = '', last = '']) => {
    return [Number.parseInt(first, 16), Number.parseInt(last, 16)] as const;
  });
  for (let code = 0; code < 0x10000; code++) {
    const character = String.fromCharCode(code);
    const isShown = ranges.some(([first, last]) => code >= first && code <= last);
    if (isLedgerText(character) !== (isShown && character.normalize('NFC') === character)) t.fail(code.toString(16));
  }
  t.true(ranges.length > 40);
});

test('every tag that the code hashes or signs under stands on the page', (t) => {
  const strings = filesIn('node', /\.ts$/).flatMap((path) => readSource(path).strings.split(/\s+/));
  const tags = new Set(strings.filter((text) => /^daybook\/[a-z/-]+\/v\d$/.test(text)));
  // The key file is JSON that nobody hashes; it names its own form.
  tags.delete('daybook/validator-key/v1');
  t.true(tags.size >= 7);
  t.deepEqual(
    [...tags].filter((tag) => !page.text.includes(`\`${tag}\``)),
    [],
  );
});

test('the limits and the table of currencies on the page are those of the code', (t) => {
  const shown = (value: number) => value.toLocaleString('en');
  for (const limit of [transactionBytesMax, entryBytesMax, timestampMax]) t.true(page.text.includes(shown(limit)));
  t.true(page.text.includes(`ISO 4217 table of ${minorUnitTableDate}`));
  t.true(page.text.includes(`list of 1-${batchLinesMax} of [reference`));
  t.true(page.text.includes(`list of ${validatorsMin} to ${validatorsMax} validators`));
});
