// A block that came here without a cosignature is cosigned late, under whichever of its keys a validator has by now.
import test from 'ava';
import { Checkpointing } from '../../node/checkpointing.ts';
import type { ReplicaStatus } from '../../node/consensus/replica.ts';
import { originOf } from '../../node/ledger/checkpoint.ts';
import { isCosigned } from '../../node/ledger/cosignature.ts';
import { digestOf } from '../../node/ledger/hash.ts';
import { deriveSeed, publicKeyOf, sign, verify } from '../../node/ledger/signature.ts';
import { buildChain } from '../audit/_chain.ts';
import { seedOf } from '../execution/_ledger.ts';
import { Bank } from './_bank.ts';

const noteKeyOf = (name: string) => {
  const seed = deriveSeed(seedOf(name), 'audit');
  return { publicKey: publicKeyOf(seed), sign: (message: Uint8Array) => sign(message, seed) };
};

test('[K6] who votes under its next keys cosigns the last block that it has by a snapshot', (t) => {
  const { store, genesis, chainId } = buildChain(2);
  const log = { ledger: genesis.name, chainId: digestOf(chainId) };
  const voting: ReplicaStatus = {
    ...{ epoch: 0, view: 0, mode: 'normal', primary: 0, height: 2, voice: 'voting', settled: true, bestHeight: 2 },
  };
  const checkpoints = new Checkpointing({
    ...{ store, log, check: verify, logKey: noteKeyOf('log'), now: () => 5_000, statusTicks: 1 },
    validatorsOf: () => genesis.validators,
    // As a keyring that reads its second file gives them: each time anew.
    auditKeys: () => [noteKeyOf('former'), noteKeyOf('node-1')],
    speaksFor: () => true,
    transport: { send: () => {}, broadcast: () => {} },
    status: () => voting,
    onContradiction: () => {},
  });
  t.is(store.cosigned(), undefined);
  checkpoints.tick();
  const cosigned = store.cosigned();
  t.is(cosigned?.size, store.head().logSize);
  t.true(cosigned !== undefined && isCosigned(originOf(log), cosigned, genesis.validators));
});

test('[K6] who follows without a vote is shown the checkpoint of its last block', async (t) => {
  const bank = new Bank();
  await bank.begin();
  const five = bank.add('node-4', 'node-4');
  bank.start(five);
  await bank.govern([0, 1, 2, 3], bank.learner('node-4'));
  await bank.loaded(() => bank.height(five) > 2, 0);
  await bank.run(() => bank.height(five) === bank.height(0) && bank.nodes[0]?.status().mempool.transactions === 0);
  await bank.run(() => bank.stores[five]?.lastCheckpoint()?.height === bank.height(five), 20);
  t.is(bank.stores[five]?.cosigned(), undefined);
});
