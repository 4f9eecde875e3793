// Leaving a view whose primary does not serve and entering the next one (rules V1-V10).
import { votesIn } from './amnesia.ts';
import { type Choice, chooseFrom } from './choice.ts';
import type { Core } from './core.ts';
import type { Verified } from './events.ts';
import { type NewView, newViewPosition, type ViewChange, viewChangePosition } from './messages.ts';
import { fetchFrom, onCertificate, takeUpEarly, tryPropose } from './normal-case.ts';

// [V1]
export function startViewChange(core: Core, view: number): void {
  if (core.voice !== 'voting' || core.ended !== undefined || view <= core.view) return; // [E3]
  core.view = view;
  core.mode = 'changing';
  core.leaveView();
  core.newView = undefined;
  core.choice = undefined;
  core.timers.viewFailed();
  core.floor.viewLeft();
  const { epoch, self: validator, committed, prepared } = core;
  const unsigned = { type: 'view-change', epoch, view, validator, committed, prepared } as const; // [V2]
  core.viewChange = { ...unsigned, signature: core.signer.sign('view-change', viewChangePosition(unsigned)) };
  core.viewChanges.set(validator, core.viewChange);
  core.persist(); // [D3]
  core.emit({ type: 'broadcast', message: core.viewChange });
  tryNewView(core);
}

export function onViewChange(core: Core, message: Verified<ViewChange>): void {
  const known = core.viewChanges.get(message.validator);
  if (known !== undefined && known.view >= message.view) return; // [V3]
  core.viewChanges.set(message.validator, message);
  core.recall(votesIn([message], core.self)); // [R3]
  if (message.committed.certificate !== undefined) onCertificate(core, message.committed.certificate); // [P4]
  considerViewChanges(core);
}

/** What the ViewChanges at hand call for: joining a view, or opening it. */
export function considerViewChanges(core: Core): void {
  const others = [...core.viewChanges.values()].filter((each) => each.validator !== core.self);
  const joined = core.electorate.attested(others.map((each) => each.view));
  if (joined !== undefined && joined > core.view)
    startViewChange(core, joined); // [V10]
  else tryNewView(core);
}

/** [T2] Whether ViewChanges for this view or higher are held from a quorum, own included. */
export function isViewChangeJoined(core: Core): boolean {
  let held = 0;
  for (const each of core.viewChanges.values()) if (each.view >= core.view) held += 1;
  return held >= core.electorate.quorum;
}

/**
 * Bodies beyond the limit are dropped [L1], so that one that lies may be left alone with a certificate. Any quorum will
 * do: an honest validator for which the block is prepared holds its body, and proposes it in turn, if not here.
 */
function isUnserved({ unserved, bodies }: Core, { prepared }: ViewChange): boolean {
  return prepared !== undefined && unserved.has(prepared.digest) && !bodies.has(prepared.digest);
}

/** [V4] When stored messages are repeated: nobody else's ViewChange came meanwhile, so that those at hand must do. */
export function openWithAll(core: Core): void {
  tryNewView(core, () => true);
}

// [V4]
function tryNewView(core: Core, isTaken = (each: ViewChange) => !isUnserved(core, each)): void {
  if (core.ended !== undefined) return; // [E3]
  if (core.mode !== 'changing' || !core.isPrimary || core.voice !== 'voting' || core.viewChange === undefined) return;
  const own = core.viewChange;
  const others = [...core.viewChanges.values()]
    .filter((each) => each.view === core.view && each.validator !== core.self && isTaken(each))
    .sort((a, b) => a.validator - b.validator)
    .slice(0, core.electorate.quorum - 1);
  if (others.length < core.electorate.quorum - 1) return;
  const viewChanges = [own, ...others].sort((a, b) => a.validator - b.validator);
  const choice = acceptableChoice(core, viewChanges);
  if (choice === undefined) return;
  const { epoch, view, self: validator } = core;
  const unsigned = { type: 'new-view', epoch, view, validator, viewChanges } as const;
  const signature = core.signer.sign('new-view', newViewPosition(unsigned));
  enterView(core, { ...unsigned, signature }, choice);
}

/** [R3] Everyone repeats the NewView that it accepted, also to who made it and has forgotten that. */
export function recallNewView(core: Core, message: Verified<NewView>): void {
  const { epoch, view, validator, viewChanges, signature } = message;
  if (epoch !== core.epoch) return;
  const { height, digest } = newViewPosition(message);
  core.recall([
    { kind: 'new-view', epoch, view, height, digest, validator, signature },
    ...votesIn(viewChanges, validator),
  ]);
}

export function onNewView(core: Core, message: Verified<NewView>): void {
  if (message.validator !== core.electorate.primaryOf(message.view)) return;
  core.recall(votesIn(message.viewChanges, core.self)); // [R3]
  const isNew = message.view > core.view || (message.view === core.view && core.mode === 'changing'); // [V6]
  if (!isNew || core.voice === 'listening') return; // [R2] it is repeated
  const choice = acceptableChoice(core, message.viewChanges);
  if (choice !== undefined) enterView(core, message, choice);
  else if (core.voice === 'voting') startViewChange(core, message.view + 1); // [V8]
}

/** The choice of these ViewChanges, unless it contradicts what is committed here [V8]. */
function acceptableChoice(core: Core, viewChanges: readonly ViewChange[]): Choice | undefined {
  const choice = chooseFrom(viewChanges); // [V5]
  if (!('base' in choice)) {
    core.incident(choice.reason, choice.certificates);
    return undefined;
  }
  const { base, fixed } = choice;
  const ownBase = core.digestAt(base.height);
  if (ownBase !== undefined && ownBase !== base.digest) {
    const certificates = [core.committed.certificate, base.certificate].filter((each) => each !== undefined);
    core.incident(`two blocks are certified at height ${base.height}`, certificates);
    return undefined;
  }
  if (fixed === undefined) return choice;
  const own = core.digestAt(fixed.height);
  return own === undefined || own === fixed.digest ? choice : undefined;
}

// [V6]
function enterView(core: Core, newView: NewView, choice: Choice): void {
  core.leaveView();
  core.view = newView.view;
  core.mode = 'normal';
  core.viewChange = undefined;
  core.newView = newView;
  core.choice = choice;
  core.viewEntered();
  core.persist(); // [D3]
  if (newView.validator === core.self) core.emit({ type: 'broadcast', message: newView });
  // [P4] Were the base's certificate known to one that lies alone, those who hold the body could still commit it.
  if (choice.base.certificate !== undefined) onCertificate(core, choice.base.certificate);
  const ahead = newView.viewChanges.filter((each) => each.committed.height > core.committed.height);
  if (core.committed.height < choice.base.height)
    fetchFrom(
      core,
      ahead.map((each) => each.validator),
    );
  takeUpEarly(core);
  tryPropose(core);
}

/** Rebuilds the choice of a stored NewView after a restart [R1]. */
export function restoreChoice(newView: NewView | undefined): Choice | undefined {
  if (newView === undefined) return undefined;
  const choice = chooseFrom(newView.viewChanges);
  return 'base' in choice ? choice : undefined;
}
