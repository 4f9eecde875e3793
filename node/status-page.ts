// What a validator says of itself to people, at /v1/status, and why it takes nothing from clients: put together from
// its parts each time it is asked.
import type { NodeStatus } from './api/ledger-node.ts';
import type { ReplicaStatus } from './consensus/replica.ts';
import type { FinalityTimes } from './finality.ts';
import { toHex } from './ledger/hash.ts';
import { Frontier } from './ledger/merkle.ts';
import { quorumOf } from './ledger/validators.ts';
import { type ClientRefusal, clientRefusalOf, unreadinessOf } from './readiness.ts';
import type { Head } from './store/store.ts';

export interface StatusParts {
  readonly identity: Pick<NodeStatus, 'version' | 'chainId' | 'name' | 'validator' | 'startedAt'>;
  readonly finality: Pick<FinalityTimes, 'percentiles'>;
  readonly mempool: { readonly size: number; readonly bytes: number };
  /** The height of a certified block that was refused here [R4]. */
  readonly awaits: number | undefined;
  replica(): ReplicaStatus;
  head(): Head;
  /** Index in the set in force; -1 for who has no vote. */
  self(): number;
  /** Validators of the set in force, and the indexes of those that are connected. */
  validators(): number;
  connected(): readonly number[];
}

export class StatusPage {
  readonly #parts: StatusParts;
  #logRoot: { readonly size: number; readonly root: string } | undefined;
  /** Below the free-space watermark nothing new is taken. */
  isReadOnly = false;
  /** Why it votes no more, since it was silenced [R3]. */
  silence: string | undefined;

  constructor(parts: StatusParts) {
    this.#parts = parts;
  }

  show(): NodeStatus {
    const { identity, finality, mempool, awaits, ...now } = this.#parts;
    const [replica, head, index, peers, validators] = [
      now.replica(),
      now.head(),
      now.self(),
      now.connected(),
      now.validators(),
    ];
    const quorum = quorumOf(validators).size;
    const reason = unreadinessOf({
      ...{ replica, connected: peers.length + 1, quorum, silence: this.silence, awaits },
      ...{ isSeated: index >= 0, isReadOnly: this.isReadOnly },
    });
    const times = finality.percentiles();
    return {
      ...identity,
      index,
      epoch: replica.epoch,
      view: replica.view,
      mode: replica.voice === 'voting' ? replica.mode : replica.voice,
      primary: replica.primary,
      height: head.height,
      logSize: head.logSize,
      stateRoot: head.stateRoot,
      logRoot: this.#logRootOf(head),
      peers,
      validators,
      quorum,
      ready: reason === undefined,
      ...(reason === undefined ? {} : { reason }),
      readOnly: this.isReadOnly,
      mempool: { transactions: mempool.size, bytes: mempool.bytes },
      ...(times === undefined ? {} : { finalityMsP50: times.p50, finalityMsP99: times.p99 }),
      pid: process.pid,
    };
  }

  /** Undefined when clients' transactions are taken. `voice` is the replica's. */
  refusal(voice: ReplicaStatus['voice']): ClientRefusal | undefined {
    return clientRefusalOf({ voice, isSeated: this.#parts.self() >= 0, isReadOnly: this.isReadOnly });
  }

  /** A status is asked for more often than blocks come. */
  #logRootOf({ logSize, peaks }: Head): string {
    if (this.#logRoot?.size !== logSize)
      this.#logRoot = { size: logSize, root: toHex(Frontier.fromHashes(logSize, peaks).root()) };
    return this.#logRoot.root;
  }
}
