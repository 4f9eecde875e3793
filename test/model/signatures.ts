// Ed25519 by the runtime's own engine, over a tag and what follows it.
import { createPublicKey, verify } from 'node:crypto';

// RFC 8410 section 4: what stands before the 32 bytes of an Ed25519 key.
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');

export function isSignature(tag: string, fields: Uint8Array, key: Uint8Array, signature: Uint8Array): boolean {
  const publicKey = createPublicKey({ key: Buffer.concat([spkiPrefix, key]), format: 'der', type: 'spki' });
  return verify(null, Buffer.concat([Buffer.from(tag, 'latin1'), fields]), publicKey, signature);
}
