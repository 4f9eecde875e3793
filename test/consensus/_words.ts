// Messages and effects in the words of docs/consensus.md, as transcripts show them.
import type { Effect } from '../../node/consensus/events.ts';
import type { Message, PreparedCertificate } from '../../node/consensus/messages.ts';
import { positionOf } from '../../node/consensus/messages.ts';
import type { CommitCertificate } from '../../node/ledger/certificate.ts';
import type { Statement } from '../../node/ledger/evidence.ts';
import { nameOf } from './_chain.ts';

const titles = {
  'pre-prepare': 'PrePrepare',
  prepare: 'Prepare',
  commit: 'Commit',
  'view-change': 'ViewChange',
  'new-view': 'NewView',
  status: 'Status',
  committed: 'Committed',
} as const;

/** Where a signed message stands: an honest validator signs one digest there, ever. */
export function signedPart(message: Exclude<Message, { type: 'status' | 'committed' }>) {
  const { type: kind, view, signature } = message;
  const { height, digest } = positionOf(message);
  const place = kind === 'view-change' || kind === 'new-view' ? `view ${view}` : `view ${view} height ${height}`;
  return { kind, place, view, digest, signature };
}

export function wordsOf(message: Message): string {
  const title = titles[message.type];
  switch (message.type) {
    case 'status':
      return `${title} view ${message.view} ${message.mode} height ${message.height}`;
    case 'committed':
      return `${title} ${certificateWords(message.certificate)}`;
    case 'view-change':
      return `${title} view ${message.view}: committed ${message.committed.height}${preparedWords(message.prepared)}`;
    case 'new-view':
      return `${title} view ${message.view}: of ${message.viewChanges.map((each) => each.validator).join(' ')}`;
    default:
      return `${title} view ${message.view} height ${message.height} ${nameOf(message.digest)}`;
  }
}

function preparedWords(prepared: PreparedCertificate | undefined): string {
  return prepared === undefined ? '' : `, prepared ${nameOf(prepared.digest)} in view ${prepared.view}`;
}

export function certificateWords({ view, height, digest, signers }: CommitCertificate): string {
  return `height ${height} ${nameOf(digest)} (view ${view}, signed by ${signers.map((s) => s.validator).join(' ')})`;
}

function statementWords({ kind, view, height, digest }: Statement): string {
  const isVote = kind !== 'view-change' && kind !== 'new-view';
  return `${titles[kind]} view ${view} height ${height}${isVote ? ` ${nameOf(digest)}` : ''}`;
}

/** A line for each effect that a reader follows; undefined for the rest. */
export function effectWords(effect: Effect): string | undefined {
  switch (effect.type) {
    case 'persist':
    case 'announce':
      return undefined;
    case 'send':
      return effect.message.type === 'status' ? undefined : `-> ${effect.to}: ${wordsOf(effect.message)}`;
    case 'broadcast':
      return `-> all: ${wordsOf(effect.message)}`;
    case 'propose':
    case 'validate':
      return undefined;
    case 'commit':
      return `commits ${certificateWords(effect.certificate)}`;
    case 'fetch':
      return `fetches from height ${effect.height}, of ${effect.from.join(' ')}`;
    case 'fetchBody':
      return `fetches the body of ${nameOf(effect.digest)}, of ${effect.from.join(' ')}`;
    case 'evidence': {
      const { validator, first, second } = effect.evidence;
      return `has evidence against ${validator}: ${statementWords(first)}, ${statementWords(second)}`;
    }
    case 'silence':
      return `is silent: ${effect.reason}`;
    case 'incident':
      return `stops: ${effect.reason}`;
  }
}
