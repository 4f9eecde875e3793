// Blocks, execution and keys for the cluster in tests: a header is a line of text that names what matters, execution is
// a look at that line, and a signature is a hash that only the harness can make. No ledger, no contracts.
import type { Block, Committed } from '../../node/consensus/messages.ts';
import type { CommitCertificate } from '../../node/ledger/certificate.ts';
import { type Digest, digestOf, sha256, toHex } from '../../node/ledger/hash.ts';
import type { Validator, ValidatorSet } from '../../node/ledger/validators.ts';
import type { Jurisdiction } from '../../node/network/message-checks.ts';

export interface Header {
  readonly height: number;
  readonly parent: Digest;
  readonly proposer: number;
  /** Work items, joined by '+'. */
  readonly label: string;
}

export interface StoredBlock {
  readonly block: Block;
  readonly certificate: CommitCertificate;
}

const utf8 = (text: string) => new TextEncoder().encode(text);

export const chainId = sha256(utf8('a chain in tests'));
export const genesis: Committed = { height: 0, digest: toHex(chainId) as Digest, certificate: undefined };

const names = new Map<Digest, string>();

export function makeBlock(header: Header, items = header.label.split('+')): { digest: Digest; block: Block } {
  const bytes = utf8([header.height, header.parent, header.proposer, header.label].join(' '));
  const digest = digestOf(sha256(bytes));
  names.set(digest, `${header.proposer}:${header.label}`);
  return { digest, block: { header: bytes, evidence: undefined, transactions: items.map(utf8) } };
}

export function readHeader(block: Block): Header {
  const [height, parent, proposer, label] = new TextDecoder().decode(block.header).split(' ');
  return { height: Number(height), parent: parent as Digest, proposer: Number(proposer), label: label ?? '' };
}

export function itemsOf(block: Block): string[] {
  return block.transactions.map((bytes) => new TextDecoder().decode(bytes));
}

export function digestOfBlock(block: Block): Digest {
  return digestOf(sha256(block.header));
}

/** `proposer:items`, as transcripts name a block. */
export function nameOf(digest: Digest): string {
  return digest === genesis.digest ? 'genesis' : (names.get(digest) ?? 'unknown');
}

function keyOf(validator: number): Uint8Array {
  return sha256(utf8(`key of ${validator}`));
}

/** What only validator `validator`, or the harness in the name of one that lies, may call. */
export function signAs(validator: number): (message: Uint8Array) => Uint8Array {
  const key = keyOf(validator);
  return (message) => signature(key, message);
}

function signature(key: Uint8Array, message: Uint8Array): Uint8Array {
  const half = sha256(key, message);
  const whole = new Uint8Array(64);
  whole.set(half, 0);
  whole.set(half, 32);
  return whole;
}

export function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && Buffer.compare(a, b) === 0;
}

/** The node's own checks of messages, over the harness's signatures. */
export function jurisdictionOf(validators: number): Jurisdiction {
  const set = Array.from({ length: validators }, (_, index) => ({ voteKey: keyOf(index) }) as unknown as Validator);
  return {
    chainId,
    epoch: 0,
    validators: set as ValidatorSet,
    check: (message, bytes, key) => sameBytes(bytes, signature(key, message)),
  };
}
