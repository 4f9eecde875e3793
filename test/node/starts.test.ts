// Starts further back than a claim reaches: of a copy that started often before it was heard, and of an honest store.
import test from 'ava';
import { type Claim, claimMessage, claimSchema, readClaim } from '../../node/ledger/claim.ts';
import { decodeAs, encodeAs } from '../../node/ledger/schema.ts';
import { sign } from '../../node/ledger/signature.ts';
import { MemoryStore } from '../../node/store/memory-store.ts';
import { StoreError } from '../../node/store/store.ts';
import { MemoryCluster } from './_memory-cluster.ts';
import { Claims, chainId, presenceOf, turn, voteKey, voteSeed } from './_presence.ts';

type Answer = (claim: Claim) => Uint8Array | undefined;

const nobody: Answer = () => undefined;
const anotherRun = /another run of this key/;

/** So many starts of a store; answers with the last one. Sessions are numbers from `first` on. */
function startOften(store: Claims, times: number, first: number, answer: Answer = nobody) {
  let last = presenceOf(0, first, answer, store);
  for (let start = 1; start < times; start++) last = presenceOf(0, first + start, answer, store);
  return last;
}

/** What a peer keeps of validator 0, and how it answers its claims. */
function peer() {
  const { presence, store } = presenceOf(1, 1_000_000, nobody);
  const answer: Answer = (claim) => presence.note(0, claim);
  return { answer, start: () => readClaim(store.claim(voteKey(0)))?.start };
}

/** Asks until the presence has been told something, which takes no more than two questions. */
async function heard({ presence, told }: ReturnType<typeof presenceOf>): Promise<string> {
  for (let asked = 0; asked < 2; asked++) {
    presence.ask(1);
    await turn();
  }
  return told.join();
}

for (const starts of [2, 31, 32, 33, 64, 65, 200])
  test(`[R5] an older copy is silent though it has started ${starts} times before anybody heard it`, async (t) => {
    const other = peer();
    const store = new Claims();
    t.is(await heard(presenceOf(0, 1, other.answer, store)), 'known to 1');
    const copy = store.copy();
    t.is(await heard(presenceOf(0, 2, other.answer, store)), 'known to 1');
    const last = startOften(copy, starts, 1_000, other.answer);
    t.regex(await heard(last), anotherRun);
    t.is(other.start(), 2, 'the peer keeps the claim of the store that ran');
  });

test('[R5] a copy that started often and runs further on is silent, too', async (t) => {
  const other = peer();
  const store = new Claims();
  startOften(store, 50, 1);
  const copy = store.copy();
  t.is(await heard(startOften(store, 45, 100, other.answer)), 'known to 1');
  t.is(other.start(), 95);
  for (const more of [10, 60]) {
    t.regex(await heard(startOften(copy, more, 500 + more, other.answer)), anotherRun, `${more} starts`);
    t.is(other.start(), 95);
  }
});

test('[R5] who started often where nobody heard it is known again, whatever start each peer keeps', async (t) => {
  const peers = [1, 40, 64, 65, 150, 199].map((at) => ({ at, ...peer() }));
  const fresh = peer();
  const store = new Claims();
  for (let start = 1; start <= 200; start++) {
    const { presence } = presenceOf(0, start, (claim) => peers.find(({ at }) => at === start)?.answer(claim), store);
    presence.ask(1);
    await turn();
  }
  t.deepEqual(
    peers.map(({ start }) => start()),
    peers.map(({ at }) => at),
  );
  for (const each of [...peers, fresh]) {
    t.is(await heard(presenceOf(0, 1_000, each.answer, store.copy())), 'known to 1');
    t.is(each.start(), 201);
  }
});

test('[R5] a claim names an earlier start for the peer that keeps it alone, once that has shown it', async (t) => {
  const sent: Claim[] = [];
  const held = peer();
  const note: Answer = (claim) => {
    sent.push(claim);
    return held.answer(claim);
  };
  const store = new Claims();
  await heard(presenceOf(0, 1, note, store));
  startOften(store, 99, 2);
  sent.length = 0;
  t.is(await heard(presenceOf(0, 101, note, store)), 'known to 1');
  t.deepEqual(
    sent.map(({ start, earlier }) => [start, earlier?.start]),
    [
      [101, undefined],
      [101, 1],
    ],
  );
  sent.length = 0;
  t.is(await heard(presenceOf(0, 102, note, store)), 'known to 1');
  t.true(sent.every(({ earlier }) => earlier === undefined));
});

test('[R5] an old claim of its own silences nobody, whoever shows it, and one that it never made does', async (t) => {
  const store = new Claims();
  const old: Claim[] = [];
  for (let start = 1; start <= 130; start++) {
    const { store: rows } = presenceOf(0, start, nobody, store);
    old.push(decodeAs(claimSchema, rows.claim(voteKey(0)) ?? new Uint8Array(0)));
  }
  for (const claim of old) {
    const shown = presenceOf(0, 500, () => encodeAs(claimSchema, claim), store.copy());
    t.is(await heard(shown), '', `start ${claim.start}`);
  }
  for (const [at, claim] of old.entries()) {
    const sessions = [new Uint8Array(16).fill(99), ...claim.sessions.slice(1)];
    const claimed = { start: claim.start, sessions };
    const other = { ...claimed, signature: sign(claimMessage(chainId, claimed), voteSeed(0)) };
    const shown = presenceOf(0, 500, () => encodeAs(claimSchema, other), store.copy());
    t.regex(await heard(shown), anotherRun, `start ${at + 1}`);
  }
});

test('[R5] a claim that names the start that is held, with another session, does not take its place', (t) => {
  const { presence, store } = presenceOf(1, 9, nobody);
  const claimOf = (claimed: Omit<Claim, 'signature'>): Claim => ({
    ...claimed,
    signature: sign(claimMessage(chainId, claimed), voteSeed(0)),
  });
  const session = (fill: number) => new Uint8Array(16).fill(fill);
  const sessions = Array.from({ length: 32 }, () => session(3));
  presence.note(0, claimOf({ start: 7, sessions: [session(1)] }));
  const kept = () => readClaim(store.claim(voteKey(0)))?.start;
  for (const earlier of [undefined, { start: 7, session: session(2) }, { start: 6, session: session(1) }]) {
    t.is(readClaim(presence.note(0, claimOf({ start: 70, sessions, earlier })))?.start, 7);
    t.is(kept(), 7);
  }
  const right = claimOf({ start: 70, sessions, earlier: { start: 7, session: session(1) } });
  const moved = { ...right, earlier: { start: 6, session: session(1) } };
  t.is(presence.note(0, moved), undefined, 'what it names is signed');
  t.is(readClaim(presence.note(0, right))?.start, 70);
});

test('[R5] each 32nd start leaves one row, and a start writes no other', (t) => {
  const store = new Claims();
  startOften(store, 100, 1);
  t.deepEqual(
    [...store.sessions.values()].map(({ last, sessions, since }) => [last, sessions.length, since]),
    [
      [32, 32, 1],
      [64, 32, 1],
      [96, 32, 1],
    ],
  );
});

test('[R5] starts that an earlier version counted count by their number alone, and no later ones', async (t) => {
  const peers = [5, 20, 41].map((at) => ({ at, ...peer() }));
  const store = new Claims();
  for (let start = 1; start <= 41; start++) {
    if (start === 41) store.sessions.clear();
    const { presence } = presenceOf(0, start, (claim) => peers.find(({ at }) => at === start)?.answer(claim), store);
    presence.ask(1);
    await turn();
  }
  const copy = store.copy();
  startOften(copy, 60, 500);
  startOften(store, 60, 100);
  t.deepEqual(
    [...store.sessions.values()].map(({ last, sessions, since }) => [last, sessions.length, since]),
    [
      [32, 23, 10],
      [64, 32, 10],
      [96, 32, 10],
    ],
  );
  for (const each of peers) t.is(await heard(presenceOf(0, 200, each.answer, store)), 'known to 1', `${each.at}`);
  for (const each of peers) t.regex(await heard(presenceOf(0, 700, each.answer, copy)), anotherRun);
});

class Damaged extends Claims {
  last = -1;
  override starts(key: Uint8Array, last: number) {
    if (last === this.last) throw new StoreError('damaged store: starts');
    return super.starts(key, last);
  }
}

test('[R5] sessions that cannot be read are not known, and no start passes over the latest ones', async (t) => {
  const other = peer();
  const store = new Damaged();
  t.is(await heard(presenceOf(0, 1, other.answer, store)), 'known to 1');
  startOften(store, 70, 2);
  store.last = 32;
  t.regex(await heard(presenceOf(0, 100, other.answer, store)), anotherRun);
  store.last = 64;
  t.throws(() => presenceOf(0, 101, nobody, store), { instanceOf: StoreError });
});

const all = [0, 1, 2, 3];

function startsWhileCut(cluster: MemoryCluster, index: number, times: number): void {
  cluster.cut(index);
  for (let start = 0; start < times; start++) {
    cluster.start(index);
    cluster.kill(index);
  }
  cluster.heal();
  cluster.start(index);
}

async function started(): Promise<MemoryCluster> {
  const cluster = new MemoryCluster();
  for (const each of all) cluster.start(each);
  await cluster.run(() => all.every((each) => cluster.nodes[each]?.status().ready));
  return cluster;
}

test('[R5] a validator that its supervisor started 40 times while it was cut off votes again', async (t) => {
  const cluster = await started();
  cluster.kill(3);
  startsWhileCut(cluster, 3, 40);
  await cluster.run(() => cluster.nodes[3]?.status().ready === true);
  t.is(cluster.nodes[3]?.silence, undefined);
});

test('[R5] a copy that its supervisor started 40 times while it was cut off is silent', async (t) => {
  const cluster = await started();
  cluster.kill(3);
  const store = cluster.stores[3];
  if (!(store instanceof MemoryStore)) return t.fail();
  const copy = store.snapshot();
  cluster.start(3);
  await cluster.run(() => cluster.nodes[3]?.status().ready === true);
  cluster.kill(3);
  store.restore(copy);
  startsWhileCut(cluster, 3, 40);
  await cluster.run(() => cluster.nodes[3]?.silence !== undefined);
  t.regex(cluster.nodes[3]?.silence ?? '', /start number 2 \(here 42\)/);
});
