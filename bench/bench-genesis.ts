// A consortium for measurements: four validators, one member that sends everything.
import { defaultParameters } from '../contracts/consortium-state.ts';
import type { Genesis } from '../genesis/genesis.ts';
import { sha256 } from '../node/ledger/hash.ts';
import { deriveSeed, publicKeyOf, sign } from '../node/ledger/signature.ts';
import { keyProofMessage, type Validator } from '../node/ledger/validators.ts';

const member = 'BENCH';
const seedOf = (name: string) => sha256(new TextEncoder().encode(`bench ${name}`));
const nonce = seedOf('nonce');

export function benchUser() {
  const seed = seedOf('user');
  return { member, user: 'bench', seed, publicKey: publicKeyOf(seed) };
}

function validator(id: string): Validator {
  const seeds = { vote: deriveSeed(seedOf(id), 'vote'), audit: deriveSeed(seedOf(id), 'audit') };
  const network = deriveSeed(seedOf(id), 'network');
  const proof = (kind: 'vote' | 'audit' | 'network', seed: Uint8Array) =>
    sign(keyProofMessage(nonce, member, kind, publicKeyOf(seed)), seed);
  return {
    id,
    member,
    voteKey: publicKeyOf(seeds.vote),
    auditKey: publicKeyOf(seeds.audit),
    networkKey: publicKeyOf(network),
    voteProof: proof('vote', seeds.vote),
    auditProof: proof('audit', seeds.audit),
    networkProof: proof('network', network),
  };
}

export function benchGenesis(): Genesis {
  const { user, publicKey } = benchUser();
  return {
    name: 'daybook.example/bench',
    nonce,
    timestamp: Date.UTC(2026, 0, 1),
    parameters: defaultParameters,
    validators: [1, 2, 3, 4].map((i) => validator(`validator-${i}`)),
    consortium: { members: [{ id: member, name: 'Bench' }], users: [{ member, user, publicKey, roles: ['clearing'] }] },
    payments: { issuance: [] },
  };
}
