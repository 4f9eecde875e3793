// Every decoder of bytes that come from outside: peers, disks, archives.
import { isDeepStrictEqual } from 'node:util';
import { GenesisError, readGenesisEntry } from '../../genesis/genesis.ts';
import { verifyBalanceProof } from '../../node/audit/balance-proof.ts';
import { FindingError } from '../../node/audit/chain.ts';
import { verifyMembership, verifyNonMembership } from '../../node/audit/ics23.ts';
import { parseManifest } from '../../node/audit/manifest.ts';
import { decodeCheckpointMessage, encodeCheckpointMessage } from '../../node/consensus/checkpoint-messages.ts';
import { decodeMessage, encodeMessage } from '../../node/consensus/messages.ts';
import { decodeRecord, encodeRecord, firstRecord } from '../../node/consensus/record.ts';
import { certificateSchema } from '../../node/ledger/certificate.ts';
import { DecodeError, decode, encode } from '../../node/ledger/codec.ts';
import { decodeEntry, encodeEntry } from '../../node/ledger/entry.ts';
import { sha256, toHex } from '../../node/ledger/hash.ts';
import { decodeStateProof } from '../../node/ledger/ics23.ts';
import { decodeAs, encodeAs } from '../../node/ledger/schema.ts';
import { decodeBundle, encodeBundle, parseTilePath } from '../../node/ledger/tile-layout.ts';
import { decodeTransaction } from '../../node/ledger/transaction.ts';
import { FrameError, FrameReader, frameBytesMax, frameOf } from '../../node/network/frames.ts';
import {
  decodeBlocksAnswer,
  decodeBodyAnswer,
  decodeSyncRequest,
  encodeBlocksAnswer,
  encodeBodyAnswer,
  encodeSyncRequest,
} from '../../node/network/sync-messages.ts';
import { genesis } from '../ledger/_example-chain.ts';
import { examples } from '../ledger/_formats.ts';
import { refusing, type Target } from './engine.ts';
import { aRecord, checkpointMessages, claims, messages, storedChain } from './samples.ts';

const bytesOf = (name: string) => examples.find((each) => each.name === name)?.bytes ?? new Uint8Array(0);
const cborExamples = examples.filter(({ shown }) => shown === 'cbor').map(({ bytes }) => bytes);

/** What decodes must be what the encoder gives: two encodings of one thing would have two hashes. */
function roundTrip<T>(
  name: string,
  seeds: () => readonly Uint8Array[],
  read: (bytes: Uint8Array) => T,
  write: (value: T) => Uint8Array,
): Target {
  const run = (input: Uint8Array) =>
    refusing(() => {
      if (!isDeepStrictEqual(Uint8Array.from(write(read(input))), Uint8Array.from(input)))
        throw new Error('accepted, but its encoding is another');
      return 'accepted';
    }, DecodeError);
  return { name, kind: 'cbor', open: async () => ({ seeds: seeds(), run }) };
}

const formats: readonly Target[] = examples
  .filter(({ read }) => read !== undefined)
  .map(({ name, bytes, read }) => ({
    name: `format-${name}`,
    kind: 'cbor',
    open: async () => ({
      seeds: [bytes],
      run: (input) => refusing(() => (read?.(input) === undefined ? 'nothing' : 'accepted'), DecodeError, GenesisError),
    }),
  }));

const frames: Target = {
  name: 'frames',
  kind: 'bytes',
  async open() {
    const bodies = messages().slice(0, 6);
    return { seeds: [new Uint8Array(Buffer.concat(bodies.map(frameOf))), ...bodies.map(frameOf)], run: readFrames };
  },
};

/** In pieces whose sizes come from the input itself. */
function readFrames(input: Uint8Array): string {
  const reader = new FrameReader(frameBytesMax.votes);
  let frames = 0;
  let bytes = 0;
  return refusing(() => {
    for (let at = 0; at < input.length; ) {
      const size = 1 + ((input[at] ?? 0) % 97);
      reader.push(input.subarray(at, at + size));
      at += size;
      for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
        frames += 1;
        bytes += frame.length;
        if (frame.length === 0 || frame.length > frameBytesMax.votes)
          throw new Error(`a frame of ${frame.length} bytes`);
      }
    }
    if (bytes + 4 * frames + reader.pendingBytes > input.length) throw new Error('more came out than went in');
    return `${frames > 3 ? 'many' : frames} frames, ${reader.isBetweenFrames ? 'whole' : 'cut'}`;
  }, FrameError);
}

const stateProof: Target = {
  name: 'state-proof',
  kind: 'bytes',
  async open() {
    const proof = bytesOf('state-proof');
    const [root, key, value] = [bytesOf('state-root'), bytesOf('state-key'), bytesOf('account-record')];
    return {
      seeds: [proof],
      run(input) {
        const shown = verifyMembership(root, input, key, value);
        if (verifyNonMembership(root, input, key)) throw new Error('a proof of absence for what is there');
        const other = Uint8Array.from(value);
        other[0] = (other[0] ?? 0) ^ 1;
        if (verifyMembership(root, input, key, other)) throw new Error('a proof for another value');
        return refusing(() => `${Object.keys(decodeStateProof(input)).join()} ${shown}`, DecodeError);
      },
    };
  },
};

const balanceProof: Target = {
  name: 'balance-proof',
  kind: 'bytes',
  async open() {
    const proof = bytesOf('balance-proof');
    const shown = verifyBalanceProof(proof, genesis);
    return {
      seeds: [proof],
      run: (input) =>
        refusing(() => {
          const proven = verifyBalanceProof(input, genesis);
          if (!isDeepStrictEqual(proven, shown)) throw new Error('a proof of something else');
          return 'accepted';
        }, FindingError),
    };
  },
};

const manifest: Target = {
  name: 'manifest',
  kind: 'text',
  words: ['MANIFEST', '../', '/', '  ', 'x001/067', 'tile/0/000', 'tile/entries/000', 'genesis.json', '0'.repeat(64)],
  async open() {
    const lines = ['certificate', 'genesis.json', 'tile/0/000.p/5', 'tile/entries/000.p/5'];
    const text = lines.map((path) => `${'ab'.repeat(32)}  ${path}\n`).join('');
    const run = (input: Uint8Array) =>
      refusing(() => {
        // With the sum that its last line must give, or nothing but the sum would ever be refused.
        const sum = toHex(sha256(input));
        for (const path of parseManifest(Buffer.concat([input, Buffer.from(`${sum}  MANIFEST\n`)])).keys()) {
          parseTilePath(path);
        }
        return 'accepted';
      }, DecodeError);
    return { seeds: [Buffer.from(text)], run };
  },
};

const bundle: Target = {
  name: 'bundle',
  kind: 'bytes',
  async open() {
    const entries = storedChain().blocks.flatMap((block) => block.entries);
    const run = (input: Uint8Array) =>
      refusing(() => {
        const width = Math.max(1, (input[0] ?? 0) % 5);
        const decoded = decodeBundle(input, width);
        if (!isDeepStrictEqual(Uint8Array.from(encodeBundle(decoded)), Uint8Array.from(input)))
          throw new Error('another encoding');
        return 'accepted';
      }, DecodeError);
    return { seeds: [encodeBundle(entries), encodeBundle(entries.slice(0, 4)), encodeBundle([Uint8Array.of(3)])], run };
  },
};

export const decoders: readonly Target[] = [
  roundTrip('codec', () => cborExamples, decode, encode),
  roundTrip('entry', () => cborExamples, decodeEntry, encodeEntry),
  roundTrip(
    'transaction',
    () => [bytesOf('transaction')],
    decodeTransaction,
    ({ bytes }) => bytes,
  ),
  roundTrip(
    'certificate',
    () => [bytesOf('certificate')],
    (bytes) => decodeAs(certificateSchema, bytes),
    (value) => encodeAs(certificateSchema, value),
  ),
  roundTrip('checkpoint-message', checkpointMessages, decodeCheckpointMessage, encodeCheckpointMessage),
  roundTrip('message', messages, decodeMessage, encodeMessage),
  roundTrip('vote-record', () => [encodeRecord(aRecord()), encodeRecord(firstRecord())], decodeRecord, encodeRecord),
  roundTrip(
    'sync-request',
    () => [
      encodeSyncRequest({ type: 'blocks', height: 3, bytesMax: 100_000 }),
      encodeSyncRequest({ type: 'body', height: 3, digest: storedChain().end.digest }),
      ...claims().map((claim) => encodeSyncRequest({ type: 'claim', claim })),
    ],
    decodeSyncRequest,
    encodeSyncRequest,
  ),
  roundTrip('blocks-answer', () => [encodeBlocksAnswer(storedChain().blocks)], decodeBlocksAnswer, encodeBlocksAnswer),
  roundTrip(
    'body-answer',
    () => [
      encodeBodyAnswer({
        header: storedChain().blocks[0]?.entries.at(-1) ?? new Uint8Array(1),
        transactions: [bytesOf('transaction')],
        evidence: undefined,
      }),
    ],
    decodeBodyAnswer,
    encodeBodyAnswer,
  ),
  {
    name: 'genesis-entry',
    kind: 'cbor',
    open: async () => ({
      seeds: [bytesOf('genesis-entry')],
      run: (input) => refusing(() => readGenesisEntry(input).name.slice(0, 1), GenesisError),
    }),
  },
  frames,
  stateProof,
  balanceProof,
  manifest,
  bundle,
  ...formats,
];
