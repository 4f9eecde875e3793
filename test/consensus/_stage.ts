// The commands of transcripts, over one cluster. Validators are named by index, blocks by proposer:items, and statuses
// are left out of what is shown.
import type { Message, ViewChange } from '../../node/consensus/messages.ts';
import { assert } from '../../node/ledger/assert.ts';
import { genesis, makeBlock } from './_chain.ts';
import { Cluster } from './_cluster.ts';
import { newView, prePrepare, prepared, viewChange } from './_forge.ts';
import type { Durable } from './_station.ts';

const usage: Readonly<Record<string, string>> = {
  cluster: 'cluster N: N validators that have heard each other',
  submit: 'submit ITEM... [to I...]: work arrives, at all validators unless said',
  deliver: 'deliver [KIND] [to I...]: what is on the wire arrives, or only some of it; answers and what follows too',
  tick: 'tick N: so many ticks, everything delivered after each',
  expire: 'expire [I...]: the progress timers of these run out at once; nothing is delivered',
  lose: 'lose KIND|all [from I...] [to I...]: from now on such messages do not arrive',
  mend: 'mend: everything arrives again',
  drop: 'drop: what is on the wire is lost',
  stop: 'stop I...: these stop',
  start: 'start I...: these start from what was durable',
  bad: 'bad ITEM [at I...]: execution refuses blocks with this item',
  state: 'state: where everybody stands',
  propose: 'propose I ITEM view V [to I...]: I signs a PrePrepare of its own making for its next height',
  open: 'open I view V of J... [forgetting|showing ITEM] [to I...]: I signs a NewView of what J... asked',
  ask: 'ask I view V [to I...]: I signs a ViewChange that shows no prepared certificate',
  keep: 'keep I: what is durable at I is copied',
  restore: 'restore I: I, which is down, gets the copy back in place of its disk',
  clock: 'clock I wrong|right: the clock of I',
};

const kinds = ['pre-prepare', 'prepare', 'commit', 'view-change', 'new-view', 'status', 'committed', 'all'];

interface Words {
  readonly plain: readonly string[];
  has(mark: string): boolean;
  after(mark: string): readonly string[];
  numbers(mark: string): readonly number[] | undefined;
}

export class Stage {
  #cluster = new Cluster(4);
  #losses = 0;
  readonly #kept = new Map<number, Durable>();

  /** Performs a command and answers what followed, in words. */
  run(command: string): string {
    const [name = '', ...rest] = command.split(' ');
    assert(usage[name] !== undefined, `no command ${name}; there are:\n${Object.values(usage).join('\n')}`);
    if (name === 'cluster') {
      this.#cluster = new Cluster(Number(rest[0]), {
        timings: { statusIntervalTicks: 5, oldestTimeoutTicks: 22 },
      }).start();
      return '';
    }
    if (name === 'state') return this.#state();
    const from = this.#cluster.log.length;
    this.#perform(name, wordsOf(rest));
    return shown(this.#cluster.log.slice(from));
  }

  #perform(name: string, words: Words): void {
    const cluster = this.#cluster;
    const { plain } = words;
    const indexes = plain.map(Number);
    switch (name) {
      case 'submit':
        for (const item of plain) cluster.submit(item, words.numbers('to'));
        return this.#answer();
      case 'deliver':
        return this.#deliver(plain[0], words.numbers('to'));
      case 'tick':
        return cluster.run(indexes[0] ?? 1);
      case 'expire':
        return this.#expire(indexes.length === 0 ? cluster.stations.map((each) => each.index) : indexes);
      case 'lose':
        return this.#lose(plain[0], words.numbers('from'), words.numbers('to'));
      case 'mend':
        return cluster.losses.clear();
      case 'drop':
        cluster.wire.length = 0;
        return;
      case 'stop':
        for (const index of indexes) cluster.station(index).crash();
        return;
      case 'start':
        for (const index of indexes) cluster.station(index).start();
        return this.#answer();
      case 'bad':
        return cluster.markBad(plain[0] ?? '', words.numbers('at'));
      case 'clock':
        cluster.station(indexes[0] ?? 0).isClockWrong = plain[1] === 'wrong';
        return;
      default:
        return this.#lie(name, indexes[0] ?? 0, words);
    }
  }

  #lie(name: string, index: number, words: Words): void {
    const station = this.#cluster.station(index);
    const view = words.numbers('view')?.[0] ?? 0;
    const { chain } = station.durable;
    const parent = chain.at(-1)?.certificate.digest ?? genesis.digest;
    const height = chain.length + 1;
    switch (name) {
      case 'keep':
        this.#kept.set(index, station.snapshot());
        return;
      case 'restore':
        this.#cluster.spokenFor.add(index);
        return station.rollBack(this.#kept.get(index) ?? station.snapshot());
      case 'propose': {
        const made = makeBlock({ height, parent, proposer: index, label: words.plain[1] ?? '' });
        return this.#tell(index, prePrepare(made, { view, height }, index), words);
      }
      case 'ask':
        return this.#tell(index, viewChange(index, view), words);
      case 'open': {
        const brought = (words.numbers('of') ?? []).map((by) => this.#viewChangeOf(by, view, words));
        return this.#tell(index, newView(view, brought, this.#cluster.validators), words);
      }
    }
  }

  /** One that lies leaves out what it prepared; more than f of them, together, show what never was. */
  #viewChangeOf(by: number, view: number, words: Words): ViewChange {
    const { quorum } = this.#cluster;
    this.#cluster.spokenFor.add(by);
    const [showing] = words.after('showing');
    if (showing !== undefined) {
      const made = makeBlock({ height: 1, parent: genesis.digest, proposer: 0, label: showing });
      const [, ...backups] = Array.from({ length: quorum }, (_, index) => index);
      return viewChange(by, view, { prepared: prepared(made.digest, [0, ...backups]) });
    }
    const stored = this.#cluster.station(by).durable.record.viewChange;
    const isForgotten = words.has('forgetting') && by === Number(words.plain[0]);
    return isForgotten || stored?.view !== view ? viewChange(by, view) : stored;
  }

  /** Said by the harness in a validator's name, so the witness does not hold it against the replica. */
  #tell(from: number, message: Message, words: Words): void {
    const { stations, wire } = this.#cluster;
    this.#cluster.spokenFor.add(from);
    const to = words.numbers('to') ?? stations.map((each) => each.index);
    for (const index of to)
      if (index !== from) wire.push({ from: this.#cluster.station(from), to: this.#cluster.station(index), message });
  }

  #answer(): void {
    while (this.#cluster.tasks.length > 0) this.#cluster.finish(0);
  }

  #deliver(kind: string | undefined, to: readonly number[] | undefined): void {
    const cluster = this.#cluster;
    if (kind === undefined && to === undefined) return cluster.settle();
    const isMeant = (type: string, index: number) =>
      (kind === undefined || kind === 'all' || type === kind) && (to === undefined || to.includes(index));
    // Only what is there now; what it causes waits.
    const meant = cluster.wire.filter(({ to: station, message }) => isMeant(message.type, station.index));
    for (const one of meant) {
      cluster.deliver(cluster.wire.indexOf(one));
      this.#answer();
    }
  }

  /** What is repeated meanwhile is lost, and no part of the story. */
  #expire(indexes: readonly number[]): void {
    const { wire, log } = this.#cluster;
    for (const index of indexes) {
      const station = this.#cluster.station(index);
      const view = station.replica?.status().view;
      for (let ticks = 0; ticks < 100 && station.replica?.status().view === view; ticks++) {
        const [sent, lines] = [wire.length, log.length];
        this.#cluster.tick([station]);
        const isOver = station.replica?.status().view !== view;
        const asked = wire.slice(sent).filter(({ message }) => message.type === 'view-change');
        const told = log.slice(lines).filter((line) => line.includes('ViewChange'));
        wire.splice(sent, wire.length, ...(isOver ? asked : []));
        log.splice(lines, log.length, ...(isOver ? told : []));
      }
    }
  }

  #lose(kind = 'all', from: readonly number[] | undefined, to: readonly number[] | undefined): void {
    assert(kinds.includes(kind), `no kind of message ${kind}`);
    this.#losses += 1;
    this.#cluster.losses.set(`${this.#losses}`, (sender, receiver, { type }) => {
      if (kind !== 'all' && type !== kind) return false;
      return (from?.includes(sender) ?? true) && (to?.includes(receiver) ?? true);
    });
  }

  #state(): string {
    const lines = this.#cluster.stations.map(({ index, replica, height }) => {
      if (replica === undefined) return `${index} down, height ${height}`;
      const { voice, mode, view } = replica.status();
      return `${index} ${mode} view ${view}, height ${height}${voice === 'voting' ? '' : `, ${voice}`}`;
    });
    return together(lines).join('\n');
  }
}

/** `a b to 1 2` is the plain words a and b, and the numbers 1 and 2 after `to`. */
function wordsOf(rest: readonly string[]): Words {
  const marks = ['to', 'from', 'at', 'of', 'view', 'forgetting', 'showing'];
  const first = rest.findIndex((word) => marks.includes(word));
  const after = (mark: string) => {
    const start = rest.indexOf(mark) + 1;
    const end = rest.findIndex((word, at) => at >= start && marks.includes(word));
    return start === 0 ? [] : rest.slice(start, end < 0 ? rest.length : end);
  };
  return {
    plain: first < 0 ? rest : rest.slice(0, first),
    has: (mark) => rest.includes(mark),
    after,
    numbers: (mark) => (rest.includes(mark) ? after(mark).map(Number) : undefined),
  };
}

function shown(lines: readonly string[]): string {
  return together(lines.map((line) => line.replace(/, signed by [\d ]+\)/, ')'))).join('\n');
}

/** Lines that follow each other and differ only in who does it become one; what one repeats is told once. */
function together(lines: readonly string[]): string[] {
  const groups: { who: Set<string>; what: string }[] = [];
  for (const line of lines) {
    const [, who = '', what = ''] = /^(\d+) (.*)$/s.exec(line) ?? [];
    const last = groups.at(-1);
    if (last?.what === what) last.who.add(who);
    else groups.push({ who: new Set([who]), what });
  }
  return groups.map(({ who, what }) => `${[...who].join(' ')} ${what}`);
}
