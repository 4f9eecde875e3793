// Verifiers that are not ours, called the same way for every log: @sigstore/verify and plain openssl.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { verifyCheckpoint } from '@sigstore/verify/dist/tlog/checkpoint.js';
import { verifyMerkleInclusion } from '@sigstore/verify/dist/tlog/merkle.js';
import type { VerifierKey } from '../../node/ledger/verifier-key.ts';

const spki = (key: Uint8Array) => Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key]);
const pemOf = (key: Uint8Array) =>
  `-----BEGIN PUBLIC KEY-----\n${spki(key).toString('base64')}\n-----END PUBLIC KEY-----\n`;

/** A log key as sigstore knows logs: by the first bytes of an id, a name and a key. */
function trusted({ keyId, name, publicKey }: VerifierKey) {
  const pem = pemOf(publicKey);
  const logID = Buffer.concat([Buffer.from(keyId, 'hex'), Buffer.alloc(28)]);
  return { logID, baseURL: name, publicKey: pem, validFor: { start: new Date(0), end: new Date(1e13) } } as never;
}

export interface SigstoreCase {
  readonly entry: Uint8Array;
  readonly index: number;
  readonly path: readonly Uint8Array[];
  /** The checkpoint as a signed note. */
  readonly envelope: string;
}

/** What it read of the checkpoint. Throws where it refuses, and where it takes another entry in this one's place. */
export function sigstoreReads({ entry, index, path, envelope }: SigstoreCase, logKey: VerifierKey) {
  const given = {
    canonicalizedBody: Buffer.from(entry),
    inclusionProof: {
      logIndex: String(index),
      hashes: path.map((each) => Buffer.from(each)),
      checkpoint: { envelope },
    },
  };
  const read = verifyCheckpoint(given as never, [trusted(logKey)]);
  verifyMerkleInclusion(given as never, read);
  try {
    verifyMerkleInclusion({ ...given, canonicalizedBody: Buffer.from('another entry') } as never, read);
  } catch {
    return { origin: read.origin, size: Number(read.logSize) };
  }
  throw new Error('it takes any entry');
}

export function missingOpenssl(): string | undefined {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'openssl is not installed';
  }
}

/** What openssl says of an Ed25519 signature; `refused` if it is none. */
export function opensslVerifies(
  folder: string,
  {
    key,
    message,
    signature,
  }: { readonly key: Uint8Array; readonly message: Uint8Array; readonly signature: Uint8Array },
): string {
  const file = (name: string, bytes: Uint8Array | string) => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  };
  const args = [
    ...['pkeyutl', '-verify', '-pubin', '-inkey', file('key.pem', pemOf(key)), '-rawin'],
    ...['-sigfile', file('signature', signature), '-in', file('message', message)],
  ];
  try {
    return execFileSync('openssl', args, { stdio: 'pipe' }).toString();
  } catch {
    return 'refused';
  }
}
