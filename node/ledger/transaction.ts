// A signed request of one member: what a client signs, how it is named, and its form. Whether the key may act for the
// member, and whether the reference is free, is the state's to say (execution/admission.ts).
import type { SignatureCheck } from './certificate.ts';
import { DecodeError } from './codec.ts';
import { type Digest, digestOf, taggedHash } from './hash.ts';
import { hash, identifier, name, publicKey, referenceText, signature } from './identifiers.ts';
import { timestampMax, transactionBytesMax } from './limits.ts';
import { anyValue, bytes, decodeAs, encodeAs, integer, literal, record, type TypeOf } from './schema.ts';
import { sign, verify } from './signature.ts';
import { taggedMessage } from './tagged.ts';

const tag = 'daybook/tx/v1';

export const bodySchema = record({
  version: literal(1),
  chainId: hash,
  member: identifier,
  reference: referenceText,
  validUntil: integer(0, timestampMax),
  contract: name,
  method: name,
  args: anyValue,
});
export type TransactionBody = TypeOf<typeof bodySchema>;

const envelopeSchema = record({ body: bytes(1, transactionBytesMax), publicKey, signature });

/** A decoded transaction together with the exact bytes it came from. */
export interface Transaction {
  readonly bytes: Uint8Array;
  /** SHA-256 of the tag and the body: independent of key and signature. */
  readonly id: Digest;
  readonly body: TransactionBody;
  readonly publicKey: Uint8Array;
  readonly signature: Uint8Array;
}

export function transactionId(body: Uint8Array): Digest {
  return digestOf(taggedHash(tag, body));
}

/** Signs a body. `args` is what the contract's method says; the bytes are what is sent, stored and sent again. */
export function signTransaction(body: TransactionBody, seed: Uint8Array, key: Uint8Array): Transaction {
  const bodyBytes = encodeAs(bodySchema, body);
  const proof = sign(taggedMessage(tag, bodyBytes), seed);
  const encoded = encodeAs(envelopeSchema, { body: bodyBytes, publicKey: key, signature: proof });
  if (encoded.length > transactionBytesMax) throw new DecodeError(`a transaction over ${transactionBytesMax} bytes`);
  return { bytes: encoded, id: transactionId(bodyBytes), body, publicKey: key, signature: proof };
}

/** Form only; the signature is not checked. Throws DecodeError. */
export function decodeTransaction(encoded: Uint8Array): Transaction {
  if (encoded.length > transactionBytesMax) throw new DecodeError(`a transaction over ${transactionBytesMax} bytes`);
  const envelope = decodeAs(envelopeSchema, encoded);
  const body = decodeAs(bodySchema, envelope.body);
  return {
    bytes: encoded,
    id: transactionId(envelope.body),
    body,
    publicKey: envelope.publicKey,
    signature: envelope.signature,
  };
}

/** Whether the signature is the named key's over this body. The key itself was checked when it was registered. */
export function isSigned(transaction: Transaction, check: SignatureCheck = verify): boolean {
  const message = taggedMessage(tag, encodeAs(bodySchema, transaction.body));
  return check(message, transaction.signature, transaction.publicKey);
}

export function bodyOf(fields: Omit<TransactionBody, 'version'>): TransactionBody {
  return { version: 1, ...fields };
}
