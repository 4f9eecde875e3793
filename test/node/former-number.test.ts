// The numbers of validators change with the set: who was removed, or has another number now, cosigns for nobody else.
import test from 'ava';
import { decodeCheckpointMessage, encodeCheckpointMessage } from '../../node/consensus/checkpoint-messages.ts';
import { equalBytes } from '../../node/ledger/hash.ts';
import type { AdmittedPeer, Transport } from '../../node/network/transport.ts';
import { Peers } from '../../node/peers.ts';
import { validator } from '../execution/_ledger.ts';
import { Bank } from './_bank.ts';

test('[K3] who was removed takes no place of the validator that has its number now', async (t) => {
  const bank = new Bank();
  await bank.begin();
  const five = await bank.join([0, 1, 2, 3], 'node-4');
  await bank.govern([0, 2, 3], { kind: 'remove-validator', id: 'node-1' });
  await bank.loaded(() => [0, 2, 3, five].every((at) => bank.setOf(at) === 4), 0);
  t.is(bank.nodes[2]?.status().index, 1, 'the number that node-1 had');

  // One of the four is silent, so that a quorum needs the others; node-1 forestalls node-2, under a bad signature.
  bank.lose = (to, channel, bytes) => {
    if (channel !== 'checkpoints') return false;
    const message = decodeCheckpointMessage(bytes);
    if (message.type !== 'cosignature') return false;
    const { cosigned } = message;
    if (cosigned.validator === 3) return true;
    if (cosigned.validator !== 1 || message.repeated) return false;
    const forged = { ...message, cosigned: { ...cosigned, signature: new Uint8Array(64).fill(1) } };
    const removed = bank.machines[1]?.networkKey ?? new Uint8Array(0);
    const peer = [...(bank.machines[to]?.admitted.values() ?? [])].find((each) => equalBytes(each.networkKey, removed));
    bank.nodes[to]?.receive(peer?.peer ?? -1, 'checkpoints', encodeCheckpointMessage(forged));
    return false;
  };
  const first = bank.height(0) + 1;
  await bank.loaded(() => bank.height(0) > first + 8, 0);
  const last = bank.height(0);
  await bank.run(() => bank.stores[0]?.lastCheckpoint()?.height === last);
  const heights = Array.from({ length: last - first + 1 }, (_, at) => first + at);
  t.deepEqual(
    heights.filter((height) => bank.stores[0]?.checkpoint(height) === undefined),
    [],
    'every block has its checkpoint',
  );
});

function peersOf() {
  const admitted = new Map<string, number>();
  const transport = {
    admit: (peers: readonly AdmittedPeer[]) => {
      for (const each of peers) admitted.set(Buffer.from(each.networkKey).toString('hex'), each.peer);
    },
  } as unknown as Transport;
  const peers = new Peers(transport, () => false);
  const numberOf = (networkKey: Uint8Array) => admitted.get(Buffer.from(networkKey).toString('hex')) ?? -1;
  return { peers, numberOf };
}

test('[K3] a sender speaks under its number in the set of the block, whatever network key it has by now', (t) => {
  const chainId = new Uint8Array(32);
  const sets = ['a', 'b', 'c', 'd', 'e'].map((seed) => validator(seed, 'NORTH', chainId));
  const [a, b, c, d, e] = sets;
  if (!(a && b && c && d && e)) return t.fail();
  const rekeyed = { ...validator('other', 'NORTH', chainId), id: d.id };
  const { peers, numberOf } = peersOf();
  peers.enter({
    current: { number: 3, from: 9, validators: [a, c, rekeyed, e] },
    previous: { number: 2, from: 5, validators: sets },
    learners: [],
  });
  const numbers = (networkKey: Uint8Array, height: number) =>
    [0, 1, 2, 3, 4].filter((each) => peers.speaksFor(numberOf(networkKey), each, height));
  t.deepEqual([numbers(b.networkKey, 8), numbers(b.networkKey, 9)], [[1], []]);
  t.deepEqual([numbers(c.networkKey, 8), numbers(c.networkKey, 9)], [[2], [1]]);
  for (const key of [d.networkKey, rekeyed.networkKey]) t.deepEqual([numbers(key, 8), numbers(key, 9)], [[3], [2]]);
  t.deepEqual([numbers(e.networkKey, 5), numbers(e.networkKey, 9)], [[4], [3]]);
  t.deepEqual(numbers(e.networkKey, 4), [], 'of an epoch before that nothing is known');
});
