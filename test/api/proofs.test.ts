// Proofs of accounts as a node gives them, checked by code that is not ours; and how many may be searched for at once.
import { ics23, tendermintSpec, verifyMembership, verifyNonMembership } from '@confio/ics23';
import test from 'ava';
import { verifyNonMembership as auditNonMembership } from '../../node/audit/ics23.ts';
import { damageOf } from '../../node/divergence.ts';
import { stateKey } from '../../node/execution/state-path.ts';
import { digestBytes } from '../../node/ledger/hash.ts';
import { StateProver } from '../../node/state-prover.ts';
import { running } from './_node.ts';

test('a stock ICS23 verifier accepts the proof of an account, and of an absence, under the state root', async (t) => {
  const { node, get } = await running(t);
  const root = digestBytes(node.store.head().stateRoot);
  for (const id of ['A', 'NOBODY']) {
    const { body } = await get(`/v1/accounts/${id}/proof`);
    const key = stateKey(`payments/accounts/${id}`);
    const value = node.store.get(`payments/accounts/${id}`);
    t.is(body['present'], value !== undefined);
    t.is(body['height'], node.store.head().height);
    const proof = ics23.CommitmentProof.decode(Buffer.from(String(body['proof']), 'base64'));
    const isProved =
      value === undefined
        ? verifyNonMembership(proof, tendermintSpec, root, key)
        : verifyMembership(proof, tendermintSpec, root, key, value);
    t.true(isProved, id);
  }
});

test('only a few searches for absences run at once, and each is of the state at its beginning', async (t) => {
  const { node } = await running(t);
  const prover = new StateProver({ store: node.store, now: () => node.ledger.executor });
  const root = digestBytes(node.store.head().stateRoot);
  const asked = ['X', 'Y', 'Z'].map((id) => prover.prove(`payments/accounts/${id}`));
  node.settle(node.open('X', 0n));
  const [x, y, z] = await Promise.all(asked);
  t.is(z, undefined);
  t.true(auditNonMembership(root, x?.proof ?? new Uint8Array(0), stateKey('payments/accounts/X')));
  t.is(y?.height, x?.height);
  t.not(await prover.prove('payments/accounts/Z'), undefined);
});

test('[R4] a record that the tree holds and the store has lost is a divergence when it is proved', async (t) => {
  const failures: unknown[] = [];
  const api = await running(t, { onFailure: (error) => failures.push(error) });
  const { store } = api.node;
  const [get, view] = [store.get.bind(store), store.stateView.bind(store)];
  store.get = (path) => (path === 'payments/accounts/A' ? undefined : get(path));
  t.is((await api.get('/v1/accounts/A/proof')).status, 500);
  t.like(damageOf(failures[0]), { path: 'payments/accounts/A' });
  // A proof of absence needs the records beside the gap.
  store.stateView = () => ({ ...view(), next: () => [] });
  t.is((await api.get('/v1/accounts/NONE/proof')).status, 500);
  t.truthy(damageOf(failures[1]));
});
