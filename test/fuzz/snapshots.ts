// A newcomer asks a liar first and an honest peer then: whatever the liar answers in one place of a snapshot, the
// newcomer ends with the certified state.
import { decodeSyncRequest } from '../../node/network/sync-messages.ts';
import { assemble } from '../../node/snapshot/assemble.ts';
import { downloadOf, newcomer, OfferingLedger } from '../snapshot/_snapshot.ts';
import type { OpenTarget, Target } from './engine.ts';

const vote = { record: Uint8Array.of(1), putBodies: [], deleteBodies: [] };

type RequestKind = ReturnType<typeof decodeSyncRequest>['type'];

export const snapshots: Target = {
  name: 'snapshot',
  kind: 'cbor',
  isSlow: true,
  async open(): Promise<OpenTarget> {
    const source = new OfferingLedger();
    for (let i = 0; i < 25; i++) {
      source.grow(1);
      source.work();
    }
    const answers = new Map<RequestKind, Uint8Array>();
    const honest = (request: Uint8Array) => {
      const answer = source.serve(request);
      if (answer !== undefined) answers.set(decodeSyncRequest(request).type, answer);
      return answer;
    };
    /** Height and state that the newcomer ends with when the first peer gives `lie` for requests of one kind. */
    const take = async (kind: RequestKind | undefined, lie: Uint8Array): Promise<string> => {
      let lies = 0;
      const liar = (request: Uint8Array) => {
        if (decodeSyncRequest(request).type !== kind) return honest(request);
        lies += 1;
        return lie;
      };
      const store = newcomer();
      const downloaded = await downloadOf(store, [liar, honest]).from([0, 1]);
      if (downloaded === undefined) return `nothing after ${lies > 0 ? 'a lie' : 'no lie'}`;
      const snapshot = assemble(store, downloaded);
      if (typeof snapshot === 'string') return snapshot;
      store.install(snapshot, vote);
      return `height ${store.head().height} state ${store.head().stateRoot}`;
    };
    const good = await take(undefined, new Uint8Array(0));
    const kinds = [...answers.keys()];
    return {
      seeds: [...answers.values()],
      async run(input) {
        // Each kind in turn by the input's length, so that an input says which place it is for.
        const kind = kinds[input.length % kinds.length];
        const got = await take(kind, input);
        if (got !== good) throw new Error(`${kind}: ${got}, where an honest peer gives ${good}`);
        return `${kind} as good`;
      },
    };
  },
};
