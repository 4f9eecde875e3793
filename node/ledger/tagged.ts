// The bytes that a key signs: a text tag that says what kind of thing it is, then the canonical encoding of its fields.
// The tags are prefix-free, so no signature of one kind is ever one of another.

const tags = [
  'daybook/tx/v1',
  'daybook/pbft/v1',
  'daybook/key-proof/v1',
  'daybook/claim/v1',
  'daybook/evidence-report/v1',
] as const;
export type SignatureTag = (typeof tags)[number];

const encoded = new Map(tags.map((tag) => [tag, new TextEncoder().encode(tag)]));

export function taggedMessage(tag: SignatureTag, fields: Uint8Array): Uint8Array {
  const prefix = encoded.get(tag) ?? new Uint8Array(0);
  const message = new Uint8Array(prefix.length + fields.length);
  message.set(prefix);
  message.set(fields, prefix.length);
  return message;
}
