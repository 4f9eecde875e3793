// What an audit says when something is wrong: rules of a closed list, which docs/auditing.md gives with what each
// demands; and of every finding the height, the entry where there is one, what was found and what was due.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { verify, verifyFast } from '../../node/audit/audit.ts';
import { type Finding, rules, type Verdict } from '../../node/audit/finding.ts';
import { decodeEntry, encodeEntry } from '../../node/ledger/entry.ts';
import { toHex } from '../../node/ledger/hash.ts';
import { root } from '../_source.ts';
import { clearing } from '../execution/_ledger.ts';
import { buildChain, certificateOf, entriesOf, Forger, type Forgery, ListSource, transferOf } from './_chain.ts';

const ledger = buildChain(5);
const { genesis } = ledger;
const { block } = ledger.propose(ledger.transaction(clearing, 'payments', 'transfer', transferOf(1n)));
if (block === undefined) throw new Error('nothing to propose');
const { header, commit } = block;
const body = commit.entries.slice(0, -1);
const index = header.logSize;

async function foundIn(change: Forgery, judge = verify): Promise<Finding | undefined> {
  const { stateRoot } = header;
  const forger = new Forger(ledger).seal(body, { ...change, header: { stateRoot, ...change.header } });
  return (await judge(forger.source, { genesis })).finding;
}

test('docs/auditing.md gives every rule that can break, and what it demands', (t) => {
  const [, text = ''] = readFileSync(join(root, 'docs/auditing.md'), 'utf8').split(/^## Findings$/m);
  const rows = [...(text.split(/^## /m)[0] ?? '').matchAll(/^\| `([a-z-]+)` \| (.+) \|$/gm)].map(
    ([, rule = '', demands = '']) => [rule, demands],
  );
  t.deepEqual(rows, Object.entries(rules));
});

test('where two values are compared, the finding has both by themselves', async (t) => {
  const hash = new Uint8Array(32).fill(7);
  const wrong: readonly (readonly [Forgery['header'], Partial<Finding>])[] = [
    [{ height: 9 }, { rule: 'header-height', found: '9', expected: '6' }],
    [{ parent: hash }, { rule: 'header-parent', found: toHex(hash), expected: ledger.store.head().digest }],
    [{ logSize: 3 }, { rule: 'header-size', found: '3', expected: `${index}` }],
    [{ logRoot: hash }, { rule: 'header-root', found: toHex(hash), expected: toHex(header.logRoot) }],
    [{ epoch: 4 }, { rule: 'header-epoch', found: '4', expected: '0' }],
    [{ chainId: hash }, { rule: 'header-chain', found: toHex(hash), expected: toHex(ledger.chainId) }],
    [{ proposer: 50 }, { rule: 'header-epoch', found: '50', expected: 'below 4' }],
  ];
  for (const [change, expected] of wrong)
    t.like(await foundIn({ header: change ?? {} }), { ...expected, index, height: 6 });
  const root32 = new Uint8Array(32).fill(5);
  t.like(await foundIn({ header: { stateRoot: root32 } }), {
    ...{ rule: 'state-root', height: 6, found: toHex(root32), expected: toHex(header.stateRoot) },
  });
});

test('a posting that continues nothing names both numbers, also where nothing is executed', async (t) => {
  const [bytes] = body;
  const entry = decodeEntry(bytes ?? new Uint8Array(0));
  if (entry.kind !== 1) throw new Error('no transaction');
  const [event] = entry.events;
  const payload = event?.payload as [[string, number, number, bigint], ...unknown[]];
  const [[account, seq, previous, balance], ...rest] = payload;
  const changed = [[account, seq + 1, previous, balance], ...rest] as never;
  const forged = encodeEntry({ ...entry, events: [{ ...(event ?? fail()), payload: changed }] });
  for (const judge of [verify, verifyFast]) {
    const { finding } = await judge(new Forger(ledger).seal([forged]).source, { genesis });
    t.like(finding, { rule: 'posting', height: 6, found: `${seq + 1}`, expected: `${seq}` });
  }
});

test('another outcome than the rules give passes a fast audit, whose verdict says so, and no whole one', async (t) => {
  const { stateRoot } = ledger.store.head();
  const [bytes] = body;
  const entry = decodeEntry(bytes ?? new Uint8Array(0));
  if (entry.kind !== 1) throw new Error('no transaction');
  const refused = encodeEntry({ ...entry, outcome: 'AM04', events: [] });
  const forger = new Forger(ledger).seal([refused], { header: { stateRoot: Buffer.from(stateRoot, 'hex') } });
  t.like((await verify(forger.source, { genesis })).finding, { rule: 'execution', height: 6, index: index - 1 });
  const fast = await verifyFast(forger.source, { genesis });
  t.true(fast.ok);
  t.false(fast.replayed);
});

test('a finding without two values says what the rule demands, so that each has both', async (t) => {
  const entries = entriesOf(ledger);
  const judged: Verdict[] = [];
  for (const at of [0, 3, entries.length - 1]) {
    const cut = entries.with(at, new Uint8Array([0x80]));
    judged.push(await verify(new ListSource(cut, certificateOf(ledger)), { genesis }));
  }
  judged.push(await verify(new ListSource(entries, undefined), { genesis }));
  for (const { finding } of judged) {
    t.truthy(finding?.found);
    t.truthy(finding?.expected);
    t.is(finding?.expected, rules[finding?.rule ?? 'source']);
  }
});

function fail(): never {
  throw new Error('no event');
}
