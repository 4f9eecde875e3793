import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { verify } from '../../node/audit/audit.ts';
import { SignaturePool } from '../../node/audit/signature-pool.ts';
import { type Source, StoreSource } from '../../node/audit/source.ts';
import { decodeCheckpointMessage } from '../../node/consensus/checkpoint-messages.ts';
import { decodeHeader } from '../../node/ledger/entry.ts';
import { folderFor } from '../audit/_folder.ts';
import { goOnWith, stopAuditAt } from '../audit/_resume.ts';
import { Bank } from './_bank.ts';

test('[E1, E8] under load one is added, one re-keyed and one removed, and no height is missed', async (t) => {
  const bank = new Bank();
  await bank.begin();
  const five = bank.add('node-4', 'node-4');
  bank.start(five);
  await bank.govern([0, 1, 2, 3], bank.learner('node-4'));
  await bank.loaded(() => bank.height(five) >= bank.height(0) - 4 && bank.height(five) > 0, 0);
  t.is(bank.nodes[five]?.status().mode, 'observing', 'a learner has no vote');
  const added = await bank.govern([0, 1, 2, 3], { kind: 'add-validator', id: 'node-4' });
  await bank.loaded(() => bank.nodes[five]?.status().mode === 'normal', 0);
  t.is(bank.nodes[0]?.status().epoch, 1);
  const joined = bank.nodes[five]?.status();
  t.is(joined?.index, 4);

  bank.machines[1]?.keys.push('second keys');
  await bank.govern([0, 1, 2, 3], bank.learner('node-1', 'second keys', 'SOUTH'), {
    kind: 'rotate-validator-keys',
    id: 'node-1',
  });
  await bank.loaded(() => bank.nodes.every((node) => node?.status().epoch === 2 && node.status().mode === 'normal'), 0);
  t.is(bank.nodes[1]?.status().index, 1);

  await bank.govern([1, 2, 3, 4], { kind: 'remove-validator', id: 'node-0' });
  const last = bank.height(1);
  await bank.loaded(() => bank.nodes[1]?.status().epoch === 3 && bank.height(1) > last + 3, 1);
  await bank.loaded(() => bank.nodes[0]?.status().mode === 'observing', 1);
  t.is(bank.nodes[0]?.status().index, -1);
  t.deepEqual(bank.views(1), [0], 'every height in the first view of its epoch');
  t.true(bank.ticksMaxBetweenBlocks <= 3, `${bank.ticksMaxBetweenBlocks} ticks without a block`);
  for (let height = added + 1; height <= bank.height(1); height++) {
    const at = bank.stores[1]?.block(height)?.headerIndex ?? 0;
    const { epoch } = decodeHeader(bank.stores[1]?.entry(at) ?? new Uint8Array(0));
    t.is(bank.stores[1]?.certificate(height)?.epoch, epoch);
  }
  t.deepEqual(bank.incidents, []);
  const [, other] = bank.stores;
  await bank.run(() => other?.lastCheckpoint()?.size === other?.head().logSize);
  const verdict = other && (await verify(new StoreSource(other)));
  t.is(verdict?.finding, undefined);
  t.true(verdict?.ok && verdict.replayed && (verdict.checkpoints ?? 0) > 0);
  if (other !== undefined) await auditInParts(t, new StoreSource(other), added);
});

/** With threads, and stopped where the validators change: what goes on knows the set by the log alone. */
async function auditInParts(t: ExecutionContext, source: Source, change: number): Promise<void> {
  const whole = await verify(source);
  const pool = new SignaturePool({ workers: 1, worthwhile: 0 });
  t.teardown(() => pool.close());
  t.deepEqual(await verify(source, { pool }), whole);
  const file = join(await folderFor(t), 'resume');
  for (const height of [change - 1, change, change + 1, whole.head.height - 1]) {
    await stopAuditAt(t, height, { file, on: source });
    const { verdict, notes } = await goOnWith({ file, on: source, pool });
    t.deepEqual(notes, []);
    t.deepEqual(verdict, { ...whole, resumedAfter: height });
  }
}

test('[E5, E6] a validator that missed four epochs comes through, though one known peer alone is left', async (t) => {
  const bank = new Bank();
  await bank.begin();
  bank.kill(3);
  const five = bank.add('node-4', 'node-4');
  const six = bank.add('node-5', 'node-5');
  for (const at of [five, six]) bank.start(at);
  await bank.govern([0, 1, 2], bank.learner('node-4'), bank.learner('node-5'));
  await bank.loaded(() => [five, six].every((at) => bank.height(at) > 2), 0);
  await bank.govern([0, 1, 2], { kind: 'add-validator', id: 'node-4' });
  await bank.loaded(() => bank.nodes[five]?.status().mode === 'normal', 0);
  await bank.govern([0, 1, 2], { kind: 'add-validator', id: 'node-5' });
  await bank.loaded(() => bank.nodes[six]?.status().mode === 'normal', 0);
  await bank.govern([1, 2, five, six], { kind: 'remove-validator', id: 'node-0' });
  await bank.loaded(() => bank.nodes[1]?.status().epoch === 3 && bank.setOf(1) === 5, 1);
  bank.kill(0);
  bank.machines[1]?.keys.push('other keys');
  await bank.govern([2, five, six], bank.learner('node-1', 'other keys', 'SOUTH'), {
    kind: 'rotate-validator-keys',
    id: 'node-1',
  });
  await bank.loaded(() => bank.nodes[2]?.status().epoch === 4, 2);
  const height = bank.height(2);
  bank.start(3);
  await bank.loaded(() => bank.height(3) > height && bank.nodes[3]?.status().mode === 'normal', 2);
  t.is(bank.nodes[3]?.status().epoch, 4);
  t.deepEqual(bank.incidents, []);
});

test('[R3, E7] a validator whose disk is an older one votes again under a rotated key, in a later epoch', async (t) => {
  const bank = new Bank();
  await bank.begin();
  await bank.loaded(() => bank.height(0) >= 4, 0);
  bank.kill(3);
  const anew = bank.add('node-3', 'node-3');
  bank.start(anew);
  await bank.loaded(() => bank.nodes[anew]?.status().mode === 'silenced', 0);
  bank.machines[anew]?.keys.push('new life');
  await bank.loaded(() => bank.height(anew) >= bank.height(0) - 4, 0);
  await bank.govern([0, 1, 2], bank.learner('node-3', 'new life', 'WEST'), {
    kind: 'rotate-validator-keys',
    id: 'node-3',
  });
  await bank.loaded(() => bank.nodes[anew]?.status().mode === 'normal', 0);
  t.is(bank.nodes[anew]?.status().epoch, 1);
  t.is(bank.nodes[anew]?.silence, undefined, 'what it was silent for is over');
  bank.kill(0);
  const height = bank.height(1);
  await bank.loaded(() => bank.height(1) > height + 2, 1);
  t.deepEqual(bank.incidents, [], 'its vote is needed, and given');
});

test('[K1, E7] who is silenced cosigns nothing under the key that it lost, to the end of the epoch', async (t) => {
  const bank = new Bank();
  await bank.begin();
  await bank.loaded(() => bank.height(0) >= 4, 0);
  bank.kill(3);
  const anew = bank.add('node-3', 'node-3');
  const sizes: number[] = [];
  bank.onSend = (from, channel, bytes) => {
    const message = from === anew && channel === 'checkpoints' ? decodeCheckpointMessage(bytes) : undefined;
    if (message?.type === 'cosignature') sizes.push(message.cosigned.size);
  };
  bank.start(anew);
  await bank.loaded(() => bank.nodes[anew]?.status().mode === 'silenced', 0);
  bank.machines[anew]?.keys.push('new life');
  await bank.loaded(() => bank.height(anew) >= bank.height(0) - 4, 0);
  const cosignedSilenced = sizes.length;
  const keys = bank.learner('node-3', 'new life', 'WEST');
  const height = await bank.govern([0, 1, 2], keys, { kind: 'rotate-validator-keys', id: 'node-3' });
  const last = bank.stores[0]?.block(height)?.headerIndex ?? 0;
  await bank.loaded(() => bank.nodes[anew]?.status().mode === 'normal' && sizes.length > cosignedSilenced, 0);
  t.true(Math.min(...sizes.slice(cosignedSilenced)) > last + 1, 'the first is of a block under the new key');
});

test('[R5, E7] who is re-keyed votes under the new key only when a quorum holds its claim', async (t) => {
  const bank = new Bank();
  await bank.begin();
  bank.machines[1]?.keys.push('second keys');
  const isIn = (epoch: number) => bank.nodes.every((node) => node?.status().epoch === epoch);
  const keys = bank.learner('node-1', 'second keys', 'SOUTH');
  const enacted = bank.govern([0, 2, 3], keys, { kind: 'rotate-validator-keys', id: 'node-1' });
  bank.losesRequests = true;
  await enacted;
  await bank.loaded(() => isIn(1), 0);
  const height = bank.height(0);
  await bank.loaded(() => bank.height(0) > height + 8, 0);
  t.is(bank.nodes[1]?.status().mode, 'listening', 'no claim of the new key has reached anybody');
  bank.losesRequests = false;
  await bank.loaded(() => bank.nodes[1]?.status().mode === 'normal', 0);
  bank.kill(3);
  const later = bank.height(0);
  await bank.loaded(() => bank.height(0) > later + 2, 0);
  t.deepEqual(bank.incidents, [], 'its vote is needed, and given');
});
