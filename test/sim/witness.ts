// Sees every block that becomes durable anywhere and every frame that an honest validator sends, over all its lives,
// and keeps the first thing that must never happen. It counts quorums by itself: it does not believe the node that it
// judges.
import {
  type Message,
  type NewView,
  type PreparedCertificate,
  positionOf,
  type ViewChange,
} from '../../node/consensus/messages.ts';
import type { VoteRecord } from '../../node/consensus/record.ts';
import { stateKey, stateValueHash } from '../../node/execution/state-path.ts';
import { StateTree } from '../../node/execution/state-tree.ts';
import type { CommitCertificate, Signer } from '../../node/ledger/certificate.ts';
import { originOf } from '../../node/ledger/checkpoint.ts';
import { decodeEntry, decodeHeader } from '../../node/ledger/entry.ts';
import { contradict, type Place } from '../../node/ledger/evidence.ts';
import { type Digest, digestBytes, digestOf, equalBytes, leafHash, toHex } from '../../node/ledger/hash.ts';
import { Frontier } from '../../node/ledger/merkle.ts';
import { verify } from '../../node/ledger/signature.ts';
import { decodeTransaction } from '../../node/ledger/transaction.ts';
import { type VoteKind, type VotePosition, voteKinds, voteMessage } from '../../node/ledger/vote.ts';
import type { Channel } from '../../node/network/transport.ts';
import type { BlockCommit, Snapshot } from '../../node/store/store.ts';
import { CheckpointWitness } from './checkpoint-witness.ts';
import type { SimulatedDisk } from './disk.ts';
import type { Epochs, SetInForce } from './epochs.ts';
import type { SharedWork } from './shared-work.ts';
import { check } from './violation.ts';

export interface WitnessedBlock {
  readonly timestamp: number;
  readonly digest: Digest;
  readonly stateRoot: Digest;
  readonly logSize: number;
  readonly entries: readonly Uint8Array[];
  readonly certificate: CommitCertificate;
}

/** Of one validator: ten times what replicas keep. */
const placesKept = 320;

/** What was seen of the views of one epoch. */
interface Views {
  readonly left: Map<number, number>;
  /** That an honest validator has asked for: liars alone move nobody [V10]. */
  highest: number;
  readonly asked: Map<number, number>;
  readonly opened: Set<number>;
  /** In which a quorum has committed something. */
  readonly served: Set<number>;
}

interface Voted {
  readonly digest: string;
  readonly signature: string;
}

export class Witness {
  readonly #chainId: Uint8Array;
  /** Reads what it saw before at no cost. */
  readonly #work: SharedWork;
  readonly #epochs: Epochs;
  readonly blocks: WitnessedBlock[] = [];
  readonly checkpoints: CheckpointWitness;
  /** More lie than may: honest validators may then have two blocks of one height. */
  mayFork = false;
  /** The first such height; nothing of the chain is judged after it. */
  fork: number | undefined;
  readonly #genesis: Digest;
  readonly #log = Frontier.empty();
  /** Transaction id -> log index. */
  readonly indexes = new Map<Digest, number>();
  readonly #references = new Map<string, number>();
  readonly #voted = new Map<string, Voted>();
  readonly #views = new Map<number, Views>();
  readonly #isHonest: (machine: number) => boolean;
  readonly #proven = new Set<string>();
  /** All that each honest validator has signed in each epoch. */
  readonly #places = new Map<string, Place[]>();
  /** Highest block that clients were told of by a validator. */
  readonly #acknowledged = new Map<number, number>();

  constructor(
    chainId: Uint8Array,
    genesis: Digest,
    epochs: Epochs,
    isHonest: (machine: number) => boolean,
    work: SharedWork,
    ledger: string,
  ) {
    this.#isHonest = isHonest;
    this.#work = work;
    this.checkpoints = new CheckpointWitness(originOf({ ledger, chainId: genesis }), epochs);
    this.#chainId = chainId;
    this.#genesis = genesis;
    this.#log.append(digestBytes(genesis));
    this.#epochs = epochs;
  }

  get height(): number {
    return this.blocks.length;
  }

  /** No signature can stand for another kind, epoch, view, height, block or chain. */
  tellsApart(): void {
    const at = { epoch: 1, view: 2, height: 3, digest: this.#genesis };
    const other = digestOf(leafHash(this.#chainId));
    const positions = [at, { ...at, epoch: 2 }, { ...at, view: 3 }, { ...at, height: 4 }, { ...at, digest: other }];
    const messages = positions.map((position) => toHex(voteMessage('commit', this.#chainId, position)));
    for (const kind of voteKinds.filter((each) => each !== 'commit'))
      messages.push(toHex(voteMessage(kind, this.#chainId, at)));
    messages.push(toHex(voteMessage('commit', digestBytes(other), at)));
    check(
      new Set(messages).size === messages.length,
      'what is signed tells kind, chain, epoch, view, height and block',
    );
  }

  /** An honest validator made this block durable. */
  committed(who: number, commit: BlockCommit): void {
    const { head, certificate, entries } = commit;
    const what = `validator ${who} at height ${head.height}`;
    check(certificate !== undefined && certificate.digest === head.digest, `${what}: a certificate for its block`);
    this.#provesCommit(certificate, what);
    const known = this.blocks[head.height - 1];
    if (this.fork !== undefined) return;
    if (known === undefined) {
      check(head.height === this.blocks.length + 1, `${what}: heights follow one another`);
      this.blocks.push({ ...head, entries, certificate });
      this.#takeBlock(commit, what);
      return;
    }
    if (this.mayFork && known.digest !== head.digest) this.fork ??= head.height;
    if (this.fork !== undefined) return;
    check(known.digest === head.digest, `${what}: ${short(head.digest)}, but others have ${short(known.digest)}`);
    check(known.stateRoot === head.stateRoot && known.logSize === head.logSize, `${what}: the same state and log`);
    check(
      known.entries.length === entries.length &&
        entries.every((entry, i) => equalBytes(entry, known.entries[i] ?? entry)),
      `${what}: the same entries`,
    );
  }

  /** Its blocks are looked at one by one; this is what it says of those that are left out. */
  installed(who: number, { head, base, kept, state }: Snapshot): void {
    if (this.fork !== undefined) return;
    const what = `validator ${who}, who takes the snapshot of height ${head.height}`;
    const last = this.blocks[head.height - 1];
    check(last?.digest === head.digest && last.stateRoot === head.stateRoot, `${what}: the block of others`);
    check(last.logSize === head.logSize, `${what}: the log of others`);
    const tree = StateTree.fromEntries([...state].map(([path, value]) => [stateKey(path), stateValueHash(value)]));
    check(digestOf(tree.root) === last.stateRoot, `${what}: the state of others`);
    const before = base.height === 0 ? this.#genesis : this.blocks[base.height - 1]?.digest;
    check(before === base.digest, `${what}: it begins after a block of others`);
    for (const { block } of kept)
      check(this.blocks[block.height - 1]?.digest === block.digest, `${what}: ${block.height} is kept as it is`);
  }

  /** Exactly once: an id and a reference stand in the log one time. */
  #takeBlock({ head, block, entries }: BlockCommit, what: string): void {
    const header = decodeHeader(entries.at(-1) ?? new Uint8Array());
    const parent = this.blocks[head.height - 2]?.digest ?? this.#genesis;
    check(digestOf(header.parent) === parent, `${what}: its parent is the block before`);
    check(
      header.height === head.height && digestOf(header.stateRoot) === head.stateRoot,
      `${what}: as its header says`,
    );
    for (const entry of entries.slice(0, -1)) this.#log.append(leafHash(entry));
    check(header.logSize === this.#log.size, `${what}: the log has the size that its header says`);
    check(equalBytes(header.logRoot, this.#log.root()), `${what}: the log has the root that its header says`);
    this.#log.append(digestBytes(head.digest));
    this.checkpoints.sealed(head.height, this.#log.size, digestOf(this.#log.root()));
    if (head.height > 1) {
      const { lastCommit } = header;
      check(lastCommit?.digest === parent && lastCommit.height === head.height - 1, `${what}: it certifies its parent`);
      this.#provesCommit(lastCommit, `${what}, of its parent`);
    }
    this.#epochs.sealed(header, head.digest, entries);
    entries.forEach((bytes, at) => {
      const entry = decodeEntry(bytes);
      if (entry.kind !== 1) return;
      const { id, body } = decodeTransaction(entry.transaction);
      const reference = `${body.member}/${body.reference}`;
      check(!this.indexes.has(id), `${what}: transaction ${short(id)} a second time`);
      check(!this.#references.has(reference), `${what}: reference ${reference} a second time`);
      this.indexes.set(id, block.firstIndex + at);
      this.#references.set(reference, block.firstIndex + at);
    });
  }

  #provesCommit(certificate: CommitCertificate, what: string): void {
    const { signers } = certificate;
    const name = signers.map(({ signature }) => toHex(signature)).join() + certificate.digest + certificate.view;
    if (this.#proven.has(name)) return;
    const epoch = this.#epochs.at(certificate.height);
    check(certificate.epoch === epoch.number, `${what}: a certificate of epoch ${certificate.epoch}`);
    const message = voteMessage('commit', this.#chainId, certificate);
    const good = signers.filter(({ validator, signature }) => {
      const key = epoch.validators[validator]?.voteKey;
      return key !== undefined && verify(message, signature, key);
    });
    const distinct = new Set(good.map(({ validator }) => validator)).size;
    check(distinct === epoch.quorum && good.length === signers.length, `${what}: a quorum of distinct Commits`);
    this.#viewsOf(certificate.epoch).served.add(certificate.view);
    this.#proven.add(name);
  }

  /** [V3] Its signer's, with whatever is said to be prepared. */
  #provesViewChange(message: ViewChange, what: string): void {
    const { validator, signature, prepared } = message;
    const name = `view-change ${toHex(signature)}`;
    if (this.#proven.has(name)) return;
    const key = this.#epoch(message.epoch).validators[validator]?.voteKey;
    const signed = voteMessage('view-change', this.#chainId, positionOf(message));
    check(key !== undefined && verify(signed, signature, key), `${what}: a ViewChange that nobody signed`);
    if (prepared !== undefined) this.#provesPrepared(prepared, what);
    this.#proven.add(name);
  }

  /** [P2] The primary's PrePrepare and a quorum less one of others' Prepares, each good and of its own signer. */
  #provesPrepared(prepared: PreparedCertificate | undefined, what: string): void {
    check(prepared !== undefined, `${what}: a prepared certificate`);
    const { prePrepare, prepares, view } = prepared;
    const name = `prepared ${view} ${prepared.digest} ${prepares.map(({ signature }) => toHex(signature)).join()}`;
    if (this.#proven.has(name)) return;
    const epoch = this.#epoch(prepared.epoch);
    const isGood = (kind: VoteKind, { validator, signature }: Signer) => {
      const key = epoch.validators[validator]?.voteKey;
      return key !== undefined && verify(voteMessage(kind, this.#chainId, prepared), signature, key);
    };
    const primary = view % epoch.validators.length;
    const others = new Set(prepares.map(({ validator }) => validator).filter((validator) => validator !== primary));
    check(prePrepare.validator === primary && isGood('pre-prepare', prePrepare), `${what}: the primary's PrePrepare`);
    check(others.size === epoch.quorum - 1, `${what}: a quorum of distinct validators has prepared`);
    check(
      prepares.every((each) => isGood('prepare', each)),
      `${what}: every Prepare of its certificate is good`,
    );
    this.#proven.add(name);
  }

  /** A frame of an honest validator is about to leave. */
  leaves(who: number, channel: Channel, bytes: Uint8Array, disk: SimulatedDisk): void {
    if (channel === 'checkpoints')
      return this.fork === undefined ? this.checkpoints.leaves(who, bytes, disk) : undefined;
    // Statuses and notices sign nothing; the second byte is the kind.
    if (channel === 'transactions' || bytes[1] === 4 || bytes[1] === 5) return;
    const message = this.#work.decode(bytes);
    if (message.type === 'status' || message.type === 'committed') return;
    const what = `validator ${who}'s ${message.type} of epoch ${message.epoch} and view ${message.view}`;
    const epoch = this.#epoch(message.epoch);
    const isOwn = epoch.machines[message.validator] === who;
    check(message.type === 'new-view' || isOwn, `${what} is its own`);
    check(this.#epochs.at(disk.head().height + 1) === epoch, `${what}: its store is in that epoch`); // [E3]
    const record = this.#recordOf(disk);
    check(record !== undefined && isDurable(message, record, disk), `${what} is durable before it is sent`);
    if (message.type === 'new-view') {
      const asked = new Set(message.viewChanges.map(({ validator }) => validator));
      check(asked.size === epoch.quorum, `${what}: a quorum's ViewChanges`);
      for (const each of message.viewChanges) this.#provesViewChange(each, what);
    }
    if (message.type === 'pre-prepare' || message.type === 'prepare') {
      const must = fixedBy(record.newView, message);
      check(must === undefined || must === message.digest, `${what}: its NewView fixes another block`);
      const { opened, served } = this.#viewsOf(message.epoch);
      const isOpen = record.newView?.view === message.view || opened.has(message.view) || served.has(message.view);
      check(isOpen, `${what}: nobody has opened that view`); // [E3, V6, V9]
    }
    if (message.type === 'commit') this.#provesPrepared(record.prepared, what);
    if (isOwn) this.#signs(who, message.type, positionOf(message), toHex(message.signature), what);
  }

  /** Whoever lost the record of what it signed signs nothing; `lost` says in which epochs that counts. */
  silent(who: number, channel: Channel, bytes: Uint8Array, lost: (epoch: number) => boolean): void {
    if (channel === 'checkpoints') return this.checkpoints.silent(who, bytes);
    if (channel === 'transactions' || bytes[1] === 4 || bytes[1] === 5) return;
    const message = this.#work.decode(bytes);
    if (message.type === 'status' || message.type === 'committed') return;
    const isOwn = this.#epochs.machineOf(message.validator, message.epoch) === who;
    const what = `validator ${who} has lost its record and sends a ${message.type} of epoch ${message.epoch}`;
    check(!isOwn || !lost(message.epoch), what);
  }

  #epoch(number: number): SetInForce {
    const epoch = this.#epochs.numbered(number);
    check(epoch !== undefined, `something of epoch ${number}, which has not begun`);
    return epoch;
  }

  #viewsOf(epoch: number): Views {
    let views = this.#views.get(epoch);
    if (views === undefined) {
      views = { left: new Map(), highest: 0, asked: new Map(), opened: new Set([0]), served: new Set() };
      this.#views.set(epoch, views);
    }
    return views;
  }

  /** No contradiction under one key, and nothing of a view that was left. */
  #signs(who: number, kind: VoteKind, position: VotePosition, signature: string, what: string): void {
    const { epoch, view, height, digest } = position;
    const views = this.#viewsOf(epoch);
    const once = kind === 'view-change' || kind === 'new-view';
    const place = `${who} ${kind} ${epoch} ${view} ${once ? '' : height}`;
    const known = this.#voted.get(place);
    check(known === undefined || known.digest === digest, `${what}: one digest at ${place}`);
    check(known === undefined || known.signature === signature, `${what}: the same bytes at ${place}`);
    if (known === undefined) this.#agrees(who, epoch, { kind, ...position }, what);
    if (known === undefined) this.#voted.set(place, { digest, signature });
    check(view >= (views.left.get(who) ?? 0), `${what}: it has left that view`);
    if (kind === 'view-change') {
      check(this.mayFork || view <= views.highest + 1, `${what}: no honest validator asked for a view near it`);
      if (known === undefined && !this.mayFork) this.#mayAsk(who, epoch, view, what);
      views.highest = Math.max(view, views.highest);
      views.left.set(who, view);
    }
    if (kind === 'new-view') views.opened.add(view);
    if (kind === 'prepare' || kind === 'pre-prepare') return;
    if (kind === 'commit') this.#followsOwnPrepare(who, position, what);
  }

  /**
   * [T2, V10] Out of a view that nobody opened for it a validator goes only where f+1 others are, or once a quorum has
   * asked for that view. Those that are not honest may have asked for anything.
   */
  #mayAsk(who: number, number: number, view: number, what: string): void {
    const { asked, opened } = this.#viewsOf(number);
    const { machines, faulty, quorum } = this.#epoch(number);
    const before = asked.get(who);
    asked.set(who, view);
    const primary = machines[(view - 1) % machines.length] ?? who;
    if (before === undefined || opened.has(view - 1) || !this.#isHonest(primary)) return;
    const others = machines.filter((machine) => !this.#isHonest(machine)).length;
    const have = (least: number) => others + [...asked.values()].filter((each) => each >= least).length;
    // Its own ViewChange counts for the timer, and not for joining.
    const isJoined = have(view) - 1 > faulty;
    const isTimed = before === view - 1 && have(before) >= quorum;
    check(isJoined || isTimed, `${what}: neither a quorum nor f+1 others are there`);
  }

  /** [A1] With what it signed before in this epoch, over all its lives: or evidence could name it. */
  #agrees(who: number, epoch: number, place: Place, what: string): void {
    const name = `${who} ${epoch}`;
    const places = this.#places.get(name) ?? [];
    for (const each of places) check(!contradict(each, place), `${what} contradicts its own ${each.kind}`);
    places.push(place);
    if (places.length > placesKept) places.shift();
    this.#places.set(name, places);
  }

  /** Who commits to a block has vouched for it in that view, as primary or as backup. */
  #followsOwnPrepare(who: number, { epoch, view, height, digest }: VotePosition, what: string): void {
    const { machines } = this.#epoch(epoch);
    const kind = machines[view % machines.length] === who ? 'pre-prepare' : 'prepare';
    const vouched = this.#voted.get(`${who} ${kind} ${epoch} ${view} ${height}`);
    check(vouched?.digest === digest, `${what}: a Commit for what it vouched for`);
  }

  #recordOf(disk: SimulatedDisk): VoteRecord | undefined {
    const bytes = disk.voteRecord();
    return bytes === undefined ? undefined : this.#work.record(bytes);
  }

  acknowledged(who: number, id: Digest, index: number, height: number): void {
    if (this.fork !== undefined) return;
    check(this.indexes.get(id) === index, `validator ${who} acknowledged ${short(id)} at ${index}, which is not there`);
    this.#acknowledged.set(who, Math.max(height, this.#acknowledged.get(who) ?? 0));
  }

  /** [V9] With the same write: a certificate of a later view has brought it there. */
  moved(who: number, { certificate }: BlockCommit, disk: SimulatedDisk): void {
    const record = this.#recordOf(disk);
    if (certificate === undefined || record?.epoch !== certificate.epoch || this.fork !== undefined) return;
    const { view } = certificate;
    const isThere = record.view > view || (record.view === view && record.mode === 'normal');
    check(isThere, `validator ${who} commits by a certificate of view ${view} and stays in view ${record.view}`);
  }

  /** What a validator comes back with covers what it told clients. */
  restarts(who: number, height: number): void {
    const told = this.#acknowledged.get(who) ?? 0;
    check(height >= told, `validator ${who} comes back at height ${height} and had acknowledged ${told}`);
  }
}

/** Each block of a snapshot as if it had been committed. */
export function* blocksOf({ blocks }: Snapshot): Iterable<BlockCommit> {
  for (const each of blocks) {
    const { height, timestamp, stateRoot, logSize } = decodeHeader(each.entries.at(-1) ?? new Uint8Array());
    const { digest } = each.block;
    const head = { height, digest, timestamp, stateRoot: digestOf(stateRoot), logSize: logSize + 1, peaks: [] };
    yield { ...each, head, writes: [] };
  }
}

/** [V5] The block that a NewView fixes for a vote's height: prepared in the highest view, after the highest commit. */
function fixedBy(newView: NewView | undefined, { view, height }: VotePosition): Digest | undefined {
  if (newView === undefined || newView.view !== view) return undefined;
  const base = Math.max(...newView.viewChanges.map(({ committed }) => committed.height));
  const prepared = newView.viewChanges.map((each) => each.prepared).filter((each) => each?.height === base + 1);
  const last = Math.max(...prepared.map((each) => each?.view ?? -1));
  return height === base + 1 ? prepared.find((each) => each?.view === last)?.digest : undefined;
}

type SignedMessage = Exclude<Message, { type: 'status' | 'committed' }>;

/** [D1-D3] by the words of the rules. */
function isDurable(message: SignedMessage, record: VoteRecord, disk: SimulatedDisk): boolean {
  if (record.epoch !== message.epoch || record.view !== message.view) return false;
  const isSame = (stored: { readonly signature: Uint8Array } | undefined) =>
    stored !== undefined && equalBytes(stored.signature, message.signature);
  switch (message.type) {
    case 'pre-prepare':
      return isSame(record.accepted) && disk.body(message.digest) !== undefined;
    case 'prepare':
      return isSame(record.prepare) && disk.body(message.digest) !== undefined;
    case 'commit': {
      const { prepared } = record;
      const isPrepared = prepared?.view === message.view && prepared.digest === message.digest;
      return isSame(record.commit) && isPrepared && disk.body(message.digest) !== undefined;
    }
    case 'view-change':
      return isSame(record.viewChange) && record.mode === 'changing';
    case 'new-view':
      return isSame(record.newView) && record.mode === 'normal';
  }
}

function short(digest: string): string {
  return digest.slice(0, 8);
}
