// What is written here, read by code that is not ours: the Go standard library with golang.org/x/mod, @sigstore/verify
// and plain openssl.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { StoreSource } from '../../node/audit/source.ts';
import { cosignerKey } from '../../node/ledger/checkpoint.ts';
import { cosignatureMessage, decodeTimed } from '../../node/ledger/cosignature.ts';
import { leafHash } from '../../node/ledger/hash.ts';
import { completedNodes, Frontier, inclusionPath } from '../../node/ledger/merkle.ts';
import { parseNote } from '../../node/ledger/note.ts';
import { quorumOf } from '../../node/ledger/validators.ts';
import { formatVerifierKey } from '../../node/ledger/verifier-key.ts';
import { serialTestUnless } from '../_data.ts';
import { buildChain, chainIdOfLedger } from '../audit/_chain.ts';
import { TestArchive } from '../audit/_folder.ts';
import { buildVerifier } from './_go.ts';
import { missingOpenssl, opensslVerifies, sigstoreReads } from './_others.ts';
import { type SyntheticLog, verifyArguments, writeLog } from './_synthetic-log.ts';

const sizes = [1, 2, 255, 256, 257, 65_535, 65_536, 70_000];
const root = mkdtempSync(join(tmpdir(), 'daybook-conformance-'));
const logs = new Map<number, SyntheticLog>();
test.before(() => {
  for (const size of sizes) logs.set(size, writeLog(join(root, String(size)), size));
});
test.after.always(() => rmSync(root, { recursive: true, force: true }));

function logOf(size: number): SyntheticLog {
  const log = logs.get(size);
  if (log === undefined) throw new Error(`no log of ${size}`);
  return log;
}

const verifier = buildVerifier();
const run = (args: readonly string[]) => (typeof verifier === 'string' ? never(verifier) : verifier.run(args));
const testWithGo = serialTestUnless(typeof verifier === 'string' ? verifier : undefined);
test.after.always(() => (typeof verifier === 'string' ? undefined : verifier.remove()));

for (const size of sizes)
  testWithGo(`golang.org/x/mod reads the tiles, note and proofs of a log of ${size}`, async (t) => {
    t.deepEqual(await run(verifyArguments(logOf(size))), {
      code: 0,
      output: `OK ${size} entries, 3 cosignatures`,
    });
  });

testWithGo('golang.org/x/mod reads the archive of a ledger', async (t) => {
  const ledger = buildChain(300);
  const { folder } = await TestArchive.of(t, new StoreSource(ledger.store));
  const { size } = quorumOf(ledger.genesis.validators.length);
  const log = { ledger: ledger.genesis.name, chainId: chainIdOfLedger(ledger) };
  const cosigners = ledger.genesis.validators.map((each) => formatVerifierKey(cosignerKey(log, each)));
  const { code, output } = await run([folder, '-', String(size), ...cosigners]);
  t.is(code, 0, output);
  t.is(output, `OK ${ledger.store.head().logSize} entries, ${size} cosignatures`);
});

testWithGo('golang.org/x/mod refuses a flipped byte in a tile, a bundle and a checkpoint', async (t) => {
  const log = writeLog(join(root, 'flipped'), 300);
  for (const path of ['tile/0/000', 'tile/0/001.p/44', 'tile/1/000.p/1', 'tile/entries/001.p/44', 'checkpoint']) {
    const file = join(log.folder, path);
    const good = readFileSync(file);
    writeFileSync(file, Buffer.from(good.map((byte, i) => (i === good.length >> 1 ? byte ^ 1 : byte))));
    t.is((await run(verifyArguments(log))).code, 1, path);
    writeFileSync(file, good);
  }
  t.is((await run(verifyArguments(log))).code, 0);
  t.is((await run(verifyArguments(log, 4))).code, 1, 'a quorum that is not there');
});

function never(why: string): never {
  throw new Error(why);
}

test('@sigstore/verify reads the checkpoint and the inclusion proofs', (t) => {
  for (const size of sizes) {
    const { entries, folder, logKey, checkpoint } = logOf(size);
    const nodes = new Map<string, Uint8Array>();
    for (const { level, index, hash } of completedNodes(Frontier.empty(), entries.map(leafHash)))
      nodes.set(`${level}/${index}`, hash);
    const envelope = readFileSync(join(folder, 'checkpoint'), 'utf8');
    // Every 17th entry of a small log, some twenty of a large one, and always its last.
    const step = Math.max(17, Math.floor(size / 19));
    for (const index of [...Array.from({ length: Math.ceil(size / step) }, (_, i) => i * step), size - 1]) {
      const path = inclusionPath((level, at) => nodes.get(`${level}/${at}`), index, size);
      const read = sigstoreReads({ entry: entries[index] ?? new Uint8Array(0), index, path, envelope }, logKey);
      t.deepEqual([read.origin, read.size], [checkpoint.origin, size]);
    }
  }
});

serialTestUnless(missingOpenssl())('openssl verifies one cosignature', (t) => {
  const { folder, checkpoint, cosigners } = logOf(257);
  const [key] = cosigners;
  const line = parseNote(readFileSync(join(folder, 'checkpoint'))).signatures.find(({ name }) => name === key?.name);
  if (key === undefined || line === undefined) return t.fail('no cosignature');
  const { time, signature } = decodeTimed(line.signature);
  const signed = { key: key.publicKey, signature };
  t.regex(opensslVerifies(root, { ...signed, message: cosignatureMessage(checkpoint, time) }), /Verified Successfully/);
  t.is(opensslVerifies(root, { ...signed, message: cosignatureMessage(checkpoint, time + 1) }), 'refused');
});
