// What a snapshot says of itself, and the check that makes it believable: a header that a quorum of the right set has
// committed, the chunk roots that fold to its state root, and where the log that comes with it begins. Nothing of it is
// believed for who sent it.
import { rootOfChunks } from '../execution/state-tree.ts';
import { certificateProblem, certificateSchema } from '../ledger/certificate.ts';
import { DecodeError } from '../ledger/codec.ts';
import { decodeHeader, headerDigest } from '../ledger/entry.ts';
import { digestBytes, equalBytes, leafHash } from '../ledger/hash.ts';
import type { Header } from '../ledger/header.ts';
import { hash } from '../ledger/identifiers.ts';
import { entryBytesMax } from '../ledger/limits.ts';
import { Frontier } from '../ledger/merkle.ts';
import { bytes, list, literal, option, record, type TypeOf } from '../ledger/schema.ts';
import { SetChain, setLinkSchema } from '../ledger/set-chain.ts';
import { type ValidatorSet, validatorSetHash } from '../ledger/validators.ts';
import { peakPlaces } from '../store/pruned-nodes.ts';
import type { LogBase } from '../store/store.ts';
import { chunkCount } from './chunk.ts';

/** As many changes of the validator set as one answer holds; a ledger with more needs them in parts. */
export const setLinksMax = 2_000;

/** Of one answer: some 200 changes among 100 validators. */
export const manifestBytesMax = 8_388_608;

export const manifestSchema = record({
  version: literal(1),
  header: bytes(1, entryBytesMax),
  certificate: certificateSchema,
  /** Root of each chunk; nothing where no key begins with that byte. */
  roots: list(option(hash), chunkCount, chunkCount),
  /** The last block that the snapshot does not hold, and the peaks of the log after it; nothing for a whole log. */
  base: option(record({ header: bytes(1, entryBytesMax), certificate: certificateSchema, peaks: list(hash, 1, 53) })),
  /** Every change of the validator set up to the snapshot's own block. */
  changes: list(setLinkSchema, 0, setLinksMax),
});
export type Manifest = TypeOf<typeof manifestSchema>;

export interface CheckedManifest {
  readonly manifest: Manifest;
  readonly header: Header;
  readonly base: LogBase;
  /** Timestamp of the base block; undefined where the log is whole. */
  readonly baseTime: number | undefined;
  readonly basePeaks: readonly Uint8Array[];
  readonly sets: SetChain;
}

/** [S2] What the manifest means, or what is wrong with it. */
export function checkManifest(
  manifest: Manifest,
  chainId: Uint8Array,
  genesisSet: ValidatorSet,
  genesisEntry: Uint8Array,
): CheckedManifest | string {
  const header = headerOf(manifest.header);
  if (typeof header === 'string') return header;
  const sets = new SetChain(chainId, genesisSet);
  for (const link of manifest.changes) {
    const problem = sets.add(link);
    if (problem !== undefined) return problem;
  }
  const problem = certifiedProblem(manifest, header, chainId, sets);
  if (problem !== undefined) return problem;
  if (sets.latest.from > header.height + 1) return 'a change of validators after the block of the snapshot';
  // Else it would be the record of an epoch that is over, which is what a forgotten one looks like [R3].
  if (!equalBytes(header.nextValidatorSetHash, digestBytes(validatorSetHash(sets.latest.validators))))
    return 'the change of validators that the block of the snapshot makes is left out';
  if (!equalBytes(rootOfChunks(manifest.roots), header.stateRoot))
    return 'the chunks do not fold to the state root of the header';
  const start = baseOf(manifest, header, genesisEntry, (of, at) => certifiedProblem(of, at, chainId, sets));
  return typeof start === 'string' ? start : { manifest, header, sets, ...start };
}

type Sealed = Pick<Manifest, 'header' | 'certificate'>;

function certifiedProblem(
  { header: encoded, certificate }: Sealed,
  header: Header,
  chainId: Uint8Array,
  sets: SetChain,
): string | undefined {
  const set = sets.at(header.height);
  if (!equalBytes(header.chainId, chainId)) return 'a header of another chain';
  if (set === undefined || header.epoch !== set.epoch)
    return `a header of epoch ${header.epoch}, which the changes do not reach`;
  if (certificate.height !== header.height || certificate.epoch !== header.epoch)
    return 'a certificate of another height or epoch';
  if (certificate.digest !== headerDigest(encoded)) return 'a certificate of another block';
  return certificateProblem(certificate, chainId, set.validators);
}

type Start = Pick<CheckedManifest, 'base' | 'baseTime' | 'basePeaks'>;

/** That the peaks are those of this log is shown by the blocks that follow. */
function baseOf(
  { base }: Manifest,
  header: Header,
  genesisEntry: Uint8Array,
  problemOf: (sealed: Sealed, header: Header) => string | undefined,
): Start | string {
  if (base === undefined) {
    const leaf = leafHash(genesisEntry);
    const frontier = Frontier.empty();
    frontier.append(leaf);
    const digest = headerDigest(genesisEntry);
    return { base: { height: 0, digest, logSize: 1 }, baseTime: undefined, basePeaks: frontier.toHashes() };
  }
  const last = headerOf(base.header);
  if (typeof last === 'string') return last;
  if (last.height < 1 || last.height >= header.height) return `a log that begins after height ${last.height}`;
  const problem = problemOf(base, last);
  if (problem !== undefined) return `the block before the log: ${problem}`;
  const logSize = last.logSize + 1;
  if (base.peaks.length !== peakPlaces(logSize).length) return 'peaks of another size';
  const place = { height: last.height, digest: headerDigest(base.header), logSize };
  return { base: place, baseTime: last.timestamp, basePeaks: base.peaks };
}

function headerOf(encoded: Uint8Array): Header | string {
  try {
    return decodeHeader(encoded);
  } catch (error) {
    if (error instanceof DecodeError) return `a header: ${error.message}`;
    throw error;
  }
}
