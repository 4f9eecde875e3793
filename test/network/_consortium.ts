// Validators with real keys and everything they can sign, for tests of what may be believed.
import type {
  Block,
  Committed,
  Heard,
  NewView,
  PrePrepare,
  PreparedCertificate,
  ViewChange,
  Vote,
} from '../../node/consensus/messages.ts';
import { newViewPosition, viewChangePosition } from '../../node/consensus/messages.ts';
import type { CommitCertificate } from '../../node/ledger/certificate.ts';
import { encodeEntry, encodeHeader, headerDigest } from '../../node/ledger/entry.ts';
import { type Digest, digestBytes, leafHash, sha256, toHex } from '../../node/ledger/hash.ts';
import { Frontier } from '../../node/ledger/merkle.ts';
import { deriveSeed, publicKeyOf, sign } from '../../node/ledger/signature.ts';
import { quorumOf, type Validator, type ValidatorSet } from '../../node/ledger/validators.ts';
import { type VoteKind, type VotePosition, voteMessage } from '../../node/ledger/vote.ts';
import type { LogEnd } from '../../node/network/fetched-block.ts';
import type { StoredBlock } from '../../node/network/sync-messages.ts';

const text = new TextEncoder();
export const chainId = sha256(text.encode('a chain for tests'));
export const otherChainId = sha256(text.encode('another chain'));
export const epoch = 0;

export function validatorSeedOf(index: number): Uint8Array {
  return sha256(text.encode(`seed of validator ${index}`));
}

export function networkSeedOf(index: number): Uint8Array {
  return deriveSeed(validatorSeedOf(index), 'network');
}

export function validatorsOf(count: number): ValidatorSet {
  return Array.from({ length: count }, (_, index): Validator => {
    const key = (purpose: 'vote' | 'audit' | 'network') => publicKeyOf(deriveSeed(validatorSeedOf(index), purpose));
    const proof = new Uint8Array(64);
    return {
      id: `validator-${index}`,
      member: `BRANCH-${index}`,
      voteKey: key('vote'),
      auditKey: key('audit'),
      networkKey: key('network'),
      voteProof: proof,
      auditProof: proof,
      networkProof: proof,
    };
  });
}

export function signAs(validator: number, kind: VoteKind, position: VotePosition, chain = chainId): Uint8Array {
  return sign(voteMessage(kind, chain, position), deriveSeed(validatorSeedOf(validator), 'vote'));
}

export function voteOf(type: Vote['type'], validator: number, position: VotePosition): Vote {
  const { view, height, digest } = position;
  return { type, epoch: position.epoch, view, height, digest, validator, signature: signAs(validator, type, position) };
}

export function heardOf(kind: VoteKind, validator: number, position: VotePosition): Heard {
  return { ...position, kind, validator, signature: signAs(validator, kind, position) };
}

function quorumIndexes(count: number): number[] {
  return Array.from({ length: quorumOf(count).size }, (_, index) => index);
}

export function certificateOf(count: number, position: VotePosition): CommitCertificate {
  const signers = quorumIndexes(count).map((validator) => ({
    validator,
    signature: signAs(validator, 'commit', position),
  }));
  const { view, height, digest } = position;
  return { epoch: position.epoch, view, height, digest, signers };
}

export function prePrepareOf(count: number, view: number, block: Block, height: number): PrePrepare {
  const validator = view % count;
  const position = { epoch, view, height, digest: headerDigest(block.header) };
  return { type: 'pre-prepare', ...position, validator, signature: signAs(validator, 'pre-prepare', position), block };
}

export function preparedOf(count: number, view: number, height: number, digest: Digest): PreparedCertificate {
  const position = { epoch, view, height, digest };
  const primary = view % count;
  const backups = Array.from({ length: count }, (_, index) => index).filter((index) => index !== primary);
  return {
    ...position,
    prePrepare: { validator: primary, signature: signAs(primary, 'pre-prepare', position) },
    prepares: backups
      .slice(0, quorumOf(count).size - 1)
      .map((validator) => ({ validator, signature: signAs(validator, 'prepare', position) })),
  };
}

export const genesisCommitted: Committed = { height: 0, digest: toHex(chainId) as Digest, certificate: undefined };

export function committedOf(count: number, height: number, digest: Digest): Committed {
  return { height, digest, certificate: certificateOf(count, { epoch, view: 0, height, digest }) };
}

export function viewChangeOf(
  validator: number,
  view: number,
  committed: Committed,
  prepared?: PreparedCertificate,
): ViewChange {
  return signViewChange({ type: 'view-change', epoch, view, validator, committed, prepared });
}

export function signViewChange(unsigned: Omit<ViewChange, 'signature'>): ViewChange {
  return { ...unsigned, signature: signAs(unsigned.validator, 'view-change', viewChangePosition(unsigned)) };
}

export function newViewOf(count: number, view: number, viewChanges: readonly ViewChange[]): NewView {
  return signNewView({ type: 'new-view', epoch, view, validator: view % count, viewChanges });
}

export function signNewView(unsigned: Omit<NewView, 'signature'>): NewView {
  return { ...unsigned, signature: signAs(unsigned.validator, 'new-view', newViewPosition(unsigned)) };
}

export function digestNamed(name: string): Digest {
  return toHex(sha256(text.encode(name))) as Digest;
}

/** A log that begins with one genesis leaf, and blocks that continue it. The state roots are nobody's. */
export class Chain {
  readonly count: number;
  readonly blocks: StoredBlock[] = [];
  end: LogEnd;

  constructor(count: number) {
    this.count = count;
    this.end = { height: 0, digest: toHex(chainId) as Digest, logSize: 1, peaks: [chainId] };
  }

  /** Entries that decode; what they say is nobody's business here. */
  static transactionEntry(name: string): Uint8Array {
    return Uint8Array.from(encodeEntry({ kind: 1, transaction: text.encode(name), outcome: 'OK', events: [] }));
  }

  add(inner: readonly Uint8Array[]): StoredBlock {
    const { height, digest, logSize, peaks } = this.end;
    const frontier = Frontier.fromHashes(logSize, peaks);
    for (const entry of inner) frontier.append(leafHash(entry));
    const encoded = encodeHeader({
      version: 1,
      chainId,
      epoch,
      height: height + 1,
      proposer: 0,
      timestamp: 1_700_000_000_000 + height,
      parent: digestBytes(digest),
      logSize: frontier.size,
      logRoot: frontier.root(),
      stateRoot: sha256(text.encode('state')),
      validatorSetHash: sha256(text.encode('set')),
      nextValidatorSetHash: sha256(text.encode('set')),
      protocolVersion: 1,
      lastCommit: this.blocks.at(-1)?.certificate,
    });
    // Plain bytes, for they are compared with what was decoded; the encoder gives a Buffer at times.
    const header = Uint8Array.from(encoded);
    const next = headerDigest(header);
    const certificate = certificateOf(this.count, { epoch, view: 0, height: height + 1, digest: next });
    frontier.append(digestBytes(next));
    this.end = { height: height + 1, digest: next, logSize: frontier.size, peaks: frontier.toHashes() };
    const block = { entries: [...inner, header], certificate };
    this.blocks.push(block);
    return block;
  }
}
