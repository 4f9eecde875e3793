// Opens a folder as `daybook node start` does and says what is wrong with what it finds: something acknowledged that is
// gone, something signed that the vote record no longer covers, a log that does not hold together, a state that is not
// the head's. Throws nothing; what kills the opener kills this process, and its parent sees that.

import { isDeepStrictEqual } from 'node:util';
import { verify } from '../../../node/audit/audit.ts';
import { StoreSource } from '../../../node/audit/source.ts';
import { covers } from '../../../node/consensus/amnesia.ts';
import { decodeCheckpointMessage } from '../../../node/consensus/checkpoint-messages.ts';
import { decodeMessage, positionOf } from '../../../node/consensus/messages.ts';
import { decodeRecord } from '../../../node/consensus/record.ts';
import { certificateProblem } from '../../../node/ledger/certificate.ts';
import { type Digest, digestOf, equalBytes, leafHash, sha256, toHex } from '../../../node/ledger/hash.ts';
import { Frontier } from '../../../node/ledger/merkle.ts';
import { openLmdbStore } from '../../../node/store/lmdb-opening.ts';
import { preflight } from '../../../node/store/preflight.ts';
import { type Store, StoreError } from '../../../node/store/store.ts';
import { MemoryCluster } from '../../node/_memory-cluster.ts';
import { type Expectation, inWords, type Kept, keptNow, recorded, type Signed } from './_story.ts';

export interface Verdict {
  readonly problem: string | undefined;
  readonly opened: boolean;
  /** Whether a write in flight had become durable as a whole. */
  readonly begunIsThere: boolean;
}

export async function judge(folder: string, expected: Expectation, wholeAudit: boolean): Promise<Verdict> {
  const cluster = new MemoryCluster();
  const { genesis } = cluster;
  const identity = { chainId: toHex(cluster.chainId) as Digest, validator: genesis.validators[recorded]?.id ?? '' };
  let store: Store;
  try {
    await preflight(folder);
    store = await openLmdbStore(folder, identity);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    // A creation that was cut short is refused and must say so; nothing was signed with it.
    const problem = expected.done === undefined ? undefined : `not opened: ${error.message}`;
    return { problem, opened: false, begunIsThere: false };
  }
  try {
    const problem =
      keptProblem(store, expected) ??
      signedProblem(cluster, store, expected) ??
      logProblem(cluster, store) ??
      (wholeAudit ? await auditProblem(cluster, store) : undefined) ??
      writeProblem(store);
    const begunIsThere = expected.begun !== undefined && isKept(store, expected.begun);
    return { problem, opened: true, begunIsThere };
  } finally {
    await store.close();
  }
}

function isKept(store: Store, kept: Kept): boolean {
  return isDeepStrictEqual(keptNow(store), kept);
}

/** The last finished write or the one that had begun, whole; nothing between and nothing older. */
function keptProblem(store: Store, { done, begun, told }: Expectation): string | undefined {
  const states = [done, begun].filter((each) => each !== undefined);
  if (!states.some((each) => isKept(store, each))) {
    const heights = states.map((each) => each.height).join(' or ');
    return `the store has height ${store.head().height} where ${heights} was written, or another vote record`;
  }
  for (const { transaction, index } of told)
    if (store.transaction(transaction as Digest) !== index) return `transaction ${transaction} was told and is lost`;
  return undefined;
}

/** The state root is checked by starting, and what the validator then repeats must be what it had sent. */
function signedProblem(cluster: MemoryCluster, store: Store, { sent, cosigned }: Expectation): string | undefined {
  const stored = store.voteRecord();
  if (stored === undefined) return 'there is no vote record';
  const record = decodeRecord(stored);
  for (const each of sent)
    if (!covers(record, { ...each, validator: recorded, signature: new Uint8Array(64) }))
      return `${nameOf(each)} was sent, and the vote record does not cover it`;
  const known = new Map(sent.map((each) => [nameOf(each), each.digest]));
  const heads = new Map(cosigned);
  const contradictions: string[] = [];
  const newest = Math.max(0, ...heads.keys());
  if ((store.cosigned()?.size ?? 0) < newest) return `size ${newest} was cosigned, and the store has forgotten it`;
  cluster.onSend = (_from, channel, bytes) => {
    if (channel === 'transactions') return;
    if (channel === 'checkpoints') {
      const said = decodeCheckpointMessage(bytes);
      const known = said.type === 'cosignature' ? heads.get(said.cosigned.size) : undefined;
      if (said.type === 'cosignature' && known !== undefined && known !== inWords(said.cosigned))
        contradictions.push(`size ${said.cosigned.size} is cosigned anew`);
      return;
    }
    const message = decodeMessage(bytes);
    if (message.type === 'status' || message.type === 'committed' || message.validator !== recorded) return;
    const { epoch, view, height, digest } = positionOf(message);
    const name = nameOf({ kind: message.type, epoch, view, height, digest });
    const before = known.get(name);
    if (before !== undefined && before !== digest) contradictions.push(`${name} is repeated for another block`);
  };
  cluster.stores[recorded] = store;
  cluster.start(recorded);
  const node = cluster.nodes[recorded];
  const silence = node?.silence;
  for (let i = 0; i < 20; i++) node?.tick();
  cluster.kill(recorded);
  return silence === undefined ? contradictions[0] : `it votes no more: ${silence}`;
}

function nameOf({ kind, epoch, view, height }: Signed): string {
  return `${kind} ${epoch}/${view}/${height}`;
}

/** Every entry folds to the head; the tail's certificate holds. */
function logProblem(cluster: MemoryCluster, store: Store): string | undefined {
  const head = store.head();
  const frontier = Frontier.empty();
  const entries = store.entries(0, head.logSize);
  if (entries.length !== head.logSize) return `${entries.length} entries of ${head.logSize}`;
  for (const entry of entries) frontier.append(leafHash(entry));
  const peaks = frontier.toHashes();
  if (!peaks.every((peak, i) => equalBytes(peak, head.peaks[i] ?? new Uint8Array(0))))
    return 'the entries do not fold to the peaks of the head';
  for (let height = Math.max(1, head.height - 3); height <= head.height; height++) {
    const certificate = store.certificate(height);
    const problem =
      certificate === undefined
        ? 'missing'
        : certificateProblem(certificate, cluster.chainId, cluster.genesis.validators);
    if (problem !== undefined) return `the certificate of height ${height}: ${problem}`;
  }
  return undefined;
}

async function auditProblem(cluster: MemoryCluster, store: Store): Promise<string | undefined> {
  const verdict = await verify(new StoreSource(store), { genesis: cluster.genesis });
  return verdict.ok ? undefined : `the audit: ${JSON.stringify(verdict.finding)}`;
}

/** Pages that LMDB takes for free must be free: writes after the crash must not hurt what is there. */
function writeProblem(store: Store): string | undefined {
  const record = store.voteRecord() ?? new Uint8Array(0);
  const before = stateDigest(store);
  const bodies = [20_000, 300, 9_000].map((length) => new Uint8Array(length).fill(length % 251));
  const rows = bodies.map((body) => [digestOf(sha256(body)), body] as const);
  for (const row of rows) store.persistVote({ record, putBodies: [row], deleteBodies: [] });
  if (rows.some(([digest, body]) => !equalBytes(store.body(digest) ?? new Uint8Array(0), body)))
    return 'a body that was written after the crash is not there';
  store.persistVote({ record, putBodies: [], deleteBodies: rows.map(([digest]) => digest) });
  return stateDigest(store) === before ? undefined : 'a write after the crash changed other records';
}

function stateDigest(store: Store): string {
  const parts = [...store.stateRecords()].map(([path, value]) => `${path} ${toHex(value)}`);
  const entries = store.entries(0, store.head().logSize).map((entry) => toHex(leafHash(entry)));
  return toHex(sha256(Buffer.from([...parts, ...entries].join('\n'))));
}
