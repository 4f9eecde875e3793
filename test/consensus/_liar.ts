// What a validator that lies may send: anything that its own key signs, made of what it has seen. It cannot sign for
// others.
import type { Message, NewView, ViewChange } from '../../node/consensus/messages.ts';
import type { Prng } from '../_prng.ts';
import { genesis, makeBlock } from './_chain.ts';
import type { Cluster } from './_cluster.ts';
import { newView, prePrepare, status, viewChange, vote } from './_forge.ts';
import type { Station } from './_station.ts';

const seenMax = 300;

export class Liar {
  readonly #cluster: Cluster;
  readonly #station: Station;
  readonly #random: Prng;
  readonly #seen: Message[] = [];

  constructor(cluster: Cluster, station: Station, random: Prng) {
    this.#cluster = cluster;
    this.#station = station;
    this.#random = random;
  }

  /** What passes on the wire. Of a view that its twin opened it makes use at once. */
  see(message: Message): void {
    const isOwn = message.type === 'new-view' && message.validator === this.#station.index;
    if (isOwn && this.#random.int(2) === 0) this.#tell(this.#ownBlock(message));
    if (this.#seen.length < seenMax) this.#seen.push(message);
    else this.#seen[this.#random.int(seenMax)] = message;
  }

  /** One lie, to some of the others. */
  act(): void {
    const message = this.#lie();
    if (message === undefined) return;
    this.#tell(message);
    if (message.type === 'new-view') this.#tell(this.#ownBlock(message));
  }

  #tell(message: Message): void {
    for (let to = 0; to < this.#cluster.validators; to++)
      if (to !== this.#station.index && this.#random.int(3) > 0) this.#cluster.send(this.#station, to, message);
  }

  #lie(): Message | undefined {
    switch (this.#random.int(6)) {
      case 0:
      case 1:
        return this.#vote();
      case 2:
        return this.#proposal();
      case 3:
        return this.#viewChange(this.#someView());
      case 4:
        return this.#newView();
      default:
        return status(this.#station.index, { height: this.#random.int(9), view: this.#random.int(9) });
    }
  }

  #someView(): number {
    const views = this.#cluster.honest.map((each) => each.durable.record.view);
    return Math.max(1, this.#random.pick(views) + this.#random.int(3));
  }

  #vote(): Message | undefined {
    const votable = this.#seen.filter((each) => each.type === 'pre-prepare' || each.type === 'prepare');
    if (votable.length === 0) return undefined;
    const { view, height, digest } = this.#random.pick(votable) as Extract<Message, { type: 'prepare' }>;
    const at = { view: this.#random.int(3) === 0 ? this.#someView() : view, height };
    return vote(this.#random.int(2) === 0 ? 'prepare' : 'commit', this.#station.index, digest, at);
  }

  /** As primary of a view near the honest ones': a block of its own, or one that it has seen. */
  #proposal(): Message | undefined {
    const { index } = this.#station;
    const { validators, honest } = this.#cluster;
    const serving = honest.filter((each) => each.durable.record.view % validators === index);
    const { record, chain } = this.#random.pick(serving.length > 0 ? serving : honest).durable;
    const mine = record.view + ((index - (record.view % validators) + validators) % validators);
    const parent = chain.at(-1)?.certificate.digest ?? genesis.digest;
    const height = chain.length + 1;
    const seen = this.#seen.filter((each) => each.type === 'pre-prepare' && each.height === height);
    if (seen.length > 0 && this.#random.int(2) === 0) {
      const { block, digest } = this.#random.pick(seen) as Extract<Message, { type: 'pre-prepare' }>;
      return prePrepare({ block, digest }, { view: mine, height }, index);
    }
    const made = makeBlock({ height, parent, proposer: index, label: `lie-${this.#random.int(3)}` });
    const forged = { ...made, block: { ...made.block, transactions: [] } };
    return prePrepare(this.#random.int(5) === 0 ? forged : made, { view: mine, height }, index);
  }

  /** It may forget what it prepared, or bring an old certificate; it cannot make one. */
  #viewChange(view: number): ViewChange {
    const { chain } = this.#random.pick(this.#cluster.honest).durable;
    const last = chain.length === 0 ? undefined : this.#random.pick(chain).certificate;
    const committed = last === undefined ? genesis : { height: last.height, digest: last.digest, certificate: last };
    const prepared = this.#cluster.honest
      .map((each) => each.durable.record.prepared)
      .find((each) => each?.height === committed.height + 1 && each.view < view);
    return viewChange(this.#station.index, view, {
      committed,
      prepared: this.#random.int(2) === 0 ? prepared : undefined,
    });
  }

  /** A view that it opened itself begins with a block that nobody fixed. */
  #ownBlock({ view, viewChanges }: NewView): Message {
    const { index } = this.#station;
    const base = viewChanges.map((each) => each.committed).reduce((a, b) => (b.height > a.height ? b : a));
    const height = base.height + 1;
    const made = makeBlock({ height, parent: base.digest, proposer: index, label: `lie-${this.#random.int(3)}` });
    return prePrepare(made, { view, height }, index);
  }

  #newView(): NewView | undefined {
    const { index } = this.#station;
    const { validators, quorum } = this.#cluster;
    const seen = this.#seen.filter((each) => each.type === 'view-change') as ViewChange[];
    const views = [...new Set(seen.map((each) => each.view))].filter((view) => view % validators === index);
    if (views.length === 0) return undefined;
    const view = this.#random.pick(views);
    const bySender = new Map<number, ViewChange>();
    for (const each of seen) if (each.view === view && each.validator !== index) bySender.set(each.validator, each);
    bySender.set(index, this.#viewChange(view));
    const all = [...bySender.values()];
    while (all.length > quorum) all.splice(this.#random.int(all.length), 1);
    if (all.length < quorum) return undefined;
    return newView(
      view,
      all.sort((a, b) => a.validator - b.validator),
      validators,
    );
  }
}
