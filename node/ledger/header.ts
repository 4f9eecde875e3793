// A block's header: what PBFT votes on. It seals the entries before it and is then appended as an entry itself; its
// hash is that entry's leaf hash. No view in it, so that a block proposed again in a later view is the same bytes.
import { certificateSchema } from './certificate.ts';
import { hash } from './identifiers.ts';
import { protocolVersion, timestampMax, validatorsMax } from './limits.ts';
import { integer, literal, option, record, type TypeOf, uint } from './schema.ts';

export const headerSchema = record({
  version: literal(1),
  chainId: hash,
  epoch: uint,
  height: uint,
  /** Index of the validator that built the block; a later view's primary may propose it again. */
  proposer: integer(0, validatorsMax - 1),
  timestamp: integer(0, timestampMax),
  /** Leaf hash of the previous header; the chainId at height 1. */
  parent: hash,
  /** Size and root of the log with this block's entries and without this header. */
  logSize: uint,
  logRoot: hash,
  /** Of the state after this block. */
  stateRoot: hash,
  validatorSetHash: hash,
  nextValidatorSetHash: hash,
  protocolVersion: literal(protocolVersion),
  /** Any valid certificate of the parent; nothing at height 1. Nodes' own copies may differ. */
  lastCommit: option(certificateSchema),
});
export type Header = TypeOf<typeof headerSchema>;
