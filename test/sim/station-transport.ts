// What one life of a station sends: frame by frame, each behind an effect boundary, and when the write that is under
// way is done. A lying validator's frames are what it makes of them.
import type { AdmittedPeer, Channel, Transport } from '../../node/network/transport.ts';
import type { Network, Station } from './network.ts';
import type { Tamper } from './tamper.ts';
import { millisecond, type Timeline } from './timeline.ts';

/** Whoever is asked there gives no answer. */
const noMachine = -1;
/** Microseconds. A write that takes longer may be under way when the disk is repaired. */
const slowWrite = 2_000;

/** One life of a station, and what it alone knows. */
export interface Sender {
  readonly network: Network;
  readonly timeline: Timeline;
  readonly station: Station;
  readonly held: HeldFrames;
  isAlive(): boolean;
  /** When what it does now is done. */
  busyUntil(): number;
  /** Throws Crash where the station is to die here. */
  boundary(): void;
  /** A frame is about to leave. */
  leaves(channel: Channel, bytes: Uint8Array): void;
  tamper(): Tamper | undefined;
  admit(peers: readonly AdmittedPeer[]): void;
  /** Machines of all others that vote. */
  voters(): readonly number[];
  /** Of a number of the node's own; undefined: of no machine. */
  machineOf(peer: number): number | undefined;
  /** The node's own number for another machine. */
  numberOf(machine: number): number | undefined;
}

/** What leaves when a slow write is done. */
export class HeldFrames {
  readonly #held = new Set<() => void>();

  /** In the order of the calls, which is that of the times. */
  hold(leaves: () => void): () => void {
    const leave = () => {
      if (this.#held.delete(leave)) leaves();
    };
    this.#held.add(leave);
    return leave;
  }

  /** The write is done at once. */
  release(): void {
    for (const leave of this.#held) leave();
  }
}

export function transportOf(sender: Sender): Transport {
  const { network, timeline, station, held } = sender;

  /** Not at all where it dies meanwhile. */
  const whenWritten = (leaves: (time: number) => void) => {
    const time = Math.max(timeline.now, sender.busyUntil());
    if (time - timeline.now <= slowWrite) return leaves(time);
    const leave = held.hold(() => {
      if (sender.isAlive()) leaves(timeline.now);
    });
    timeline.at(time, leave);
  };
  const carry = (to: number, channel: Channel, bytes: Uint8Array) => {
    const out = sender.tamper()?.outgoing(to, channel, bytes) ?? [{ to, channel, bytes, delayMs: 0 }];
    whenWritten((time) => {
      for (const each of out)
        network.send(station, each.to, each.channel, each.bytes, time + (each.delayMs ?? 0) * millisecond);
    });
  };
  const leave = (to: readonly number[], channel: Channel, bytes: Uint8Array) => {
    if (!sender.isAlive()) return;
    sender.leaves(channel, bytes);
    for (const each of to) {
      sender.boundary();
      carry(each, channel, bytes);
    }
  };
  const machineOf = (peer: number) => sender.machineOf(peer) ?? noMachine;
  return {
    admit: (peers) => sender.admit(peers),
    start: async () => {},
    send: (to, channel, bytes) => leave([machineOf(to)], channel, bytes),
    broadcast: (channel, bytes) => leave(sender.voters(), channel, bytes),
    request: (to, bytes, signal) => {
      const tamper = sender.tamper();
      const answer = network.request(station, machineOf(to), bytes, signal);
      return tamper === undefined ? answer : answer.then((each) => tamper.answered(bytes, each));
    },
    peers: () =>
      network.stations
        .filter((each) => each.isUp() && network.isLinked(station.station, each.station))
        .map(({ index }) => index)
        .filter((index) => index !== station.index)
        .flatMap((index) => sender.numberOf(index) ?? []),
    stop: async () => {},
  };
}
