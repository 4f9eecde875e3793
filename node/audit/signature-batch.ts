// Signatures on their way to another thread: many in one buffer, which is handed over and not copied.
import { assert } from '../ledger/assert.ts';
import { publicKeyBytes, signatureBytes, verify } from '../ledger/signature.ts';

export interface SignatureRequest {
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** Of each request: public key, signature, length of the message (32 bits) and the message. */
const fixedBytes = publicKeyBytes + signatureBytes + 4;

/** Whether it can stand in a batch. What has another length is no signature, and `verify` says so at once. */
export function fitsBatch({ signature, publicKey }: SignatureRequest): boolean {
  return signature.length === signatureBytes && publicKey.length === publicKeyBytes;
}

/** The bytes own their memory, all of it, so that it can be handed over. */
export function encodeBatch(requests: readonly SignatureRequest[]): Uint8Array<ArrayBuffer> {
  const length = requests.reduce((sum, { message }) => sum + fixedBytes + message.length, 0);
  const batch = new Uint8Array(length);
  const view = new DataView(batch.buffer);
  let at = 0;
  for (const { message, signature, publicKey } of requests) {
    batch.set(publicKey, at);
    batch.set(signature, at + publicKeyBytes);
    view.setUint32(at + publicKeyBytes + signatureBytes, message.length);
    batch.set(message, at + fixedBytes);
    at += fixedBytes + message.length;
  }
  return batch;
}

/** One byte for each request, in their order: 1 where the signature is good. By the same function as everywhere. */
export function judgeBatch(batch: Uint8Array): Uint8Array<ArrayBuffer> {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.length);
  const verdicts: number[] = [];
  for (let at = 0; at < batch.length; ) {
    const message = at + fixedBytes;
    const end = message + view.getUint32(message - 4);
    assert(end <= batch.length, 'a batch of signatures is whole');
    const signature = batch.subarray(at + publicKeyBytes, message - 4);
    verdicts.push(verify(batch.subarray(message, end), signature, batch.subarray(at, at + publicKeyBytes)) ? 1 : 0);
    at = end;
  }
  return Uint8Array.from(verdicts);
}
