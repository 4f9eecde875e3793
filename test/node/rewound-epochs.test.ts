import test from 'ava';
import { approveArguments, proposeArguments } from '../../contracts/consortium.ts';
import type { Change } from '../../contracts/consortium-state.ts';
import { openArguments } from '../../contracts/payments.ts';
import { decodeMessage } from '../../node/consensus/messages.ts';
import { decodeSyncRequest } from '../../node/network/sync-messages.ts';
import { MemoryStore } from '../../node/store/memory-store.ts';
import { clearing, officers } from '../execution/_ledger.ts';
import { Bank } from './_bank.ts';

const open = (account: string) =>
  openArguments({ account, branch: 'NORTH', currency: 'CZK', overdraftLimit: undefined, openingBalance: 0n });

class Quiet extends Bank {
  async enact(by: readonly number[], ...changes: Change[]): Promise<void> {
    const reference = `Q${++this.proposals}`;
    const first = by[0] ?? 0;
    const name = approveArguments({ member: 'NORTH', reference });
    for (const transaction of [
      this.governance(officers.NORTH, 'propose', proposeArguments(changes, this.chainId), reference),
      this.governance(officers.EAST, 'approve', name),
      this.governance(officers.WEST, 'approve', name),
    ]) {
      for (const at of by) this.nodes[at]?.submit(transaction.bytes);
      await this.run(() => this.stores[first]?.transaction(transaction.id) !== undefined);
    }
  }

  /** Machine `at` hears no claim of machine 0. */
  deafen(at: number): void {
    const node = this.nodes[at];
    if (node === undefined) throw new Error('up');
    const serve = node.serve.bind(node);
    node.serve = (from, request) => {
      const asked = decodeSyncRequest(request);
      const isFirst = asked.type === 'claim' && from === this.numberOfFirst(at);
      return isFirst ? undefined : serve(from, request);
    };
  }

  numberOfFirst(at: number): number | undefined {
    const key = this.machines[0]?.networkKey;
    return [...(this.machines[at]?.admitted.values() ?? [])].find((each) => String(each.networkKey) === String(key))
      ?.peer;
  }
}

test('[R5, E7] an older copy of a stopped store is silent after changes of the set, too', async (t) => {
  const bank = new Quiet();
  await bank.begin();
  // Machine 0 is A. Its store is copied while it is stopped; then it runs again. B and C hear of that start, not D.
  bank.kill(0);
  const store = bank.stores[0];
  if (!(store instanceof MemoryStore)) return t.fail();
  const copy = store.snapshot();
  bank.deafen(3);
  bank.start(0);
  await bank.run(() => bank.nodes[0]?.status().mode === 'normal');
  // Its Commits are lost or late: the certificates of the others do without them.
  const isCommitOfFirst = (channel: string, bytes: Uint8Array) => {
    const message = channel === 'votes' ? decodeMessage(bytes) : undefined;
    return message?.type === 'commit' && message.validator === 0;
  };
  bank.lose = (_to, channel, bytes) => isCommitOfFirst(channel, bytes);
  // E joins, then B leaves: from five with a quorum of four to {A, C, D, E} with a quorum of three.
  const five = bank.add('node-4', 'node-4');
  bank.start(five);
  bank.deafen(five);
  await bank.enact([2, 0, 1, 3], bank.learner('node-4'));
  await bank.enact([2, 0, 1, 3], { kind: 'add-validator', id: 'node-4' });
  await bank.run(() => bank.nodes[five]?.status().mode === 'normal');
  await bank.enact([2, 0, 1, 3, five], { kind: 'remove-validator', id: 'node-1' });
  await bank.run(() => [2, 3, five].every((each) => bank.nodes[each]?.status().epoch === 2));
  // A, primary of view 0, proposes: C alone hears it.
  const proposed: string[] = [];
  let ticks = 0;
  bank.onSend = (from, channel, bytes) => {
    if (from !== 0 || channel !== 'proposals') return;
    const { epoch, view, height, digest } = decodeMessage(bytes) as never;
    const line = `epoch ${epoch} view ${view} height ${height} ${digest}`;
    if (!proposed.includes(line)) proposed.push(line);
  };
  bank.lose = (to, channel, bytes) =>
    isCommitOfFirst(channel, bytes) || channel === 'transactions' || (channel === 'proposals' && to !== 2);
  bank.nodes[0]?.submit(bank.transaction(clearing, 'open', open('X')).bytes);
  await bank.run(() => proposed.length > 0 || ++ticks > 8);
  const first = [...proposed];
  // A's machine dies, C is away for a while; the operator restores the copy.
  bank.kill(0);
  bank.kill(2);
  bank.kill(1); // removed: its log says that it may be stopped
  bank.lose = () => false;
  store.restore(copy);
  for (const at of [3, five]) {
    const node = bank.nodes[at];
    if (node !== undefined) delete (node as { serve?: unknown }).serve; // claims arrive again
  }
  bank.start(0);
  ticks = 0;
  await bank.run(
    () => ++ticks > 100 || bank.nodes[0]?.status().mode === 'normal' || bank.nodes[0]?.silence !== undefined,
  );
  t.log(bank.nodes[0]?.status().mode, bank.nodes[0]?.status().epoch, bank.nodes[0]?.silence);
  bank.nodes[0]?.submit(bank.transaction(clearing, 'open', open('Y')).bytes);
  ticks = 0;
  await bank.run(() => ++ticks > 5);
  t.log('first life', first, 'both', proposed);
  const places = proposed.map((line) => line.slice(0, line.lastIndexOf(' ')));
  t.is(new Set(places).size, places.length, 'its key signs one PrePrepare a place');
});
