// PrePrepare, Prepare, Commit at the open height (rules P1-P6), and what a replica does with a block once it is
// decided.
import type { CommitCertificate } from '../ledger/certificate.ts';
import type { Digest } from '../ledger/hash.ts';
import { commitOf } from './amnesia.ts';
import { holdersOf, signersOf } from './choice.ts';
import type { Core } from './core.ts';
import type { Event, NextEpoch, Verified } from './events.ts';
import type { Block, PrePrepare, Vote } from './messages.ts';

/** True when the message is for a view or height that may still come here [P6]. */
function isEarly(core: Core, message: PrePrepare | Vote): boolean {
  if (message.height === core.height + 1) return true;
  if (message.height !== core.height) return false;
  return message.view > core.view || (message.view === core.view && core.mode === 'changing');
}

export function onPrePrepare(core: Core, message: Verified<PrePrepare>): void {
  if (isEarly(core, message)) return core.votes.keepEarly(message);
  // [P1]
  if (core.mode !== 'normal' || message.view !== core.view || message.height !== core.height) return;
  if (message.validator !== core.primary || message.validator === core.self) return;
  if (core.choice !== undefined && message.height <= core.choice.base.height) return;
  if (core.accepted !== undefined) {
    if (core.accepted.digest !== message.digest) core.demandView(core.view + 1);
    return;
  }
  const { fixed, certified } = core;
  if (fixed !== undefined && fixed.digest !== message.digest) return core.demandView(core.view + 1);
  if (certified !== undefined && certified.digest !== message.digest) return;
  const { view, digest, validator, signature } = message;
  core.accepted = { view, digest, validator, signature, valid: false };
  core.offerBody(digest, message.block);
  judge(core, digest);
}

/** Has a block executed. Clocks are looked at only before this replica's first word on it, and before a quorum's. */
export function judge(core: Core, digest: Digest): void {
  const block = core.bodies.get(digest);
  if (block === undefined) return;
  const isDecided = core.fixed?.digest === digest || core.certified?.digest === digest;
  const fresh = !isDecided && core.prepare === undefined && !core.isPrimary;
  core.emit({ type: 'validate', epoch: core.epoch, view: core.view, height: core.height, digest, block, fresh });
}

export function onVerdict(core: Core, view: number, digest: Digest, isValid: boolean, next?: NextEpoch): void {
  const { height } = core;
  if (isValid) core.valid.set(digest, next);
  else core.refuseBody(digest);
  // A stored body that is no longer valid here is not judged again and again: the block is fetched [C2].
  if (core.certified?.digest === digest && (isValid || !core.bodies.has(digest))) tryDecide(core);
  if (core.height !== height) return;
  const { accepted } = core;
  if (accepted === undefined || accepted.digest !== digest || accepted.view !== view || core.view !== view) return;
  if (!isValid) {
    // [P2] An honest primary proposes no such block; a body that was forged beside a good header ends here too.
    // Not more than f in a row, though: then it may be the clocks, and views would change as fast as messages travel.
    if (core.mode === 'normal' && !core.timers.haveManyFailed) core.demandView(core.view + 1);
    return;
  }
  accepted.valid = true;
  vouch(core);
}

/** Signs what the accepted, valid block allows: the primary its PrePrepare, a backup its Prepare. */
export function vouch(core: Core): void {
  const { accepted } = core;
  if (accepted === undefined || !accepted.valid || core.voice !== 'voting' || core.mode !== 'normal') return;
  const position = { epoch: core.epoch, view: core.view, height: core.height, digest: accepted.digest };
  if (core.isPrimary && accepted.signature === undefined) {
    accepted.signature = core.signer.sign('pre-prepare', position);
    core.persist([accepted.digest]); // [D1]
    const message = prePrepareOf(core);
    if (message !== undefined) core.emit({ type: 'broadcast', message });
  } else if (!core.isPrimary && core.prepare === undefined) {
    const signature = core.signer.sign('prepare', position);
    core.prepare = { type: 'prepare', ...position, validator: core.self, signature };
    core.persist([accepted.digest]); // [D1]
    core.emit({ type: 'broadcast', message: core.prepare });
  }
  if (core.prepare !== undefined) core.votes.addPrepare(core.prepare);
  tryPrepared(core);
}

/** The primary's proposal, once it is signed. */
export function prePrepareOf(core: Core): PrePrepare | undefined {
  const { accepted } = core;
  const block = accepted === undefined ? undefined : core.bodies.get(accepted.digest);
  if (accepted?.signature === undefined || block === undefined) return undefined;
  const { view, digest, validator, signature } = accepted;
  return { type: 'pre-prepare', epoch: core.epoch, view, height: core.height, digest, validator, signature, block };
}

export function onPrepare(core: Core, vote: Verified<Vote>): void {
  if (isEarly(core, vote)) return core.votes.keepEarly(vote);
  if (vote.height !== core.height || vote.view !== core.view || core.mode !== 'normal') return;
  core.votes.addPrepare(vote); // [P6]
  tryPrepared(core);
}

function tryPrepared(core: Core): void {
  const { accepted } = core;
  if (accepted?.signature === undefined || !accepted.valid) return;
  if (core.mode !== 'normal' || core.voice !== 'voting' || core.commit !== undefined) return;
  // [P2] The PrePrepare is the primary's Prepare.
  const prepares = core.votes.preparesFor(accepted.digest, core.primary).slice(0, core.electorate.quorum - 1);
  if (prepares.length < core.electorate.quorum - 1) return;
  const position = { epoch: core.epoch, view: core.view, height: core.height, digest: accepted.digest };
  const prePrepare = { validator: accepted.validator, signature: accepted.signature };
  core.prepared = { ...position, prePrepare, prepares };
  // [P3]
  const signature = core.signer.sign('commit', position);
  core.commit = { type: 'commit', ...position, validator: core.self, signature };
  core.persist(); // [D2] the body is durable since this replica vouched for it
  core.emit({ type: 'broadcast', message: core.commit });
  core.votes.addCommit(core.commit);
  tryCommitted(core, core.commit);
}

export function onCommit(core: Core, vote: Verified<Vote>): void {
  if (vote.height === core.height + 1) return core.votes.keepEarly(vote);
  if (vote.height !== core.height) return;
  core.votes.addCommit(vote);
  tryCommitted(core, vote);
}

// [P4]
function tryCommitted(core: Core, vote: Vote): void {
  const signers = core.votes.commitsLike(vote).slice(0, core.electorate.quorum);
  if (signers.length < core.electorate.quorum) return;
  const { epoch, view, height, digest } = vote;
  onCertificate(core, { epoch, view, height, digest, signers });
}

/** A certificate that verifies, whether counted here or shown by another [P4]. */
export function onCertificate(core: Core, certificate: CommitCertificate): void {
  const own = [core.committed.certificate, core.certified].find((each) => each?.height === certificate.height);
  const known = own?.digest ?? core.digestAt(certificate.height);
  if (known !== undefined && known !== certificate.digest) {
    // [V8] More than f validators signed both.
    const both = own === undefined ? [certificate] : [own, certificate];
    return core.incident(`two blocks are certified at height ${certificate.height}`, both);
  }
  if (certificate.height !== core.height || core.certified !== undefined) return;
  core.recall([commitOf(certificate, core.self)]); // [R3]
  core.certified = certificate;
  tryDecide(core);
}

/** The certificate is here; so is the execution, or the body, or else others have it [P4, C2]. */
export function tryDecide(core: Core): void {
  const { certified } = core;
  if (certified === undefined || core.voice === 'listening') return; // [R2]
  if (core.valid.has(certified.digest)) decide(core, certified, core.valid.get(certified.digest), false);
  else if (core.bodies.has(certified.digest)) judge(core, certified.digest);
  else fetchFrom(core, signersOf(certified));
}

/** A block that was fetched. */
export function onFetched(core: Core, certificate: CommitCertificate, next?: NextEpoch): void {
  const { certified } = core;
  core.recall([commitOf(certificate, core.self)]); // [R3]
  if (certified === undefined || certified.digest === certificate.digest) return decide(core, certificate, next, true);
  core.incident(`two blocks are certified at height ${certificate.height}`, [certified, certificate]); // [V8]
}

/** The block is certified and its execution agreed: it is final here. */
function decide(core: Core, certificate: CommitCertificate, next: NextEpoch | undefined, isFetched: boolean): void {
  core.advance(certificate, next, isFetched);
  if (core.ended !== undefined) return; // [E3]
  takeUpEarly(core);
  tryPropose(core);
}

/** [E5, E6] This epoch is over. Who has not found its voice yet needs none any more: it only follows. */
export function onEpochEnd(core: Core, certificate: CommitCertificate): void {
  if (certificate.height < core.height) return;
  core.epochEnd = certificate;
  if (core.voice === 'listening') core.voice = 'observing';
  if (certificate.height === core.height) onCertificate(core, certificate);
}

export function takeUpEarly(core: Core): void {
  for (const message of core.votes.takeEarly()) {
    if (message.type === 'pre-prepare') onPrePrepare(core, message);
    else if (message.type === 'prepare') onPrepare(core, message as Verified<Vote>);
    else onCommit(core, message as Verified<Vote>);
  }
}

// [P5, V7]
export function tryPropose(core: Core): void {
  if (core.voice !== 'voting' || core.mode !== 'normal' || !core.isPrimary) return;
  if (core.accepted !== undefined) return;
  if (core.choice !== undefined && core.committed.height < core.choice.base.height) return;
  const { fixed } = core;
  if (fixed !== undefined) return proposeAgain(core, fixed.digest, holdersOf(fixed));
  if (core.certified !== undefined || !core.waiting || core.proposing) return;
  core.proposing = true;
  core.emit({ type: 'propose', epoch: core.epoch, view: core.view, height: core.height });
}

// [V7]
function proposeAgain(core: Core, digest: Digest, holders: readonly number[]): void {
  if (!core.bodies.has(digest)) {
    if (core.fetchingBody === digest || core.missingBody === digest) return;
    core.fetchingBody = digest;
    const from = holders.filter((each) => each !== core.self);
    return core.emit({ type: 'fetchBody', height: core.height, digest, from });
  }
  const valid = core.valid.has(digest);
  core.accepted = { view: core.view, digest, validator: core.self, signature: undefined, valid };
  if (valid) vouch(core);
  else judge(core, digest);
}

type Proposed = Extract<Event, { type: 'proposal' }>['proposed'];

export function onProposal(core: Core, view: number, proposed: Proposed): void {
  if (view !== core.view || !core.proposing) return;
  core.proposing = false;
  if (proposed === undefined) {
    core.waiting = false;
    return;
  }
  if (core.voice !== 'voting' || core.mode !== 'normal' || !core.isPrimary) return;
  if (core.accepted !== undefined || core.fixed !== undefined) return;
  const { digest, block, next } = proposed;
  core.valid.set(digest, next);
  core.bodies.set(digest, block);
  core.accepted = { view, digest, validator: core.self, signature: undefined, valid: true };
  vouch(core);
}

export function onBody(core: Core, digest: Digest, block: Block): void {
  if (core.fetchingBody !== digest) return;
  core.fetchingBody = undefined;
  core.offerBody(digest, block);
  tryPropose(core);
}

/** It is asked for again when messages are repeated, and known to be missing in later views that are led here. */
export function onBodyMissing(core: Core, digest: Digest): void {
  core.unserved.add(digest); // [V4]
  if (core.fetchingBody !== digest) return;
  core.fetchingBody = undefined;
  core.missingBody = digest;
}

/** [C2] While no more than f are asked, all of them may lie and never answer: others need not wait for their end. */
export function fetchFrom(core: Core, validators: Iterable<number>): void {
  const { asked } = core;
  const others = [...new Set(validators)].filter((each) => each !== core.self && !asked.has(each));
  const from = others.sort((a, b) => a - b);
  if (core.ended !== undefined || asked.size > core.electorate.faulty || from.length === 0) return;
  for (const each of from) asked.add(each);
  core.emit({ type: 'fetch', height: core.height, from });
}
