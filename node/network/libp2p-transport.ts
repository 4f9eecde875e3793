// The Transport over libp2p: TCP, noise, yamux and nothing else (no identify, DHT, relay, mDNS, UPnP). Only validators'
// network keys get past the handshake, and the handshake fails for another chain. Beside it
// tcp-door.ts and yamux-guard.ts alone name libp2p. On Node 20 it needs polyfill.ts before it.
import { isIP } from 'node:net';
import { performance } from 'node:perf_hooks';
import { generateKeyPairFromSeed, publicKeyFromRaw } from '@libp2p/crypto/keys';
import type { ComponentLogger, Connection, Libp2p, Logger, PeerId } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { peerIdFromPublicKey } from '@libp2p/peer-id';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { assert } from '../ledger/assert.ts';
import { validatorsMax } from '../ledger/limits.ts';
import { publicKeyOf } from '../ledger/signature.ts';
import { answerBytesMax, FrameError, FrameReader, frameBytesMax, frameOf } from './frames.ts';
import { type InboundBudgets, InboundQueue } from './inbound-queue.ts';
import { beatMs, connectionsMax, laneNames, PeerLink, protocolOf } from './peer-link.ts';
import { Redial } from './redial.ts';
import { answer, ask } from './sync-stream.ts';
import { guardedTcp } from './tcp-door.ts';
import { TokenBucket } from './token-bucket.ts';
import type { AdmittedPeer, Channel, Receiver, Transport } from './transport.ts';
import { TransportError } from './transport-error.ts';
import { partsOf, type WireStream } from './wire.ts';
import { guardedYamux, YamuxError, type YamuxLimits } from './yamux-guard.ts';

export interface PeerAddress {
  readonly host: string;
  readonly port: number;
}

export interface Libp2pOptions {
  readonly chainId: Uint8Array;
  /** Of our own network key. */
  readonly networkSeed: Uint8Array;
  /** Who is admitted from the start; `admit` says it anew. */
  readonly admitted?: readonly AdmittedPeer[];
  readonly listen: PeerAddress;
  /** Asked at each dial. Whoever has none is waited for. */
  readonly addressOf: (peer: AdmittedPeer) => PeerAddress | undefined;
  readonly budgets?: InboundBudgets;
}

/**
 * Several times what an honest validator sends in its busiest second. A vote costs a verification and a NewView some
 * milliseconds, so without this one validator that lies could keep all others' processors busy.
 */
const defaultBudgets: InboundBudgets = {
  votes: { framesPerSecond: 4_000, bytesPerSecond: 8_388_608 },
  proposals: { framesPerSecond: 500, bytesPerSecond: 67_108_864 },
  transactions: { framesPerSecond: 20_000, bytesPerSecond: 16_777_216 },
  checkpoints: { framesPerSecond: 2_000, bytesPerSecond: 2_097_152 },
};
const streamWindowBytesMax = 1_048_576;
const yamuxLimits: YamuxLimits = {
  windowBytesMax: streamWindowBytesMax,
  framesPerSecond: 20_000,
  framesBurst: 60_000,
  unsentBytesMax: 2 * answerBytesMax,
};
const dialTimeoutMs = 2_000;
const peersMin = 32;
/** As many as the largest set could have, each under two keys: the set grows, and libp2p counts by its beginning. */
const connectionsInAllMax = 2 * validatorsMax * connectionsMax + 8;
const syncRequestsPerSecond = 50;
/** An answer counts as one more request for each so many bytes: reading and hashing them is what it costs. */
const syncBytesPerRequest = 262_144;
/** Of heartbeats, which take five bytes a second; those of a minute in which we were paused come at once. */
const aliveBytesPerSecond = 64;
const aliveBytesBurst = 4_096;
/** A peer that broke the framing is refused for this long, doubled each time. */
const offenceMs = 1_000;
const offenceMsMax = 60_000;

interface Peer {
  admitted: AdmittedPeer;
  readonly index: number;
  readonly id: PeerId;
  readonly link: PeerLink;
  readonly redial: Redial;
  readonly syncBudget: TokenBucket;
  offences: number;
  refusedUntil: number;
}

export class Libp2pTransport implements Transport {
  readonly #options: Libp2pOptions;
  readonly #peers = new Map<number, Peer>();
  readonly #byId = new Map<string, Peer>();
  #networkSeed: Uint8Array;
  #ownKey: Uint8Array;
  /** Where it listens; the same again after a change of its own key. */
  #listen: PeerAddress;
  /** One change of the own key after another. */
  #rekeyed: Promise<void> = Promise.resolve();
  #isRekeying = false;
  #admitted: readonly AdmittedPeer[] = [];
  readonly #inbound: InboundQueue;
  #node: Libp2p | undefined;
  #receiver: Receiver | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #isStopped = false;
  #oversized = 0;

  constructor(options: Libp2pOptions) {
    this.#options = options;
    this.#networkSeed = options.networkSeed;
    this.#ownKey = publicKeyOf(options.networkSeed);
    this.#listen = options.listen;
    const sink = {
      receive: (from: number, channel: Channel, bytes: Uint8Array) => this.#receiver?.receive(from, channel, bytes),
      offended: (from: number) => this.#punish(from),
    };
    this.#inbound = new InboundQueue(0, sink, options.budgets ?? defaultBudgets);
    this.admit(options.admitted ?? []);
  }

  admit(admitted: readonly AdmittedPeer[]): void {
    this.#admitted = admitted;
    if (!this.#isRekeying) this.#admitAll(admitted);
  }

  #admitAll(admitted: readonly AdmittedPeer[]): void {
    const wanted = new Map(admitted.map((each) => [each.peer, each]));
    for (const peer of [...this.#peers.values()]) if (!wanted.has(peer.index)) this.#drop(peer);
    for (const each of admitted) {
      const known = this.#peers.get(each.peer);
      if (known !== undefined) known.admitted = each;
      else this.#add(each);
    }
  }

  #add(admitted: AdmittedPeer): void {
    const peer = this.#makePeer(admitted);
    this.#peers.set(peer.index, peer);
    this.#byId.set(peer.id.toString(), peer);
    this.#inbound.grow(peer.index + 1);
    if (this.#node !== undefined) peer.redial.schedule();
  }

  #drop(peer: Peer): void {
    this.#peers.delete(peer.index);
    this.#byId.delete(peer.id.toString());
    peer.redial.stop();
    peer.link.abort(new Error('this key is admitted no more'));
  }

  /** From now on this node is known by another network key: it is away for a moment, on the same port. */
  rekey(networkSeed: Uint8Array): Promise<void> {
    this.#rekeyed = this.#rekeyed.then(() => this.#rekey(networkSeed));
    return this.#rekeyed;
  }

  async #rekey(networkSeed: Uint8Array): Promise<void> {
    const key = publicKeyOf(networkSeed);
    if (Buffer.compare(key, this.#ownKey) === 0 || this.#isStopped) return;
    this.#isRekeying = true;
    const former = this.#node;
    if (former !== undefined) this.#listen = { host: this.#listen.host, port: this.port };
    this.#node = undefined;
    this.#networkSeed = networkSeed;
    this.#ownKey = key;
    this.#admitAll([]);
    // The connections end in turns of their own, which come before this one.
    await new Promise((resolve) => setImmediate(resolve));
    await former?.stop();
    if (former !== undefined && !this.#isStopped) await this.#listenAnew();
    this.#isRekeying = false;
    this.#admitAll(this.#admitted);
  }

  /** Rejects with TransportError when the address cannot be listened on. */
  async start(receiver: Receiver): Promise<void> {
    assert(this.#node === undefined && !this.#isStopped, 'a transport is started once');
    this.#receiver = receiver;
    await this.#rekeyed;
    await this.#listenAnew();
    this.#heartbeat = setInterval(() => this.#beat(), beatMs);
    for (const peer of this.#peers.values()) peer.redial.schedule();
  }

  async #listenAnew(): Promise<void> {
    const node = await this.#createNode();
    node.addEventListener('connection:open', ({ detail }) => {
      const peer = this.#peerOf(detail);
      if (peer === undefined || this.#isStopped) return;
      detail.addEventListener('close', ({ error }) => {
        if (error instanceof YamuxError) this.#punish(peer.index);
      });
      peer.link.opened(detail);
    });
    node.addEventListener('connection:close', ({ detail }) => this.#peerOf(detail)?.link.closed(detail));
    await this.#handleStreams(node);
    try {
      await node.start();
    } catch (error) {
      throw this.#listenError(error);
    }
    this.#node = node;
  }

  /** Where it listens: the port that the system gave, when 0 was asked for. */
  get port(): number {
    const address = this.#node?.getMultiaddrs()[0];
    const port = address?.getComponents().find(({ name }) => name === 'tcp')?.value;
    return Number(port ?? 0);
  }

  send(to: number, channel: Channel, bytes: Uint8Array): void {
    const link = this.#peers.get(to)?.link;
    if (link === undefined || !this.#fits(channel, bytes)) return;
    link.send(channel, frameOf(bytes));
  }

  broadcast(channel: Channel, bytes: Uint8Array): void {
    if (!this.#fits(channel, bytes)) return;
    const framed = frameOf(bytes);
    for (const { link, admitted } of this.#peers.values()) if (admitted.isVoter) link.send(channel, framed);
  }

  async request(to: number, bytes: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const link = this.#peers.get(to)?.link;
    const connection = link?.connection;
    if (connection === undefined || this.#isStopped) throw new TransportError(`validator ${to} is not connected`);
    const stream = await connection.newStream(protocolOf('sync'), { signal });
    // On a slow line the heartbeats wait behind a large answer.
    stream.addEventListener('message', () => link?.heard());
    return await ask(stream, bytes, signal);
  }

  peers(): readonly number[] {
    return [...this.#peers.values()].filter(({ link }) => link.isConnected).map(({ index }) => index);
  }

  /** What was lost to full queues or for its size, for metrics. */
  dropped(): { readonly [C in Channel | 'oversized']: number } {
    const sum = (channel: Channel) =>
      [...this.#peers.values()].reduce((total, { link }) => total + (link.lane(channel)?.dropped ?? 0), 0);
    return {
      votes: sum('votes'),
      proposals: sum('proposals'),
      transactions: sum('transactions'),
      checkpoints: sum('checkpoints'),
      oversized: this.#oversized,
    };
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    clearInterval(this.#heartbeat);
    this.#inbound.stop();
    for (const { redial, link } of this.#peers.values()) {
      redial.stop();
      link.abort(new Error('this node stops'));
    }
    // The connections end in turns of their own, which come before this one.
    await new Promise((resolve) => setImmediate(resolve));
    await this.#rekeyed;
    await this.#node?.stop();
  }

  #makePeer(admitted: AdmittedPeer): Peer {
    const { peer: index, networkKey } = admitted;
    const id = peerIdFromPublicKey(publicKeyFromRaw(networkKey));
    const redial = new Redial({
      dial: () => this.#dial(index),
      isWanted: () => !link.isConnected,
      waitMs: () => Math.max(0, (this.#peers.get(index)?.refusedUntil ?? 0) - performance.now()),
    });
    // Of two connections one end keeps the better: both must agree who that is.
    const link = new PeerLink(Buffer.compare(this.#ownKey, networkKey) < 0, {
      connected: () => this.#receiver?.connected(index),
      disconnected: (livedMs) => {
        if (this.#isStopped) return;
        this.#receiver?.disconnected(index);
        if (this.#peers.get(index)?.link === link) redial.schedule(livedMs);
      },
    });
    const syncBudget = new TokenBucket(syncRequestsPerSecond, syncRequestsPerSecond, performance.now());
    return { admitted, index, id, link, redial, syncBudget, offences: 0, refusedUntil: 0 };
  }

  async #createNode(): Promise<Libp2p> {
    const { chainId } = this.#options;
    const peers = Math.max(peersMin, 2 * this.#peers.size);
    const isStranger = (id: PeerId) => !this.#isAdmitted(id);
    return await createLibp2p({
      start: false,
      privateKey: await generateKeyPairFromSeed('Ed25519', this.#networkSeed),
      logger: silent,
      addresses: { listen: [addressOf(this.#listen).toString()] },
      transports: [
        guardedTcp({
          dialOpts: { noDelay: true, keepAlive: true },
          listenOpts: { noDelay: true, keepAlive: true },
          maxConnections: connectionsInAllMax + 4 * peers,
          handshakesMax: peers + 8,
        }),
      ],
      connectionEncrypters: [noise({ prologueBytes: chainId })],
      // The defaults allow 1,000 streams of 4 MiB and an endless write buffer on each connection.
      streamMuxers: [
        guardedYamux(
          {
            maxInboundStreams: 16,
            maxOutboundStreams: 32,
            maxEarlyStreams: 16,
            streamOptions: {
              maxStreamWindowSize: streamWindowBytesMax,
              maxReadBufferLength: 2 * streamWindowBytesMax,
              maxWriteBufferLength: answerBytesMax + 1_048_576,
            },
          },
          yamuxLimits,
        ),
      ],
      connectionManager: {
        maxConnections: connectionsInAllMax,
        inboundConnectionThreshold: 2 * peers + 8,
        // Counted, and not reached: the door keeps them fewer.
        maxIncomingPendingConnections: 4 * peers + 32,
        inboundUpgradeTimeout: 3_000,
        dialTimeout: dialTimeoutMs,
        addressDialTimeout: dialTimeoutMs,
        connectionCloseTimeout: 200,
        reconnectRetries: 0,
      },
      connectionMonitor: { enabled: false },
      connectionGater: {
        denyDialPeer: isStranger,
        denyDialMultiaddr: () => false,
        denyInboundEncryptedConnection: isStranger,
        denyOutboundEncryptedConnection: isStranger,
      },
    });
  }

  #isAdmitted(id: PeerId): boolean {
    const peer = this.#byId.get(id.toString());
    return peer !== undefined && !this.#isStopped && performance.now() >= peer.refusedUntil;
  }

  async #handleStreams(node: Libp2p): Promise<void> {
    // Two a connection: while a stream is replaced both may live for a moment.
    const limits = { maxInboundStreams: 2, maxOutboundStreams: 4 };
    for (const name of laneNames) {
      await node.handle(
        protocolOf(name),
        (stream, connection) => {
          const peer = this.#peerOf(connection);
          if (peer === undefined) return stream.abort(new Error('no validator'));
          if (name === 'alive') this.#watch(peer, stream);
          else this.#inbound.read(peer.index, name, stream, () => peer.link.heard());
        },
        limits,
      );
    }
    await node.handle(
      protocolOf('sync'),
      (stream, connection) => {
        const peer = this.#peerOf(connection);
        if (peer === undefined || !peer.syncBudget.hasTokens(performance.now())) return stream.abort(new Error('no'));
        peer.syncBudget.take(1);
        answer(stream, (request) => {
          peer.link.heard();
          const answered = this.#receiver?.serve(peer.index, request);
          peer.syncBudget.take((answered?.length ?? 0) / syncBytesPerRequest);
          return answered;
        });
      },
      { maxInboundStreams: 2, maxOutboundStreams: 8 },
    );
  }

  /** Heartbeats say nothing but that they come. */
  #watch(peer: Peer, stream: WireStream): void {
    const reader = new FrameReader(1);
    const budget = new TokenBucket(aliveBytesPerSecond, aliveBytesBurst, performance.now());
    stream.addEventListener('message', ({ data }) => {
      peer.link.heard();
      try {
        for (const part of partsOf(data)) {
          budget.take(part.length);
          if (!budget.hasTokens(performance.now())) throw new FrameError('more heartbeats than anybody sends');
          reader.push(part);
        }
        while (reader.next() !== undefined);
      } catch {
        this.#punish(peer.index);
      }
    });
  }

  async #dial(index: number): Promise<void> {
    const peer = this.#peers.get(index);
    const address = peer && this.#options.addressOf(peer.admitted);
    if (peer === undefined || peer.link.isConnected || this.#isStopped) return;
    if (address === undefined) return;
    try {
      const target = addressOf(address).encapsulate(`/p2p/${peer.id.toString()}`);
      await this.#node?.dial(target, { signal: AbortSignal.timeout(dialTimeoutMs) });
    } catch {
      // Not there, not itself or not willing: the next attempt is all that follows.
    }
  }

  #punish(from: number): void {
    const peer = this.#peers.get(from);
    if (peer === undefined) return;
    const refusedMs = Math.min(offenceMs * 2 ** peer.offences, offenceMsMax);
    peer.offences = Math.min(peer.offences + 1, 16);
    peer.refusedUntil = performance.now() + refusedMs;
    peer.link.abort(new Error('the peer broke the framing'));
  }

  #beat(): void {
    for (const { link } of this.#peers.values()) link.beat();
  }

  #fits(channel: Channel, bytes: Uint8Array): boolean {
    if (bytes.length > 0 && bytes.length <= frameBytesMax[channel]) return true;
    this.#oversized++;
    return false;
  }

  #peerOf(connection: Connection): Peer | undefined {
    return this.#byId.get(connection.remotePeer.toString());
  }

  #listenError(error: unknown): TransportError {
    const { host, port } = this.#listen;
    const reason = error instanceof Error ? error.message : String(error);
    if (reason.includes('EADDRINUSE'))
      return new TransportError(
        `${host}:${port} is in use: another node, or another program, listens there. ` +
          'Stop it, or set another listen.port.',
      );
    return new TransportError(
      `cannot listen on ${host}:${port} (${/E[A-Z]{4,}/.exec(reason)?.[0] ?? reason.split('\n')[0]}). ` +
        'Set listen.host to an address of this machine.',
    );
  }
}

/** Throws TransportError for a host that is no address and no name. */
function addressOf({ host, port }: PeerAddress): Multiaddr {
  const version = isIP(host);
  const kind = version === 4 ? 'ip4' : version === 6 ? 'ip6' : 'dns';
  try {
    return multiaddr(`/${kind}/${host}/tcp/${port}`);
  } catch {
    throw new TransportError(`${host}:${port} is no address. Write an IP address or a host name.`);
  }
}

const noLog: Logger = Object.assign(() => undefined, {
  error: () => undefined,
  trace: () => undefined,
  enabled: false,
  newScope: (): Logger => noLog,
});
/** libp2p's own log would print peers' input, and formatting it costs time on every packet. */
const silent: ComponentLogger = { forComponent: () => noLog };
