// Chained blocks for store tests: real headers over real tree hashes, random entries and state, unsigned certificates.
// Nothing here is executed or judged; a store keeps bytes.
import { encodeEntry, encodeHeader } from '../../node/ledger/entry.ts';
import { type Digest, digestBytes, digestOf, leafHash, sha256 } from '../../node/ledger/hash.ts';
import { completedNodes, Frontier } from '../../node/ledger/merkle.ts';
import { storeFormat } from '../../node/store/rows.ts';
import type { BlockCommit, Head, StatePath, StoreIdentity, VoteChange } from '../../node/store/store.ts';
import { type Prng, prng } from '../_prng.ts';

const genesisTime = 1_700_000_000_000;

/** A certificate of three signatures that nobody made. */
function certificateOf(height: number, digest: Digest) {
  const signers = [0, 1, 2].map((validator) => ({ validator, signature: new Uint8Array(64).fill(validator + height) }));
  return { epoch: 0, view: 0, height, digest, signers };
}

export class FakeChain {
  readonly genesis: BlockCommit;
  readonly identity: StoreIdentity;
  /** Blocks made so far, the genesis block first. */
  readonly commits: BlockCommit[] = [];
  private readonly random: Prng;
  private frontier = Frontier.empty();
  private head: Head;

  constructor(seed: number, validator = 'bank-a') {
    this.random = prng(seed);
    const entry = encodeEntry({ kind: 0, document: [seed, this.random.bytes(32)] });
    const digest = digestOf(leafHash(entry));
    this.identity = { chainId: digest, validator, format: storeFormat };
    const nodes = this.append([entry]);
    this.head = {
      height: 0,
      digest,
      logSize: 1,
      timestamp: genesisTime,
      peaks: this.frontier.toHashes(),
      stateRoot: digestOf(this.random.bytes(32)),
    };
    this.genesis = {
      head: this.head,
      block: { height: 0, digest, firstIndex: 0, headerIndex: 0 },
      entries: [entry],
      certificate: undefined,
      nodes,
      writes: [['consortium/members/BANK-A', this.random.bytes(40)]],
      references: [],
      transactions: [],
    };
    this.commits.push(this.genesis);
  }

  /** The next block, of `count` entries before its header. `writes` are added to two state records of its own. */
  next(count = 3, writes: BlockCommit['writes'] = []): BlockCommit {
    const height = this.head.height + 1;
    const firstIndex = this.head.logSize;
    const entries = Array.from({ length: count }, () => this.random.bytes(200 + this.random.int(300)));
    const nodes = this.append(entries);
    const stateRoot = digestOf(this.random.bytes(32));
    const timestamp = genesisTime + height * 1_000;
    const parent = this.head;
    const headerEntry = encodeHeader({
      version: 1,
      chainId: digestBytes(this.identity.chainId),
      epoch: 0,
      height,
      proposer: height % 4,
      timestamp,
      parent: digestBytes(parent.digest),
      logSize: this.frontier.size,
      logRoot: this.frontier.root(),
      stateRoot: digestBytes(stateRoot),
      validatorSetHash: new Uint8Array(32),
      nextValidatorSetHash: new Uint8Array(32),
      protocolVersion: 1,
      lastCommit: parent.height === 0 ? undefined : certificateOf(parent.height, parent.digest),
    });
    nodes.push(...this.append([headerEntry]));
    const digest = digestOf(leafHash(headerEntry));
    const logSize = this.frontier.size;
    this.head = { height, digest, logSize, timestamp, peaks: this.frontier.toHashes(), stateRoot };
    const ids = entries.map((entry) => digestOf(sha256(entry)));
    const commit: BlockCommit = {
      head: this.head,
      block: { height, digest, firstIndex, headerIndex: logSize - 1 },
      entries: [...entries, headerEntry],
      certificate: certificateOf(height, digest),
      nodes,
      writes: [...this.accounts(height), ...writes],
      references: ids.map((transaction, i) => ({
        member: 'BANK-A',
        reference: `REF ${height}-${i}`,
        index: firstIndex + i,
        time: timestamp,
        transaction,
        line: 0,
      })),
      transactions: ids.map((id, i) => [id, firstIndex + i]),
    };
    this.commits.push(commit);
    return commit;
  }

  /** Of the log as it is. */
  root(): Uint8Array {
    return this.frontier.root();
  }

  /** Back to a block that was made before: what comes next follows it. */
  rewind({ head }: BlockCommit): void {
    this.head = head;
    this.frontier = Frontier.fromHashes(head.logSize, head.peaks);
  }

  private accounts(height: number): [StatePath, Uint8Array][] {
    return [
      [`payments/accounts/A-${height % 50}`, this.random.bytes(60)],
      [`payments/accounts/B-${height % 70}`, this.random.bytes(60)],
    ];
  }

  private append(entries: readonly Uint8Array[]): { level: number; index: number; hash: Uint8Array }[] {
    const leaves = entries.map(leafHash);
    const nodes = completedNodes(this.frontier, leaves);
    for (const leaf of leaves) this.frontier.append(leaf);
    return nodes;
  }
}

/** A vote record that names a height, and bodies by their hash. */
export function voteOf(height: number, bodies: readonly Uint8Array[] = [], remove: readonly Digest[] = []): VoteChange {
  return {
    record: Uint8Array.from(Buffer.from(`vote ${height}`)),
    putBodies: bodies.map((body) => [digestOf(sha256(body)), body]),
    deleteBodies: remove,
  };
}

/** Names for random operations: of unlike lengths in UTF-8, some a prefix of others. */
const contracts = ['payments', 'consortium'];
const names = ['A', 'B', 'B-1', 'a/b', 'É', '\u{4e00}', '\u{fb01}', '\u{1f600}', '~'];
export const paths = contracts.flatMap((contract) => names.map((name) => `${contract}/accounts/${name}`));
export const prefixes = [
  '',
  'payments/',
  'payments/accounts/',
  'payments/accounts/B',
  'consortium/accounts/a/',
  'none/',
];
export const members = ['NORTH', 'SOUTH'];
export const references = ['R1', 'R1 ', 'Ř/1', 'R\u{4e00}', 'R2'];
