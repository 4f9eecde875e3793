// Everything between this validator and one other: its connections, one lane a channel to send on, and how long it has
// been silent. One connection is kept; while two live, both ends send on the same one of them and read both.
import { performance } from 'node:perf_hooks';
import { frameOf } from './frames.ts';
import { type LaneLimits, OutboundLane } from './outbound-lane.ts';
import { type Channel, channels } from './transport.ts';
import { endConnection, type WireConnection, type WireStream } from './wire.ts';

/** The heartbeat's stream beside those of the channels. */
export const laneNames = [...channels, 'alive'] as const;
export type LaneName = (typeof laneNames)[number];

export function protocolOf(name: LaneName | 'sync'): string {
  return `/daybook/${name}/1`;
}

/** The newest proposal is the only one that counts; the other kinds are worth having in a row. */
export const laneLimits: { readonly [N in LaneName]: LaneLimits } = {
  votes: { framesMax: 4_096, bytesMax: 8_388_608 },
  proposals: { framesMax: 2, bytesMax: 8_388_608 },
  transactions: { framesMax: 16_384, bytesMax: 16_777_216 },
  checkpoints: { framesMax: 1_024, bytesMax: 1_048_576 },
  alive: { framesMax: 1, bytesMax: 16 },
};

const openTimeoutMs = 5_000;
/** Two connections opened within this time were dialled by both ends at once; a later one replaces a lost one. */
const simultaneousMs = 5_000;
/** What is on its way on a connection that is given up still arrives. */
const lingerMs = 1_000;
/** Of one peer at the same time: the oldest ends when there are more, so that no peer takes up everybody's. */
export const connectionsMax = 4;
/** A beat a second; as many without a sign of life end the connection. */
export const beatMs = 1_000;
const silentBeatsMax = 4;
const beat = frameOf(Uint8Array.of(0));

interface Held {
  readonly connection: WireConnection;
  readonly since: number;
}

export interface LinkEvents {
  connected(): void;
  disconnected(livedMs: number): void;
}

export class PeerLink {
  /** The end with the lower index closes what is not kept, else each might close the other's choice. */
  readonly #chooses: boolean;
  readonly #events: LinkEvents;
  readonly #lanes = new Map<LaneName, OutboundLane>();
  #held: Held[] = [];
  #silentBeats = 0;
  #connectedSince = 0;
  #linger: NodeJS.Timeout | undefined;

  constructor(chooses: boolean, events: LinkEvents) {
    this.#chooses = chooses;
    this.#events = events;
    for (const name of laneNames) this.#lanes.set(name, new OutboundLane(laneLimits[name]));
  }

  get isConnected(): boolean {
    return this.#held.length > 0;
  }

  /** The connection that is sent on: the newest; of two that were dialled at once, the lower index's. */
  get connection(): WireConnection | undefined {
    const newest = this.#held.at(-1);
    const former = this.#held.at(-2);
    if (newest === undefined || former === undefined) return newest?.connection;
    const isTie = this.#isLowers(former) && !this.#isLowers(newest) && newest.since - former.since < simultaneousMs;
    return isTie ? former.connection : newest.connection;
  }

  /** Dropped when there is no connection: what a peer missed while it was away it learns in another way. */
  send(channel: Channel, framed: Uint8Array): void {
    if (this.isConnected) this.#lanes.get(channel)?.push(framed);
  }

  lane(name: LaneName): OutboundLane | undefined {
    return this.#lanes.get(name);
  }

  heard(): void {
    this.#silentBeats = 0;
  }

  opened(connection: WireConnection): void {
    const now = performance.now();
    const former = this.connection;
    this.#silentBeats = 0;
    this.#held.push({ connection, since: now });
    this.#switchFrom(former);
    for (const { connection: old } of this.#held.slice(0, -connectionsMax))
      endConnection(old, new Error('too many connections to this peer'));
    if (former === undefined) {
      this.#connectedSince = now;
      this.#events.connected();
    } else if (this.#chooses) {
      clearTimeout(this.#linger);
      this.#linger = setTimeout(() => this.#dropOthers(), lingerMs);
    }
  }

  closed(connection: WireConnection): void {
    const former = this.connection;
    this.#held = this.#held.filter((each) => each.connection !== connection);
    this.#switchFrom(former);
    if (this.isConnected || former === undefined) return;
    for (const lane of this.#lanes.values()) lane.clear();
    this.#events.disconnected(performance.now() - this.#connectedSince);
  }

  /** Once every beatMs. Counts beats and not time, so that a pause of our own process condemns nobody. */
  beat(): void {
    if (!this.isConnected) return;
    this.#silentBeats++;
    if (this.#silentBeats > silentBeatsMax) {
      this.abort(new Error(`no sign of life for ${silentBeatsMax} beats`));
      return;
    }
    this.#lanes.get('alive')?.push(beat);
  }

  abort(error: Error): void {
    clearTimeout(this.#linger);
    for (const { connection } of [...this.#held]) endConnection(connection, error);
  }

  #isLowers({ connection }: Held): boolean {
    return (connection.direction === 'outbound') === this.#chooses;
  }

  #dropOthers(): void {
    const kept = this.connection;
    for (const { connection } of [...this.#held])
      if (connection !== kept) endConnection(connection, new Error('another connection to this peer is kept'));
  }

  #switchFrom(former: WireConnection | undefined): void {
    const connection = this.connection;
    if (connection === former) return;
    for (const [name, lane] of this.#lanes) {
      lane.detach();
      if (connection !== undefined) void this.#openLane(connection, name, lane);
    }
  }

  async #openLane(connection: WireConnection, name: LaneName, lane: OutboundLane): Promise<void> {
    let stream: WireStream;
    try {
      stream = await connection.newStream(protocolOf(name), { signal: AbortSignal.timeout(openTimeoutMs) });
    } catch (error) {
      endConnection(connection, error instanceof Error ? error : new Error(String(error)));
      return;
    }
    if (this.connection !== connection) {
      stream.abort(new Error('another connection took over'));
      return;
    }
    // A stream that ends alone (the peer reset it) would leave its channel dumb: the connection goes with it. It may
    // have ended before it came here, too late to be told.
    const end = () => {
      if (this.connection === connection) endConnection(connection, new Error(`the ${name} stream ended`));
    };
    stream.addEventListener('close', end);
    if (stream.status === 'open') lane.attach(stream);
    else end();
  }
}
