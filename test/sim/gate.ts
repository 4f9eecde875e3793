// Who may speak to whom where keys change: a link stands while each end admits the network key that the other speaks
// under now. Each end has numbers of its own for the keys that it admits.
import { toHex } from '../../node/ledger/hash.ts';
import type { AdmittedPeer } from '../../node/network/transport.ts';

export interface Gated {
  /** Of the machine; a twin has the same. */
  readonly index: number;
  isUp(): boolean;
  connected(machine: number): void;
}

interface Door {
  admitted: readonly AdmittedPeer[];
  speaks: string;
  /** Machine -> this end's number for it. */
  numbers: Map<number, number>;
  machines: Map<number, number>;
  voters: number[];
}

export class Gate<T extends Gated> {
  readonly #doors = new Map<T, Door>();
  readonly #isLinked: (from: T, to: T) => boolean;
  #links = new Set<string>();

  /** Whether frames pass between two stations at all. */
  constructor(isLinked: (from: T, to: T) => boolean) {
    this.#isLinked = isLinked;
  }

  add(station: T, networkKey: Uint8Array): void {
    const speaks = toHex(networkKey);
    this.#doors.set(station, { admitted: [], speaks, numbers: new Map(), machines: new Map(), voters: [] });
  }

  admit(station: T, admitted: readonly AdmittedPeer[]): void {
    this.#door(station).admitted = admitted;
    this.#refresh();
  }

  speak(station: T, networkKey: Uint8Array): void {
    this.#door(station).speaks = toHex(networkKey);
    this.#refresh();
  }

  /** What one end calls a machine, while there is a link. */
  numberOf(station: T, machine: number): number | undefined {
    return this.#door(station).numbers.get(machine);
  }

  machineOf(station: T, number: number): number | undefined {
    return this.#door(station).machines.get(number);
  }

  /** Machines that are told what is broadcast. */
  votersOf(station: T): readonly number[] {
    return this.#door(station).voters;
  }

  #door(station: T): Door {
    const door = this.#doors.get(station);
    if (door === undefined) throw new Error(`no station of machine ${station.index}`);
    return door;
  }

  #refresh(): void {
    const links = new Set<string>();
    const stations = [...this.#doors];
    for (const [, door] of stations) [door.numbers, door.machines, door.voters] = [new Map(), new Map(), []];
    for (const [at, [one, door]] of stations.entries())
      for (const [to, [other, behind]] of stations.entries()) {
        const known = door.admitted.find(({ networkKey }) => toHex(networkKey) === behind.speaks);
        const isMutual = behind.admitted.some(({ networkKey }) => toHex(networkKey) === door.speaks);
        if (one.index === other.index || known === undefined || !isMutual) continue;
        links.add(`${at}>${to}`);
        if (door.numbers.has(other.index)) continue; // a twin
        door.numbers.set(other.index, known.peer);
        door.machines.set(known.peer, other.index);
        if (known.isVoter) door.voters.push(other.index);
      }
    const before = this.#links;
    this.#links = links;
    for (const link of links) {
      const [one, other] = link.split('>').map((at) => stations[Number(at)]?.[0]);
      if (before.has(link) || one === undefined || other === undefined || !one.isUp() || !other.isUp()) continue;
      if (this.#isLinked(one, other) && this.#isLinked(other, one)) one.connected(other.index);
    }
  }
}
