// Judges a run by two things alone: what clients did and were told, and the log that was exported afterwards. That the
// log is a chain with good certificates is `daybook audit verify`'s to say; here it is whether the log keeps every
// promise. Returns what is wrong, nothing if nothing is.
import type { HistoryEvent, Invoked, Read, Told } from './history.ts';
import type { Log, Logged } from './log.ts';
import { BankModel } from './model.ts';

export type CheckRule =
  | 'lost' // acknowledged, and not in the log
  | 'changed' // in the log with another outcome, place or lines than a client was told
  | 'twice' // one transaction or one reference more than once
  | 'never-invoked'
  | 'rejected-yet-logged'
  | 'wrong-outcome' // not what the bank would say at this place of the log
  | 'order' // invoked after another was acknowledged, and before it in the log
  | 'read-back' // a node showed less than it had shown
  | 'read-wrong' // a balance that the log does not give at that height
  | 'read-ahead' // a height that the log does not have
  | 'blamed' // evidence against a validator whose disk and key nobody touched
  | 'money'; // the balances that a node shows do not add up to zero

export interface Finding {
  readonly rule: CheckRule;
  readonly detail: string;
}

export const findingsMax = 20;

type Final = Extract<HistoryEvent, { type: 'ok' | 'refused' }>;

export function check(events: readonly HistoryEvent[], log: Log): Finding[] {
  const found: Finding[] = [];
  const add = (rule: CheckRule, detail: string) => {
    if (found.length < findingsMax) found.push({ rule, detail });
  };
  const model = checkLog(events, log, add);
  checkPromises(events, log, add);
  checkOrder(events, log, add);
  checkReads(events, log, model, add);
  checkBlames(events, log, add);
  return found;
}

/** Honest validators never contradict themselves, however often they are killed. */
function checkBlames(events: readonly HistoryEvent[], log: Log, add: Add): void {
  const suspects = new Set(events.flatMap((event) => (event.type === 'replaced' ? [event.node] : [])));
  for (const { node, index, detail } of log.blames)
    if (!suspects.has(node)) add('blamed', `node ${node} at ${index}: ${detail}`);
}

type Add = (rule: CheckRule, detail: string) => void;

function invokedOf(events: readonly HistoryEvent[]): Map<string, Invoked> {
  return new Map(events.flatMap((event) => (event.type === 'invoked' ? [[event.id, event] as const] : [])));
}

/** The log by itself: nothing twice, nothing that nobody asked for, and every outcome as the bank says. */
function checkLog(events: readonly HistoryEvent[], log: Log, add: Add): BankModel {
  const invoked = invokedOf(events);
  const seen = new Set<string>();
  const references = new Set<string>();
  const model = new BankModel();
  for (const { id, member, reference, height, index, outcome, lines } of log.transactions) {
    const asked = invoked.get(id);
    const where = `${member} ${reference} at ${index} (block ${height})`;
    if (seen.has(id) || references.has(`${member} ${reference}`)) add('twice', where);
    seen.add(id);
    references.add(`${member} ${reference}`);
    if (asked === undefined || asked.member !== member || asked.reference !== reference) {
      add('never-invoked', where);
      continue;
    }
    const expected = model.apply(member, reference, asked.operation, height);
    const got = lines.map((line) => line.outcome);
    if (expected.outcome !== outcome || expected.lines.join() !== got.join())
      add('wrong-outcome', `${where}: ${outcome} ${got}, the bank says ${expected.outcome} ${expected.lines}`);
    for (const line of lines) {
      const key = `${member} ${line.reference}`;
      if (references.has(key) && line.outcome !== 'DU04') add('twice', `line ${key} of ${where}`);
      references.add(key);
    }
  }
  return model;
}

/** Every final answer stands in the log as it was given; what was turned away is not there. */
function checkPromises(events: readonly HistoryEvent[], log: Log, add: Add): void {
  const logged = new Map(log.transactions.map((each) => [each.id, each]));
  const invoked = new Map([...invokedOf(events).values()].map((each) => [each.op, each]));
  for (const event of events) {
    if (event.type !== 'ok' && event.type !== 'refused' && event.type !== 'rejected') continue;
    const { id = '', member, reference } = invoked.get(event.op) ?? {};
    const place = logged.get(id);
    const what = `operation ${event.op}, ${member} ${reference}`;
    if (event.type === 'rejected') {
      if (place !== undefined) add('rejected-yet-logged', `${what}: ${event.code}, and at ${place.index}`);
    } else if (place === undefined) add('lost', `${what}: acknowledged in block ${event.height}`);
    else if (!isAsTold(place, event, event.type === 'ok' ? 'OK' : event.code))
      add('changed', `${what}: told ${JSON.stringify(event)}, the log has ${JSON.stringify(place)}`);
  }
}

function isAsTold({ outcome, height, index, lines }: Logged, told: Told, code: string): boolean {
  if (outcome !== code || height !== told.height || index !== told.index) return false;
  return told.lines === undefined || told.lines.join() === lines.map((line) => line.outcome).join();
}

/** Real-time order: what was invoked after another's answer stands after it. */
function checkOrder(events: readonly HistoryEvent[], log: Log, add: Add): void {
  const indexOf = new Map(log.transactions.map(({ id, index }) => [id, index]));
  const finals = events
    .filter((event): event is Final => event.type === 'ok' || event.type === 'refused')
    .sort((a, b) => a.at - b.at);
  const begun = [...invokedOf(events).values()].sort((a, b) => a.at - b.at);
  let next = 0;
  let latest: Final | undefined;
  for (const { id, op, at } of begun) {
    for (let each = finals[next]; each !== undefined && each.at < at; each = finals[++next])
      if (latest === undefined || each.index > latest.index) latest = each;
    const index = indexOf.get(id);
    if (index !== undefined && latest !== undefined && index < latest.index)
      add('order', `operation ${op} stands at ${index}, before operation ${latest.op} at ${latest.index}`);
  }
}

/** A node's heights never go back, and its balances are the log's at the height that it names. */
function checkReads(events: readonly HistoryEvent[], log: Log, model: BankModel, add: Add): void {
  const shown = new Map<number, { readonly at: number; readonly height: number }[]>();
  const sights = events
    .filter(
      (event) => event.type === 'read' || event.type === 'ok' || event.type === 'refused' || event.type === 'replaced',
    )
    .sort((a, b) => a.at - b.at);
  for (const event of sights) {
    if (event.type === 'replaced') {
      shown.delete(event.node);
      continue;
    }
    const before = shown.get(event.node) ?? [];
    if (event.type === 'read') {
      const floor = heightBefore(before, event.asked);
      if (event.height < floor) add('read-back', `node ${event.node} showed height ${floor}, then ${event.height}`);
      checkBalances(event, log, model, add);
    }
    const { at } = event;
    before.push({ at, height: Math.max(event.height, before.at(-1)?.height ?? 0) });
    shown.set(event.node, before);
  }
}

/** The greatest height of what was seen before `time`; heights in the list only grow. */
function heightBefore(seen: readonly { readonly at: number; readonly height: number }[], time: number): number {
  for (let i = seen.length - 1; i >= 0; i--) {
    const each = seen[i];
    if (each !== undefined && each.at < time) return each.height;
  }
  return 0;
}

function checkBalances({ node, height, balances, isWhole }: Read, log: Log, model: BankModel, add: Add): void {
  if (height > log.height) add('read-ahead', `node ${node} showed height ${height}, the log has ${log.height}`);
  const sum = Object.values(balances).reduce((total, balance) => total + BigInt(balance), 0n);
  if (isWhole && sum !== 0n) add('money', `the balances of node ${node} at ${height} add up to ${sum}`);
  const names = isWhole ? new Set([...model.names(), ...Object.keys(balances)]) : Object.keys(balances);
  for (const name of names) {
    const expected = model.balanceAt(name, height)?.toString();
    const got = balances[name];
    if (got !== expected) add('read-wrong', `node ${node} at ${height}: ${name} has ${got}, the log says ${expected}`);
  }
}
