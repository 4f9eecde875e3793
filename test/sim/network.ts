// Links between stations, each way on its own: latency, loss, doubles, other order, old frames again, and cuts. A
// station is one running copy of a validator: a twin has a station of its own under the same index. Senders are never
// forged.
import type { Channel } from '../../node/network/transport.ts';
import type { Chance } from './chance.ts';
import { millisecond, type Timeline } from './timeline.ts';

export interface LinkQuality {
  readonly latencyMs: number;
  /** Most of a further delay of chance. */
  readonly jitterMs: number;
  /** Probabilities. */
  readonly loss: number;
  readonly duplicate: number;
  readonly replay: number;
  readonly reorder: boolean;
  /** Of proposals, besides. */
  readonly proposalMs: number;
}

export const goodLinks: LinkQuality = {
  latencyMs: 1,
  jitterMs: 4,
  loss: 0,
  duplicate: 0,
  replay: 0,
  reorder: false,
  proposalMs: 0,
};

export interface Station {
  readonly station: number;
  /** Index of the validator in whose name it speaks. */
  readonly index: number;
  isUp(): boolean;
  /** There is a connection to this validator again. */
  connected(peer: number): void;
  receive(from: number, channel: Channel, bytes: Uint8Array): void;
  serve(from: number, request: Uint8Array, answered: (answer: Uint8Array | undefined) => void): void;
}

interface Frame {
  readonly from: Station;
  readonly to: Station;
  readonly channel: Channel;
  readonly bytes: Uint8Array;
}

const framesKept = 400;
/** One for all: the stack of each would cost more than its question. */
const noAnswer = new Error('no answer');

export class Network {
  /** Of what leaves a station: what comes to nobody. */
  isUnheard: ((from: number, channel: Channel, bytes: Uint8Array) => boolean) | undefined;
  /** Of what a station answers, or refuses to. */
  onAnswer: ((by: number, request: Uint8Array, answer: Uint8Array | undefined) => void) | undefined;
  /** Of what a station asks a validator: what gets no answer. */
  isUnanswered: ((from: number, to: number, request: Uint8Array) => boolean) | undefined;
  quality: LinkQuality = goodLinks;
  readonly stations: Station[] = [];
  readonly #timeline: Timeline;
  readonly #chance: Chance;
  readonly #cut = new Set<string>();
  readonly #lastArrival = new Map<string, number>();
  readonly #kept: Frame[] = [];
  readonly #asked = new Set<() => void>();
  sent = 0;

  constructor(timeline: Timeline, chance: Chance) {
    this.#timeline = timeline;
    this.#chance = chance;
  }

  cut(from: number, to: number): void {
    this.#cut.add(`${from}>${to}`);
  }

  mend(from: number, to: number): void {
    if (this.#cut.delete(`${from}>${to}`)) this.#connect(from, to);
  }

  heal(): void {
    const links = [...this.#cut];
    this.#cut.clear();
    for (const link of links) {
      const [from = 0, to = 0] = link.split('>').map(Number);
      if (from < to || !links.includes(`${to}>${from}`)) this.#connect(from, to);
    }
  }

  /** A validator has started: both ends of each link that stands notice it. */
  join(station: number): void {
    for (const other of this.stations) if (other.station !== station) this.#connect(station, other.station);
  }

  #connect(one: number, other: number): void {
    const [a, b] = [this.stations[one], this.stations[other]];
    if (a === undefined || b === undefined || !this.isLinked(one, other) || !this.isLinked(other, one)) return;
    if (!a.isUp() || !b.isUp() || a.index === b.index) return;
    a.connected(b.index);
    b.connected(a.index);
  }

  isLinked(from: number, to: number): boolean {
    return !this.#cut.has(`${from}>${to}`);
  }

  /** From a station to every copy of a validator; leaves at `time`. */
  send(from: Station, to: number, channel: Channel, bytes: Uint8Array, time: number): void {
    for (const station of this.stations) {
      if (station.index !== to || station.index === from.index) continue;
      this.#carry({ from, to: station, channel, bytes }, time);
    }
  }

  #carry(frame: Frame, time: number): void {
    const { quality } = this;
    if (this.isUnheard?.(frame.from.station, frame.channel, frame.bytes) === true) return;
    const chance = this.#chance;
    this.sent += 1;
    if (quality.loss > 0 && chance.hits(quality.loss)) return;
    this.#arrive(frame, time, frame.channel);
    if (quality.duplicate > 0 && chance.hits(quality.duplicate)) this.#arrive(frame, time, 'again');
    if (quality.replay === 0) return;
    if (this.#kept.length < framesKept) this.#kept.push(frame);
    else this.#kept[chance.int(framesKept)] = frame;
    if (chance.hits(quality.replay)) this.#arrive(chance.pick(this.#kept), time, 'again');
  }

  #arrive(frame: Frame, time: number, lane: string): void {
    const { from, to, channel, bytes } = frame;
    let at = time + this.#latency();
    if (channel === 'proposals') at += this.quality.proposalMs * millisecond;
    if (!this.quality.reorder && lane !== 'again') {
      const name = `${from.station}>${to.station} ${lane}`;
      at = Math.max(at, this.#lastArrival.get(name) ?? 0);
      this.#lastArrival.set(name, at);
    }
    this.#timeline.at(at, () => {
      if (!this.isLinked(from.station, to.station) || !to.isUp()) return;
      this.#timeline.note(`${from.station}>${to.station} ${channel} ${bytes.length} ${mark(bytes)}`);
      to.receive(from.index, channel, bytes);
    });
  }

  #latency(): number {
    const { latencyMs, jitterMs } = this.quality;
    return latencyMs * millisecond + this.#chance.int(jitterMs * millisecond + 1);
  }

  /** Answers that were lost, or are on their way, come no more: as where connections are made anew. */
  dropRequests(): void {
    for (const fail of this.#asked) fail();
    this.#asked.clear();
  }

  /** One question and its answer; no answer is an error, at once or never. */
  request(from: Station, to: number, bytes: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const timeline = this.#timeline;
    const copies = this.stations.filter((each) => each.index === to);
    const station = copies.length === 0 ? undefined : this.#chance.pick(copies);
    timeline.unsettle();
    return new Promise((resolve, reject) => {
      const fail = () => {
        this.#asked.delete(fail);
        timeline.unsettle();
        reject(noAnswer);
      };
      this.#asked.add(fail);
      signal.addEventListener('abort', fail);
      if (station === undefined) return fail(); // as where there is no connection
      if (this.isUnanswered?.(from.station, to, bytes) === true) return;
      if (this.#chance.hits(this.quality.loss)) return;
      timeline.after(this.#latency(), () => {
        if (!this.isLinked(from.station, station.station)) return;
        if (!station.isUp()) return fail();
        station.serve(from.index, bytes, (answer) => {
          this.onAnswer?.(station.station, bytes, answer);
          timeline.after(this.#latency(), () => {
            if (!this.isLinked(station.station, from.station)) return;
            timeline.note(`${station.station}>${from.station} answer ${answer?.length}`);
            if (answer === undefined) return fail();
            this.#asked.delete(fail);
            timeline.unsettle();
            resolve(answer);
          });
        });
      });
    });
  }
}

/** Most frames end with a signature, whose second half is zeros where it is a keyed hash. */
function mark(bytes: Uint8Array): string {
  const at = bytes.byteOffset + Math.max(0, bytes.length - 64);
  return Buffer.from(bytes.buffer, at, Math.min(8, bytes.length)).toString('hex');
}
