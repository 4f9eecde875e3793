// The checker passes a right history and rejects every wrong one planted here: one that finds nothing proves nothing.
import test from 'ava';
import { type CheckRule, check } from './checker.ts';
import type { Ended, HistoryEvent, Operation } from './history.ts';
import type { Blame, Log, Logged } from './log.ts';

const open = (account: string, opening: string): Operation => ({
  kind: 'open',
  account,
  branch: 'BRANCH-1',
  overdraft: '0',
  opening,
});
const pay = (from: string, to: string, amount: string): Operation => ({ kind: 'transfer', from, to, amount });
const batch = (...lines: readonly (readonly [string, string, string, string])[]): Operation => ({
  kind: 'batch',
  lines: lines.map(([reference, from, to, amount]) => ({ reference, from, to, amount })),
});

interface Step {
  readonly operation: Operation;
  readonly outcome: string;
  readonly lines?: readonly string[];
}

const steps: readonly Step[] = [
  { operation: open('A', '500'), outcome: 'OK' },
  { operation: open('B', '0'), outcome: 'OK' },
  { operation: pay('A', 'B', '200'), outcome: 'OK' },
  { operation: pay('B', 'A', '900'), outcome: 'AM04' },
  { operation: batch(['L-1', 'A', 'B', '100'], ['L-2', 'A', 'NOBODY', '1']), outcome: 'OK', lines: ['OK', 'AC03'] },
  { operation: pay('B', 'A', '50'), outcome: 'OK' },
];

/** A right history and its log: one operation after another, each in a block of its own, seen through node 0. */
function right(): { events: HistoryEvent[]; log: { height: number; transactions: Logged[]; blames: Blame[] } } {
  const events: HistoryEvent[] = [];
  const transactions: Logged[] = [];
  steps.forEach(({ operation, outcome, lines }, op) => {
    const [id, member, reference] = [`id-${op}`, 'CLEARING', `T-${op}`];
    const place = { height: op + 1, index: 1 + 2 * op };
    events.push({ type: 'invoked', op, at: 10 * op, id, member, reference, operation });
    const told = { op, at: 10 * op + 5, node: 0, ...place, ...(lines === undefined ? {} : { lines }) };
    events.push(outcome === 'OK' ? { type: 'ok', ...told } : { type: 'refused', code: outcome, ...told });
    const kept = lines?.map((line, i) => ({ reference: `L-${i + 1}`, outcome: line })) ?? [];
    transactions.push({ id, member, reference, ...place, outcome, lines: kept });
  });
  events.push({
    type: 'read',
    node: 0,
    asked: 100,
    at: 101,
    height: 6,
    balances: { A: '250', B: '250', 'ISSUED-CZK': '-500' },
    isWhole: true,
  });
  return { events, log: { height: 6, transactions, blames: [] } };
}

type Case = ReturnType<typeof right>;
const rulesOf = ({ events, log }: { events: readonly HistoryEvent[]; log: Log }) =>
  new Set(check(events, log).map(({ rule }) => rule));

function ended(events: readonly HistoryEvent[], op: number): Ended {
  return events.find((event): event is Ended => 'op' in event && event.type !== 'invoked' && event.op === op) as Ended;
}

test('a right history passes', (t) => {
  t.deepEqual(check(right().events, right().log), []);
});

test('an unknown outcome may be in the log or not', (t) => {
  const { events, log } = right();
  const without = events.filter((event) => event !== ended(events, 5));
  without.push({ type: 'unknown', op: 5, at: 60 });
  t.deepEqual(check(without, log), []);
  const absent = { ...log, height: 5, transactions: log.transactions.slice(0, 5) };
  const reads = without.filter(({ type }) => type !== 'read');
  t.deepEqual(check(reads, absent), []);
});

test('an answer that was on its way while another was invoked puts them in no order', (t) => {
  const { events, log } = right();
  const late = events.map((event) => (event === ended(events, 2) ? { ...event, at: 45 } : event));
  t.deepEqual(check(late, log), []);
});

function planted(rule: CheckRule, what: string, change: (wrong: Case) => Case | undefined): void {
  test(`${rule} is found: ${what}`, (t) => {
    const wrong = right();
    const rules = rulesOf(change(wrong) ?? wrong);
    t.true(rules.has(rule), [...rules].join());
  });
}

function edit(wrong: Case, at: number, change: Partial<Logged>): undefined {
  Object.assign(wrong.log.transactions[at] as Logged, change);
  return undefined;
}

planted('lost', 'an acknowledged transaction is not in the log', ({ events, log }) => ({
  events,
  log: { ...log, transactions: log.transactions.slice(0, -1) },
}));
planted('lost', 'a refusal that was told is not in the log', ({ events, log }) => ({
  events,
  log: { ...log, transactions: log.transactions.filter(({ id }) => id !== 'id-3') },
}));
planted('changed', 'another outcome than was told', (wrong) => edit(wrong, 3, { outcome: 'AM03' }));
planted('changed', 'another place than was told', (wrong) => edit(wrong, 2, { index: 8 }));
planted('changed', 'another block than was told', (wrong) => edit(wrong, 2, { height: 4 }));
planted('changed', 'a line with another outcome', (wrong) =>
  edit(wrong, 4, {
    lines: [
      { reference: 'L-1', outcome: 'OK' },
      { reference: 'L-2', outcome: 'OK' },
    ],
  }),
);
planted('twice', 'one transaction at two places', ({ events, log }) => ({
  events,
  log: { ...log, transactions: [...log.transactions, { ...(log.transactions[2] as Logged), index: 13, height: 6 }] },
}));
planted('twice', 'one reference under two transactions', (wrong) => edit(wrong, 5, { reference: 'T-2' }));
planted('twice', 'a line under a reference of another transaction', (wrong) => {
  (wrong.events.find((event) => event.type === 'invoked' && event.op === 0) as { reference: string }).reference = 'L-1';
  return edit(wrong, 0, { reference: 'L-1' });
});
planted('never-invoked', 'a transaction that nobody asked for', ({ events, log }) => ({
  events: events.filter((event) => !('op' in event) || event.op !== 5),
  log,
}));
planted('rejected-yet-logged', 'what was turned away', ({ events, log }) => ({
  events: events.map((event) =>
    event === ended(events, 5) ? ({ type: 'rejected', op: 5, at: 55, code: 'TM01' } as const) : event,
  ),
  log,
}));
planted('wrong-outcome', 'accepted although the money does not suffice', (wrong) => edit(wrong, 3, { outcome: 'OK' }));
planted('wrong-outcome', 'refused although it does', (wrong) => edit(wrong, 5, { outcome: 'AM04' }));
planted('order', 'invoked after an answer, and before it in the log', ({ events, log }) => {
  const [first, second] = [log.transactions[2] as Logged, log.transactions[5] as Logged];
  const swapped = log.transactions.map((each) =>
    each === first ? { ...second, index: first.index } : each === second ? { ...first, index: second.index } : each,
  );
  return { events, log: { ...log, transactions: swapped } };
});
planted('read-back', 'a node shows less than it showed', ({ events, log }) => {
  events.push({ type: 'read', node: 0, asked: 110, at: 111, height: 3, balances: {}, isWhole: false });
  return { events, log };
});
planted('read-back', 'a node shows less than it acknowledged', ({ events, log }) => ({
  events: events.map((event) =>
    event.type === 'read' ? { ...event, height: 5, balances: { A: '200' }, isWhole: false } : event,
  ),
  log,
}));
planted('read-wrong', 'a balance that the log does not give', ({ events, log }) => ({
  events: events.map((event) =>
    event.type === 'read' ? { ...event, balances: { ...event.balances, A: '251' } } : event,
  ),
  log,
}));
planted('read-wrong', 'an account is missing', ({ events, log }) => ({
  events: events.map((event) =>
    event.type === 'read' ? { ...event, balances: { A: '250', 'ISSUED-CZK': '-500' } } : event,
  ),
  log,
}));
planted('money', 'balances that do not add up to zero', ({ events, log }) => ({
  events: events.map((event) =>
    event.type === 'read' ? { ...event, balances: { ...event.balances, C: '1' } } : event,
  ),
  log,
}));
planted('blamed', 'evidence against a validator that was only killed', ({ events, log }) => ({
  events,
  log: { ...log, blames: [{ node: 2, index: 13, detail: 'commit 0/3 and commit 0/3' }] },
}));
planted('read-ahead', 'a height that the log does not have', ({ events, log }) => ({
  events: events.map((event) => (event.type === 'read' ? { ...event, height: 9 } : event)),
  log,
}));

test('two nodes may stand at different heights, and a disk that was taken back may show less', (t) => {
  const { events, log } = right();
  const read = (node: number, at: number) =>
    ({ type: 'read', node, asked: at, at: at + 1, height: 3, balances: { A: '300' }, isWhole: false }) as const;
  t.deepEqual(check([...events, read(1, 110)], log), []);
  const replaced = { type: 'replaced', node: 0, at: 120 } as const;
  const blames = [{ node: 0, index: 13, detail: 'commit 0/3 and commit 0/3' }];
  t.deepEqual(check([...events, replaced, read(0, 130)], { ...log, blames }), []);
});
