// The commands of transcripts in which the validator set changes. Validators are named by letters, for their numbers
// change; whatever follows one of them is shown with the epoch that it is of.
import type { Effect } from '../../node/consensus/events.ts';
import type { Message } from '../../node/consensus/messages.ts';
import { assert } from '../../node/ledger/assert.ts';
import { certificateProblem } from '../../node/ledger/certificate.ts';
import { messageProblem } from '../../node/network/message-checks.ts';
import { digestOfBlock } from './_chain.ts';
import { type Around, Machine } from './_epoch-machine.ts';
import { lawOf } from './_eras.ts';
import { effectWords, wordsOf } from './_words.ts';

const usage: Readonly<Record<string, string>> = {
  validators: 'validators A B C D: these have heard each other',
  join: 'join E: a machine that knows the first set starts',
  submit: 'submit ITEM... [to A...]: work arrives, at all that vote unless said',
  deliver: 'deliver [to A...]: what is on the wire arrives, or only what is for these; and what follows too',
  tick: 'tick N: so many ticks, everything delivered after each',
  lose: 'lose A...: what is from and to these does not arrive from now on',
  mend: 'mend: everything arrives again',
  drop: 'drop: what is on the wire is lost',
  stop: 'stop A...: these stop',
  start: 'start A...: these start from what was durable',
  keep: 'keep A: what is durable at A is copied',
  restore: 'restore A: A, which is down, gets the copy back in place of its disk',
  wipe: 'wipe A: A, which is down, gets an empty disk',
  record: 'record A: the vote record of A',
  state: 'state: where everybody stands',
};

interface OnWire {
  readonly from: Machine;
  readonly to: Machine;
  readonly message: Message;
}

export class EpochStage implements Around {
  #machines: Machine[] = [];
  #first: readonly string[] = [];
  #wire: OnWire[] = [];
  #lines: string[] = [];
  readonly #lost = new Set<string>();
  #kept: ReturnType<Machine['disk']> | undefined;

  /** Performs a command and answers what followed, in words. */
  run(command: string): string {
    const [name = '', ...rest] = command.split(' ');
    assert(usage[name] !== undefined, `no command ${name}; there are:\n${Object.values(usage).join('\n')}`);
    this.#lines = [];
    this.#perform(name, rest);
    return together(this.#lines).join('\n');
  }

  #perform(name: string, words: readonly string[]): void {
    const at = words.indexOf('to');
    const plain = at < 0 ? words : words.slice(0, at);
    const to = at < 0 ? undefined : words.slice(at + 1);
    const named = () => plain.map((each) => this.#machine(each));
    switch (name) {
      case 'validators':
        this.#first = plain;
        this.#machines = plain.map((each) => new Machine(each, plain, this));
        for (const each of this.#machines) each.start();
        return this.#ticks(1);
      case 'join': {
        const machine = new Machine(plain[0] ?? '', this.#first, this);
        this.#machines.push(machine);
        return machine.start();
      }
      case 'submit': {
        const voters = this.#machines.filter((each) => each.self >= 0 && each.replica !== undefined);
        for (const item of plain) for (const each of to?.map((who) => this.#machine(who)) ?? voters) each.submit(item);
        return;
      }
      case 'deliver':
        return to === undefined ? this.#settle() : this.#deliverTo(to);
      case 'tick':
        return this.#ticks(Number(plain[0]));
      case 'lose':
        for (const each of plain) this.#lost.add(each);
        return;
      case 'mend':
        return this.#lost.clear();
      case 'drop':
        this.#wire = [];
        return;
      case 'stop':
        for (const each of named()) each.stop();
        return;
      case 'start':
        for (const each of named()) each.start();
        return;
      default:
        return this.#look(name, plain);
    }
  }

  #look(name: string, plain: readonly string[]): void {
    const machine = () => this.#machine(plain[0] ?? '');
    switch (name) {
      case 'keep':
        this.#kept = machine().disk();
        return;
      case 'restore':
        return machine().restore(this.#kept ?? machine().disk());
      case 'wipe':
        return machine().restore({ record: undefined, bodies: new Map(), chain: [] });
      case 'record': {
        const { epoch, view, mode, height, prepare, commit, silenced } = machine().record ?? {};
        const votes = [prepare && 'a Prepare', commit && 'a Commit'].filter((each) => each !== undefined);
        const held = votes.length === 0 ? 'no vote' : votes.join(' and ');
        const place = `epoch ${epoch}, view ${view} ${mode}, height ${height}`;
        this.#lines.push(`${machine().name} ${place}, ${held}${silenced === undefined ? '' : ', silenced'}`);
        return;
      }
      case 'state':
        this.#lines.push(...this.#machines.map((each) => stateOf(each)));
    }
  }

  #machine(name: string): Machine {
    const found = this.#machines.find((each) => each.name === name);
    assert(found !== undefined, `no validator ${name}`);
    return found;
  }

  #ticks(count: number): void {
    for (let i = 0; i < count; i++) {
      for (const each of this.#machines) each.put({ type: 'tick' });
      this.#settle();
    }
  }

  #settle(): void {
    for (let next = this.#wire.shift(); next !== undefined; next = this.#wire.shift()) this.#arrive(next);
  }

  /** Only what is there now; what it causes waits. */
  #deliverTo(names: readonly string[]): void {
    const meant = this.#wire.filter(({ to }) => names.includes(to.name));
    this.#wire = this.#wire.filter((each) => !meant.includes(each));
    for (const each of meant) this.#arrive(each);
  }

  send(from: Machine, to: string | 'all', message: Message): void {
    const names = to === 'all' ? from.era.seats.map(({ name }) => name) : [to];
    for (const each of this.#machines)
      if (each !== from && names.includes(each.name)) this.#wire.push({ from, to: each, message });
  }

  announce(from: Machine, message: Message): void {
    for (const name of from.followers) this.send(from, name, message);
  }

  fetch(from: Machine, height: number, of: readonly string[]): void {
    const servers = this.#machines.filter((each) => of.includes(each.name) && this.#isLinked(from, each));
    const server = servers.find((each) => each.height >= height);
    from.fetched(server?.chain.slice(height - 1) ?? []);
  }

  note(from: Machine, effect: Effect): void {
    const words = effectWords(effect);
    if (words !== undefined) this.#lines.push(`${from.name} ${this.#named(words, from)}`);
  }

  /** Numbers of validators and of proposers as names, and views with their epochs. */
  #named(words: string, { era }: Machine, epoch = era.number): string {
    const seats = this.#machines.flatMap(({ eras }) => eras).find(({ number }) => number === epoch)?.seats ?? [];
    const names = (numbers: string) => numbers.replace(/\d+/g, (index) => seats[Number(index)]?.name ?? index);
    return words
      .replace(/^-> (\d+)/, (_, index: string) => `-> ${names(index)}`)
      .replace(/(, signed by [\d ]+)\)/, ')')
      .replace(/ of ([\d ]+)$/, (_, numbers: string) => ` of ${names(numbers)}`)
      .replace(
        /(\d+):(\S+)/g,
        (_, proposer: string, items: string) => `${String.fromCharCode(Number(proposer))}:${items}`,
      )
      .replace(/\bview (?=\d)/, `epoch ${epoch} view `);
  }

  /** [E8] Both ends admit the key that the other speaks under. */
  #isLinked(from: Machine, to: Machine): boolean {
    if (to.replica === undefined || this.#lost.has(from.name) || this.#lost.has(to.name)) return false;
    return to.admits(from.speaks) && from.admits(to.speaks);
  }

  /** What the node's edge does before the replica sees a message. */
  #arrive({ from, to, message }: OnWire): void {
    if (!this.#isLinked(from, to)) return;
    const { era } = to;
    const index = era.seats.findIndex(({ name }) => name === from.name);
    const epoch = message.type === 'committed' ? message.certificate.epoch : message.epoch;
    if (message.type === 'status' && epoch > era.number) {
      if (index >= 0) to.take({ ...message, validator: index, heard: undefined }); // [E5]
      return;
    }
    if (epoch !== era.number) return message.type === 'committed' ? undefined : this.#answerEnd(to, from, epoch);
    if (message.type === 'committed') {
      const law = lawOf(era);
      if (certificateProblem(message.certificate, law.chainId, law.validators, law.check) === undefined)
        to.take(message);
      return;
    }
    if (message.type !== 'new-view' && message.validator !== index) return;
    if (message.type === 'pre-prepare' && digestOfBlock(message.block) !== message.digest) return;
    const isHeaderless = message.type === 'pre-prepare'; // its header is no ledger's
    if (!isHeaderless && messageProblem(message, lawOf(era)) !== undefined) return;
    if ('height' in message && message.type !== 'status' && message.height <= to.height) return;
    to.take(message);
  }

  // [E5]
  #answerEnd(from: Machine, to: Machine, epoch: number): void {
    const next = from.eras[epoch + 1];
    const last = next && from.chain[next.from - 2];
    if (last === undefined) return;
    const notice: Message = { type: 'committed', certificate: last.certificate, header: last.block.header };
    this.#lines.push(
      `${from.name} -> ${to.name}: ${this.#named(wordsOf(notice), from, epoch)}, the end of epoch ${epoch}`,
    );
    this.send(from, to.name, notice);
  }
}

function stateOf(machine: Machine): string {
  const { name, replica, height, era, speaks } = machine;
  if (replica === undefined) return `${name} down, height ${height}`;
  const { voice, mode, view } = replica.status();
  const own = era.seats.find((each) => each.name === name)?.key;
  const key = own === undefined || speaks === own ? '' : `, known as ${speaks}`;
  const place = `epoch ${era.number} ${mode} view ${view}, height ${height}`;
  return `${name} ${place}${voice === 'voting' ? '' : `, ${voice}`}${key}`;
}

/** Lines that follow each other and differ only in who does it become one. */
function together(lines: readonly string[]): string[] {
  const groups: { who: Set<string>; what: string }[] = [];
  for (const line of lines) {
    const [, who = '', what = ''] = /^(\S+) (.*)$/s.exec(line) ?? [];
    const last = groups.at(-1);
    if (last?.what === what) last.who.add(who);
    else groups.push({ who: new Set([who]), what });
  }
  return groups.map(({ who, what }) => `${[...who].join(' ')} ${what}`);
}
