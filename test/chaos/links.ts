// A proxy on every directed link between validators, and the faults that a network has, in the words of the scenarios:
// who is cut off from whom, and how. libp2p keeps one connection for two validators, whichever of them dialled it, so
// what flows from a to b is the upward half of a's link to b and the downward half of b's link to a.
import type { Prng } from '../_prng.ts';
import { type FlowRule, LinkProxy } from './link-proxy.ts';

export class Links {
  readonly #proxies: readonly (readonly (LinkProxy | undefined)[])[];

  private constructor(proxies: readonly (readonly (LinkProxy | undefined)[])[]) {
    this.#proxies = proxies;
  }

  /** `ports` are those on which the validators listen, by index. */
  static async open(ports: readonly number[], random: Prng): Promise<Links> {
    const rows = ports.map((_, from) =>
      Promise.all(ports.map((port, to) => (from === to ? undefined : LinkProxy.open(port, random)))),
    );
    return new Links(await Promise.all(rows));
  }

  /** Where `from` dials to reach `to`. */
  port(from: number, to: number): number {
    return this.#at(from, to)?.port ?? 0;
  }

  /** Changes what flows from one validator to another, and not what flows back. */
  oneWay(from: number, to: number, change: Partial<FlowRule>): void {
    this.#at(from, to)?.set('up', change);
    this.#at(to, from)?.set('down', change);
  }

  both(a: number, b: number, change: Partial<FlowRule>): void {
    this.oneWay(a, b, change);
    this.oneWay(b, a, change);
  }

  everywhere(change: Partial<FlowRule>): void {
    this.#pairs((a, b) => this.both(a, b, change));
  }

  /** No bytes but within a group: reset and refused, or without a word. Who is in no group is alone. */
  split(groups: readonly (readonly number[])[], how: 'cut' | 'hold' | 'swallow' = 'cut'): void {
    const groupOf = (index: number) => groups.findIndex((group) => group.includes(index));
    this.#pairs((a, b) => {
      if (groupOf(a) === groupOf(b) && groupOf(a) >= 0) return;
      if (how !== 'cut') return this.both(a, b, { flow: how });
      this.cut(a, b);
    });
  }

  /** Reset and refused, both ways. */
  cut(a: number, b: number): void {
    this.#at(a, b)?.cut();
    this.#at(b, a)?.cut();
  }

  mend(a: number, b: number): void {
    this.#at(a, b)?.heal();
    this.#at(b, a)?.heal();
  }

  /** Every connection ends with a TCP reset; new ones are welcome. */
  reset(): void {
    for (const proxy of this.#all()) proxy.reset();
  }

  heal(): void {
    for (const proxy of this.#all()) proxy.heal();
  }

  async close(): Promise<void> {
    await Promise.all(this.#all().map((proxy) => proxy.close()));
  }

  #at(from: number, to: number): LinkProxy | undefined {
    return this.#proxies[from]?.[to];
  }

  #all(): LinkProxy[] {
    return this.#proxies.flat().filter((proxy) => proxy !== undefined);
  }

  #pairs(each: (a: number, b: number) => void): void {
    for (let a = 0; a < this.#proxies.length; a++) for (let b = a + 1; b < this.#proxies.length; b++) each(a, b);
  }
}
