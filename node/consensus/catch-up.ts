// Statuses, repeated messages and the first moments after a start (rules R1-R3, C1-C4).
import { isLater } from './amnesia.ts';
import type { Core } from './core.ts';
import type { Verified } from './events.ts';
import { type Heard, type Message, positionOf, type Status } from './messages.ts';
import { fetchFrom, judge, sendPrePrepare, tryPropose, vouch } from './normal-case.ts';

// [C1]
export function sendStatuses(core: Core): void {
  const { self: validator, epoch, view, mode, committed, logSize } = core;
  for (let to = 0; to < core.electorate.validators; to++) {
    if (to === core.self) continue;
    const heard = core.heard.get(to); // [R2]
    const status: Status = { type: 'status', validator, epoch, view, mode, height: committed.height, logSize, heard };
    core.emit({ type: 'send', to, message: status });
  }
}

/** Keeps the highest signed message of each key, so that its owner can be shown it after a restart [R2]. */
export function noteHeard(core: Core, message: Exclude<Message, { type: 'status' | 'committed' }>): void {
  const { validator, signature } = message;
  const heard: Heard = { kind: message.type, ...onlyPosition(positionOf(message)), validator, signature };
  const known = core.heard.get(validator);
  if (known === undefined || isLater(heard, known)) core.heard.set(validator, heard);
}

function onlyPosition({ epoch, view, height, digest }: ReturnType<typeof positionOf>) {
  return { epoch, view, height, digest };
}

export function onStatus(core: Core, status: Verified<Status>): void {
  core.statuses.set(status.validator, status);
  if (status.epoch !== core.epoch) return;
  // [R3]
  if (status.heard !== undefined && status.heard.validator === core.self && !core.remembers(status.heard))
    core.silence(`validator ${status.validator} holds a message of this key that its record does not cover`);
  if (core.voice === 'listening') return tryVoice(core);
  bringUp(core, status);
}

// [R2]
function tryVoice(core: Core): void {
  if (core.statuses.size + 1 < core.electorate.quorum) return;
  core.voice = 'voting';
  // [R1]
  if (core.accepted !== undefined) {
    if (core.accepted.valid) vouch(core);
    repeat(core);
  }
  if (core.viewChange !== undefined) core.viewChanges.set(core.self, core.viewChange);
  tryPropose(core);
}

/** [C4] A peer that is behind in views gets what lets it come. */
function bringUp(core: Core, status: Status): void {
  const isBehind = status.view < core.view || (status.view === core.view && status.mode === 'changing');
  if (!isBehind) return;
  const to = status.validator;
  if (core.mode === 'changing' && core.viewChange !== undefined && status.view < core.view)
    core.emit({ type: 'send', to, message: core.viewChange });
  if (core.mode === 'normal' && core.newView !== undefined) core.emit({ type: 'send', to, message: core.newView });
}

/** [C4] The stored messages of what is undecided, byte for byte. */
export function repeat(core: Core): void {
  if (core.voice !== 'voting') return;
  if (core.mode === 'changing') {
    if (core.viewChange !== undefined) core.emit({ type: 'broadcast', message: core.viewChange });
    return;
  }
  if (core.isPrimary) sendPrePrepare(core);
  if (core.prepare !== undefined) core.emit({ type: 'broadcast', message: core.prepare });
  if (core.commit !== undefined) core.emit({ type: 'broadcast', message: core.commit });
}

/** [C2] Called each tick. */
export function considerFetch(core: Core): void {
  const ahead = [...core.statuses.values()].filter((each) => each.height > core.committed.height);
  if (core.timers.countBehind(ahead.length > 0) && !core.fetching)
    fetchFrom(
      core,
      ahead.map((each) => each.validator).sort((a, b) => a - b),
    );
}

/** After a restart the accepted block is executed again before anything more is said about it [R1]. */
export function resume(core: Core): void {
  if (core.accepted !== undefined) judge(core, core.accepted.digest);
}
