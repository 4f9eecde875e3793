// A validator of a cluster that lies: what stands between its node and the network, with the keys that it has by then.

import { originOf } from '../../node/ledger/checkpoint.ts';
import { type CosignedHead, cosignatureMessage } from '../../node/ledger/cosignature.ts';
import { digestBytes } from '../../node/ledger/hash.ts';
import { Liar } from './byzantine.ts';
import { Chance } from './chance.ts';
import type { Consortium } from './consortium.ts';
import type { Epochs } from './epochs.ts';
import { Forger, type Standing } from './forger.ts';
import type { MachineKeys } from './keys.ts';
import type { Plan } from './plan.ts';
import type { ValidatorStation } from './station.ts';

/** Of a cluster, what a liar is made of. */
export interface Surroundings {
  readonly plan: Plan;
  readonly consortium: Consortium;
  readonly epochs: Epochs;
  /** By machine. */
  readonly keys: readonly MachineKeys[];
}

/** With the habits of the plan. */
export function liarOf(around: Surroundings, station: ValidatorStation): Liar {
  const { plan, consortium, epochs } = around;
  const { index, station: number } = station;
  const { keys, disk: store } = station.parts;
  const chance = new Chance(plan.seed, `liar ${number}`);
  const { digest } = consortium.commit.head;
  const forger = new Forger(digestBytes(digest), (epoch) => standingOf(around, index, epoch), chance);
  const { habits, validators, proposalTimeoutMs } = plan;
  const origin = originOf({ ledger: consortium.genesis.name, chainId: digest });
  const cosign = (head: CosignedHead): CosignedHead => {
    const audit = keys.auditKeyOf(epochs.latest.validators[epochs.seatOf(index, epochs.latest.number)]);
    return { ...head, signature: audit.sign(cosignatureMessage({ origin, ...head }, head.time)) };
  };
  const seats = {
    machine: index,
    machineOf: (validator: number, epoch: number) => epochs.machineOf(validator, epoch),
    others: () => epochs.latest.machines.filter((each) => each !== index),
  };
  return new Liar({ forger, chance, habits, ...seats, validators, proposalTimeoutMs, store, cosign });
}

/** Of a machine, with the keys that it has in an epoch. */
function standingOf({ epochs, keys }: Surroundings, machine: number, number: number): Standing {
  const { validators, quorum, base } = epochs.numbered(number) ?? epochs.latest;
  const self = epochs.seatOf(machine, number);
  const key = epochs.keyOf(machine, number);
  const sign = (message: Uint8Array) => keys[machine]?.sign(message, key) ?? message;
  return { epoch: number, self, validators: validators.length, quorum, base: base.height, sign };
}
