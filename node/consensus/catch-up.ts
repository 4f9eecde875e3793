// Statuses, repeated messages and the first moments after a start (rules R1-R3, C1-C4).
import { isLater } from './amnesia.ts';
import { signersOf } from './choice.ts';
import type { Core } from './core.ts';
import type { Verified } from './events.ts';
import { type Heard, type Message, type OwnMessage, positionOf, type Status } from './messages.ts';
import { fetchFrom, judge, prePrepareOf, tryDecide, tryPropose, vouch } from './normal-case.ts';
import { considerViewChanges } from './view-change.ts';

// [C1]
export function sendStatuses(core: Core): void {
  core.broughtUp.clear();
  if (core.self < 0) return; // [E8]
  core.emit({ type: 'announce', message: statusOf(core, undefined) });
  for (let to = 0; to < core.electorate.validators; to++) if (to !== core.self) sendStatus(core, to);
}

function sendStatus(core: Core, to: number): void {
  core.emit({ type: 'send', to, message: statusOf(core, core.heard.get(to)) }); // [R2]
}

function statusOf(core: Core, heard: Heard | undefined): Status {
  const { self: validator, epoch, view, mode, committed, logSize } = core;
  return { type: 'status', validator, epoch, view, mode, height: committed.height, logSize, heard };
}

/** [C1, C4] Who comes back need not wait for an interval to end. */
export function onConnected(core: Core, to: number): void {
  if (core.self < 0 || to === core.self || to < 0 || to >= core.electorate.validators) return;
  core.broughtUp.delete(to);
  sendStatus(core, to);
  repeat(core, (message) => core.emit({ type: 'send', to, message }));
}

/** Keeps the highest signed message of each key, so that its owner can be shown it after a restart [R2]. */
export function noteHeard(core: Core, message: Exclude<OwnMessage, Status>): void {
  const { type: kind, epoch, view, validator, signature } = message;
  const known = core.heard.get(validator);
  if (known !== undefined && !isLater({ kind, epoch, view, height: heightOf(message) }, known)) return;
  const { height, digest } = positionOf(message); // costs a hash of the whole message for some kinds
  core.heard.set(validator, { kind, epoch, view, height, digest, validator, signature });
}

function heightOf(message: Exclude<OwnMessage, Status>): number {
  if (message.type === 'view-change') return message.committed.height;
  if (message.type === 'new-view') return Math.max(...message.viewChanges.map((each) => each.committed.height));
  return message.height;
}

export function onStatus(core: Core, status: Verified<Status>): void {
  if (status.epoch > core.epoch) core.later.set(status.validator, status.height); // [E5]
  if (status.epoch !== core.epoch) return;
  core.statuses.set(status.validator, status);
  if (status.heard !== undefined) onHeard(core, status.validator, status.heard);
  if (core.voice === 'listening') return tryVoice(core);
  bringUp(core, status);
}

// [R3]
export function onHeard(core: Core, from: number, heard: Heard): void {
  if (heard.validator === core.self && !core.remembers(heard))
    core.silence(`validator ${from} holds a message of this key that its record does not cover`);
}

// [R2]
function tryVoice(core: Core): void {
  if (core.statuses.size + 1 < core.electorate.quorum) return;
  if (core.committed.height < core.awaits) {
    core.voice = 'following'; // [R4]
    return tryDecide(core);
  }
  findVoice(core);
}

/** [R4] Where a block was awaited, with that block. */
export function findVoice(core: Core): void {
  if (core.committed.height < core.awaits) return;
  core.voice = 'voting';
  if (core.viewChange !== undefined) core.viewChanges.set(core.self, core.viewChange);
  repeat(core); // [R1]
  tryDecide(core);
  vouch(core);
  considerViewChanges(core);
  tryPropose(core);
  fetchFrom(core, sources(core)); // [C2]
}

/** [C4] A peer that is behind in views gets what lets it come. */
function bringUp(core: Core, status: Status): void {
  const isBehind = status.view < core.view || (status.view === core.view && status.mode === 'changing');
  const to = status.validator;
  if (!isBehind || core.voice !== 'voting' || core.broughtUp.has(to)) return;
  const message = core.mode === 'normal' ? core.newView : status.view < core.view ? core.viewChange : undefined;
  if (message === undefined) return;
  core.broughtUp.add(to); // once an interval, however many statuses come
  core.emit({ type: 'send', to, message });
}

/** [C4] The stored messages of what is undecided, byte for byte. */
export function repeat(core: Core, emit: (message: Message) => void = (message) => toAll(core, message)): void {
  if (core.voice !== 'voting') return;
  if (core.mode === 'changing') {
    if (core.viewChange !== undefined) emit(core.viewChange);
    return;
  }
  core.missingBody = undefined;
  const proposal = core.isPrimary ? prePrepareOf(core) : undefined;
  for (const message of [proposal, core.prepare, core.commit]) if (message !== undefined) emit(message);
}

function toAll(core: Core, message: Message): void {
  core.emit({ type: 'broadcast', message });
}

/** [C2] Called each tick. */
export function considerFetch(core: Core): void {
  const isBehind = core.voice !== 'listening' && hasSource(core); // [R2]
  if (!core.timers.countBehind(isBehind)) return;
  const from = sources(core);
  fetchFrom(core, from);
}

/** Whether `sources` gives any: asked with each tick. */
function hasSource({ statuses, later, certified, epochEnd, committed }: Core): boolean {
  if (certified !== undefined || epochEnd !== undefined) return true;
  for (const { height } of statuses.values()) if (height > committed.height) return true;
  for (const height of later.values()) if (height > committed.height) return true;
  return false;
}

/** Who has, by its own word or signature, what is not committed here. */
function sources(core: Core): number[] {
  const ahead = [...core.statuses.values()].filter((each) => each.height > core.committed.height);
  const later = [...core.later].filter(([, height]) => height > core.committed.height); // [E5]
  const signed = [core.certified, core.epochEnd].flatMap((each) => (each === undefined ? [] : signersOf(each)));
  return [...ahead.map((each) => each.validator), ...later.map(([validator]) => validator), ...signed];
}

export function onFetchEnded(core: Core, height: number, from: readonly number[]): void {
  for (const each of from) core.asked.delete(each);
  const hasMoved = core.committed.height >= height;
  if (hasMoved) fetchFrom(core, sources(core));
  else core.timers.fetchFailed();
}

/** After a restart the accepted block is executed again before anything more is said about it [R1]. */
export function resume(core: Core, amnesia: string | undefined): void {
  const reason = amnesia ?? core.silenced;
  if (reason !== undefined) core.silence(reason); // [R3]
  if (core.accepted !== undefined) judge(core, core.accepted.digest);
}
