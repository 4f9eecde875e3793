// [S6] Whoever is given a manifest by an honest validator finds that snapshot and the blocks after its base there, and
// no validator keeps more snapshots than it may, however many ask.
import { decodeHeader } from '../../node/ledger/entry.ts';
import { decodeAs } from '../../node/ledger/schema.ts';
import { decodeSyncRequest } from '../../node/network/sync-messages.ts';
import { manifestSchema } from '../../node/snapshot/manifest.ts';
import type { Cluster } from './cluster.ts';
import type { ValidatorStation } from './station.ts';
import { millisecond, second } from './timeline.ts';

/** Two that are held, the newest, and the one that is being written. */
const offersMax = 4;

interface Given {
  readonly height: number;
  /** The last block that the snapshot does not hold. */
  readonly base: number;
  readonly until: number;
}

export class GivenSnapshots {
  readonly #cluster: Cluster;
  readonly #given = new Map<ValidatorStation, { readonly life: string; readonly of: Map<number, Given> }>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    cluster.network.onAnswer = (by, request, answer) => {
      const station = cluster.stations[by];
      if (station !== undefined && cluster.isHonest(station)) this.#answered(station, request, answer);
    };
    this.#inspect();
  }

  #inspect(): void {
    for (const station of this.#given.keys()) this.#check(station);
    this.#cluster.timeline.after(second, () => this.#inspect());
  }

  #answered(station: ValidatorStation, request: Uint8Array, answer: Uint8Array | undefined): void {
    const life = lifeOf(station);
    if (life === undefined || answer === undefined || decodeSyncRequest(request).type !== 'manifest') return;
    const { header, base } = decodeAs(manifestSchema, answer);
    const { height } = decodeHeader(header);
    const given = this.#given.get(station);
    const of = given?.life === life ? given.of : new Map<number, Given>();
    const until = this.#cluster.timeline.now + station.parts.snapshots.holdMs * millisecond;
    of.set(height, { height, until, base: base === undefined ? 0 : decodeHeader(base.header).height });
    this.#given.set(station, { life, of });
    this.#check(station);
  }

  #check(station: ValidatorStation): void {
    const { now } = this.#cluster.timeline;
    const given = this.#given.get(station);
    const held =
      given?.life === lifeOf(station) ? [...(given?.of.values() ?? [])].filter(({ until }) => until > now) : [];
    const problem = problemOf(station, held);
    if (problem !== undefined) this.#cluster.broke(station, problem);
  }
}

/** A start, and whatever begins a life within one, forgets what is held; undefined while no life is there. */
function lifeOf({ node, lives, installs }: ValidatorStation): string | undefined {
  return node === undefined || node.isHealing ? undefined : `${lives}/${installs}/${node.healings}`;
}

function problemOf({ parts: { disk } }: ValidatorStation, given: readonly Given[]): string | undefined {
  const heights = disk.partHeights('offered');
  if (heights.length > offersMax) return `it keeps the snapshots of ${heights}`;
  for (const { height, base } of given) {
    if (!heights.includes(height)) return `the snapshot of height ${height}, which it gave, is gone`;
    if (disk.base().height > base) return `blocks after ${base}, of a snapshot that it gave, are forgotten`;
  }
  return undefined;
}
