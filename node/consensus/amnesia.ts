// Whether a vote record still covers a message that others hold from its key [R3]. A copy of an older disk, a wiped
// one, or a second process with the same key shows here.
import type { CommitCertificate } from '../ledger/certificate.ts';
import type { VoteKind } from '../ledger/vote.ts';
import { type Heard, positionOf, type ViewChange } from './messages.ts';
import type { VoteRecord } from './record.ts';

const rank: { readonly [K in VoteKind]: number } = {
  'pre-prepare': 0,
  prepare: 1,
  commit: 2,
  'view-change': 3,
  'new-view': 4,
};

type Place = Pick<Heard, 'epoch' | 'view' | 'height' | 'kind'>;

/** Order of signed messages: by view, then height, then kind. Within one epoch. */
export function isLater(a: Place, b: Place): boolean {
  if (a.epoch !== b.epoch) return a.epoch > b.epoch;
  if (a.view !== b.view) return a.view > b.view;
  if (a.height !== b.height) return a.height > b.height;
  return rank[a.kind] > rank[b.kind];
}

export function covers(record: VoteRecord, heard: Heard): boolean {
  if (heard.epoch !== record.epoch) return heard.epoch < record.epoch;
  if (heard.view > record.view) return false;
  if (heard.kind === 'view-change') {
    const own = heard.view === record.view ? record.viewChange : undefined;
    return heard.height < record.height && (own === undefined || positionOf(own).digest === heard.digest);
  }
  if (heard.kind === 'new-view') return heard.view < record.view || record.mode === 'normal';
  if (heard.height !== record.height) return heard.height < record.height;
  // At the height that is open: a Commit leaves a prepared certificate of its view or a later one behind it.
  if (heard.kind === 'commit') return record.prepared !== undefined && record.prepared.view >= heard.view;
  if (heard.view < record.view) return true;
  return record.accepted?.digest === heard.digest && (heard.kind === 'pre-prepare' || record.prepare !== undefined);
}

/** What a commit certificate holds of a validator. */
export function commitOf(certificate: CommitCertificate, validator: number): Heard | undefined {
  const own = certificate.signers.find((each) => each.validator === validator);
  const { epoch, view, height, digest } = certificate;
  return own && { kind: 'commit', epoch, view, height, digest, ...own };
}

/** What the ViewChanges of a NewView, or one alone, hold of a validator: its own, and its votes in certificates. */
export function votesIn(viewChanges: readonly ViewChange[], validator: number): Heard[] {
  return viewChanges.flatMap((each) => {
    const { prepared, committed, signature } = each;
    const commit = committed.certificate && commitOf(committed.certificate, validator);
    const found: Heard[] = commit === undefined ? [] : [commit];
    if (each.validator === validator) found.push({ kind: 'view-change', ...positionOf(each), validator, signature });
    if (prepared === undefined) return found;
    const { epoch, view, height, digest, prePrepare } = prepared;
    const position = { epoch, view, height, digest };
    if (prePrepare.validator === validator) found.push({ kind: 'pre-prepare', ...position, ...prePrepare });
    const own = prepared.prepares.find((vote) => vote.validator === validator);
    if (own !== undefined) found.push({ kind: 'prepare', ...position, ...own });
    return found;
  });
}
