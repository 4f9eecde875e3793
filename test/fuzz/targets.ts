// Everything that takes bytes from outside, by name.
import { api } from './api.ts';
import { archives } from './archives.ts';
import { decoders } from './decoders.ts';
import type { Target } from './engine.ts';
import { notes } from './notes.ts';
import { peers } from './peers.ts';
import { snapshots } from './snapshots.ts';
import { streams } from './streams.ts';
import { texts } from './texts.ts';

export const targets: readonly Target[] = [
  ...decoders,
  ...texts,
  ...notes,
  ...peers,
  streams,
  snapshots,
  archives,
  api,
];
