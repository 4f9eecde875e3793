// docs/formats.md against the code: every worked example is computed again, every table of fields compared with what
// the reader gives. UPDATE=1 rewrites the examples in the page.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { outcomeOf } from '../../node/api/outcome.ts';
import { exportArchive } from '../../node/audit/archive.ts';
import { manifestName } from '../../node/audit/manifest.ts';
import { StoreSource } from '../../node/audit/source.ts';
import { dumpCbor, wrapHex } from './_cbor-dump.ts';
import { store, transfer } from './_example-chain.ts';
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
