// A log of any size in a folder, as this project writes it: bundles, tiles and a cosigned checkpoint over entries that
// mean nothing. Real ledgers only have the sizes at which blocks end.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Frontier } from '../../node/audit/frontier.ts';
import { TileBuilder } from '../../node/audit/tiles.ts';
import { type Checkpoint, checkpointText, cosignerKey, originOf } from '../../node/ledger/checkpoint.ts';
import { cosignatureMessage, encodeTimed } from '../../node/ledger/cosignature.ts';
import { digestOf, leafHash, sha256 } from '../../node/ledger/hash.ts';
import { formatNote, type NoteSignature } from '../../node/ledger/note.ts';
import { publicKeyOf, sign } from '../../node/ledger/signature.ts';
import { bundlePath, encodeBundle, tilePath, tileWidth } from '../../node/ledger/tile-layout.ts';
import { formatVerifierKey, type VerifierKey, verifierKey } from '../../node/ledger/verifier-key.ts';

export interface SyntheticLog {
  readonly folder: string;
  readonly checkpoint: Checkpoint;
  readonly logKey: VerifierKey;
  readonly cosigners: readonly VerifierKey[];
  readonly entries: readonly Uint8Array[];
}

const utf8 = (text: string) => new TextEncoder().encode(text);
const seedOf = (name: string) => sha256(utf8(`conformance ${name}`));

export function writeLog(folder: string, size: number, cosignerCount = 3): SyntheticLog {
  const write = (path: string, bytes: Uint8Array) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  };
  const entries = Array.from({ length: size }, (_, i) => utf8(`entry ${i} ${'.'.repeat(i % 40)}`));
  const builder = new TileBuilder(({ level, index, hashes }) =>
    write(tilePath(level, index, hashes.length / 32), hashes),
  );
  const tree = new Frontier(builder.node);
  for (const entry of entries) tree.append(leafHash(entry));
  builder.finish();
  for (let first = 0; first < size; first += tileWidth) {
    const bundle = entries.slice(first, first + tileWidth);
    write(bundlePath(first / tileWidth, bundle.length), encodeBundle(bundle));
  }
  const ledger = 'daybook.example/conformance';
  const log = { ledger, chainId: digestOf(leafHash(entries[0] ?? utf8(''))) };
  const checkpoint = { origin: originOf(log), size, root: tree.root() };
  const text = checkpointText(checkpoint);
  const logKey = verifierKey(checkpoint.origin, 'note', publicKeyOf(seedOf('log')));
  const signatures: NoteSignature[] = [
    { name: logKey.name, keyId: logKey.keyId, signature: sign(utf8(text), seedOf('log')) },
  ];
  const cosigners = Array.from({ length: cosignerCount }, (_, i) => {
    const seed = seedOf(`cosigner ${i}`);
    const key = cosignerKey(log, { id: `node-${i}`, auditKey: publicKeyOf(seed) });
    const time = 1_790_000_000 + i;
    const signature = encodeTimed({ time, signature: sign(cosignatureMessage(checkpoint, time), seed) });
    signatures.push({ name: key.name, keyId: key.keyId, signature });
    return key;
  });
  write('checkpoint', formatNote({ text, signatures }));
  return { folder, checkpoint, logKey, cosigners, entries };
}

/** Arguments of the Go program. */
export function verifyArguments({ folder, logKey, cosigners }: SyntheticLog, quorum = cosigners.length): string[] {
  return [folder, formatVerifierKey(logKey), String(quorum), ...cosigners.map(formatVerifierKey)];
}
