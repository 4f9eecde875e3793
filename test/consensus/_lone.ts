// One replica that a test speaks to in the name of all the others. What it does comes back as lines in the words of
// docs/consensus.md.
import type { Event } from '../../node/consensus/events.ts';
import type { Message } from '../../node/consensus/messages.ts';
import type { Timings } from '../../node/consensus/timers.ts';
import { Cluster } from './_cluster.ts';
import { status } from './_forge.ts';
import type { Station } from './_station.ts';

const evidenceWords = 'has evidence ';

export class Lone {
  readonly cluster: Cluster;
  readonly station: Station;
  /** What it found, apart from what it does. */
  readonly evidence: string[] = [];

  /** It has heard everybody's status and votes, unless `silentStart`. */
  constructor(index: number, options: { validators?: number; silentStart?: boolean; timings?: Partial<Timings> } = {}) {
    const { validators = 4, silentStart = false, timings = {} } = options;
    this.cluster = new Cluster(validators, { timings });
    this.station = this.cluster.station(index);
    for (const each of this.cluster.stations) if (each !== this.station) this.cluster.spokenFor.add(each.index);
    this.station.start();
    if (!silentStart) this.greet();
  }

  /** Mode and view, as `normal 0`. */
  get mode(): string {
    const { replica } = this.station;
    return `${replica?.status().mode} ${replica?.status().view}`;
  }

  /** The statuses of a quorum, which show nothing. */
  greet(): string[] {
    const { index } = this.station;
    const others = this.cluster.stations.map((each) => each.index).filter((each) => each !== index);
    return this.hear(...others.slice(0, this.cluster.quorum - 1).map((each) => status(each)));
  }

  /** Messages arrive, through the same checks as at the node's edge; answers that the replica asked for follow. */
  hear(...messages: readonly Message[]): string[] {
    return this.#lines(() => {
      for (const message of messages) {
        this.cluster.arrive(message.type === 'committed' ? 0 : message.validator, this.station, message);
        this.#answer();
      }
    });
  }

  step(event: Event): string[] {
    return this.#lines(() => this.station.step(event));
  }

  work(...items: readonly string[]): string[] {
    return this.#lines(() => {
      for (const item of items) this.station.submit(item);
    });
  }

  tick(ticks = 1): string[] {
    return this.#lines(() => {
      for (let i = 0; i < ticks; i++) {
        this.station.step({ type: 'tick' });
        this.#answer();
      }
    });
  }

  restart(): string[] {
    return this.#lines(() => {
      this.station.crash();
      this.station.start();
    });
  }

  /** Everything sent since it was last asked, once each. */
  sent(): Message[] {
    return [...new Set(this.cluster.wire.splice(0).map((each) => each.message))];
  }

  #answer(): void {
    while (this.cluster.tasks.length > 0) this.cluster.finish(0);
  }

  #lines(act: () => void): string[] {
    const from = this.cluster.log.length;
    act();
    this.#answer();
    const lines = this.cluster.log.slice(from).map((line) => line.replace(/^\d+ /, ''));
    this.evidence.push(...lines.filter((line) => line.startsWith(evidenceWords)));
    return lines.filter((line) => !line.startsWith(evidenceWords));
  }
}
