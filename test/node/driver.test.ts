// What the driver keeps of blocks that it executed, should none be committed for many views.
import test from 'ava';
import { defaultParameters } from '../../contracts/consortium-state.ts';
import { bodiesMax, firstRecord } from '../../node/consensus/record.ts';
import { Driver, type DriverParts } from '../../node/driver.ts';
import type { Digest } from '../../node/ledger/hash.ts';
import type { TakeLimits } from '../../node/mempool.ts';

const placeholder = new Uint8Array(1);
const block = { header: placeholder, evidence: undefined, transactions: [] };
const record = firstRecord();

const digestOf = (number: number) => number.toString(16).padStart(64, '0');

function validate(digest: string) {
  return { type: 'validate', epoch: 0, view: 0, height: 1, digest, block, fresh: false };
}

test('[L1] of blocks that were executed at one height twice as many are kept as there may be bodies', (t) => {
  const executed: string[] = [];
  const verdicts: string[] = [];
  let effects: unknown[] = [];
  let asked = '';
  const parts = {
    replica: {
      start: () => [],
      step: (event: { readonly type: string; readonly digest?: string }) => {
        if (event.type === 'verdict') verdicts.push(event.digest ?? '');
        const performed = event.type === 'tick' ? effects : [];
        return performed;
      },
      position: () => ({ view: 0, mode: 'normal', height: 1 }),
      noteLogSize: () => {},
    },
    store: { head: () => ({ logSize: 1 }), certificate: () => undefined, persistVote: () => {} },
    executor: {
      head: { height: 0 },
      execute: () => {
        executed.push(asked);
        return { digest: asked, transactions: [], evidence: undefined };
      },
    },
    onFailure: (error: unknown) => t.fail(String(error)),
  };
  const driver = new Driver(parts as unknown as DriverParts);
  driver.start();
  const judge = (digest: string) => {
    asked = digest;
    effects = [
      validate(digest),
      { type: 'persist', record: { ...record, bodies: [digestOf(0) as Digest] }, putBodies: [], deleteBodies: [] },
    ];
    driver.put({ type: 'tick' });
  };
  const digests = Array.from({ length: 2 * bodiesMax + 2 }, (_, i) => digestOf(i));
  for (const digest of digests) judge(digest);
  t.deepEqual(executed, digests);
  for (const number of [0, 17, 1]) judge(digestOf(number));
  t.deepEqual(executed.slice(digests.length), [digestOf(1)], 'the oldest that no vote is for was forgotten');
  t.is(verdicts.length, executed.length + 2);
});

test('[V7] a body that comes after its block was committed otherwise makes nobody a liar', async (t) => {
  let finds: (holds: boolean) => void = () => {};
  const asked = new Promise<boolean>((resolve) => {
    finds = resolve;
  });
  const executor = { head: { height: 0 }, execute: () => t.fail('it is executed on another head') };
  const fetchBody = { type: 'fetchBody', height: 1, digest: digestOf(1), from: [1] };
  const parts = {
    replica: {
      start: () => [],
      step: (event: { readonly type: string }) => {
        const performed = event.type === 'tick' ? [fetchBody] : [];
        return performed;
      },
      position: () => ({ view: 0, mode: 'normal', height: 1 }),
      noteLogSize: () => {},
    },
    store: { head: () => ({ logSize: 1 }) },
    executor,
    fetcher: {
      body: async (_height: number, _digest: string, _from: number[], holds: (found: typeof block) => boolean) => {
        executor.head = { height: 1 };
        finds(holds(block));
      },
    },
    onFailure: (error: unknown) => t.fail(String(error)),
  };
  const driver = new Driver(parts as unknown as DriverParts);
  driver.start();
  driver.put({ type: 'tick' });
  t.true(await asked);
});

test('a primary takes as many transactions of one member as the consortium allows', (t) => {
  let taken: unknown;
  const parts = {
    self: () => 0,
    now: () => 7,
    replica: {
      start: () => [],
      step: (event: { readonly type: string }) => {
        const performed = event.type === 'tick' ? [{ type: 'propose', epoch: 0, view: 0, height: 1 }] : [];
        return performed;
      },
      position: () => ({ view: 0, mode: 'normal', height: 1 }),
      noteLogSize: () => {},
    },
    store: { head: () => ({ logSize: 1 }), certificate: () => undefined },
    executor: {
      head: { height: 0, timestamp: 0 },
      parameters: { ...defaultParameters, memberTransactionsMax: 3 },
      propose: () => ({ block: undefined, left: [] }),
    },
    accusations: { values: () => [], recheck: () => {}, oldest: () => undefined },
    mempool: {
      take: (limits: TakeLimits) => {
        taken = limits.memberTransactionsMax;
        return [];
      },
      remove: () => {},
      round: () => undefined,
    },
    onFailure: (error: unknown) => t.fail(String(error)),
  };
  const driver = new Driver(parts as unknown as DriverParts);
  driver.start();
  driver.put({ type: 'tick' });
  t.is(taken, 3);
});
