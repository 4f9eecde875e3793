// Manifests in which everything is certified and the log begins where it does not.
import { decodeHeader } from '../../node/ledger/entry.ts';
import { frontierAt } from '../../node/ledger/merkle.ts';
import type { Manifest } from '../../node/snapshot/manifest.ts';
import type { Store } from '../../node/store/store.ts';

/** Of the liar's own store. */
export type ManifestLie = (
  manifest: Manifest,
  store: Pick<Store, 'block' | 'certificate' | 'entry' | 'node'>,
) => Manifest;

/** [S3] The block before the snapshot's own as the last that is not held: within the reference window. */
export const lateBase: ManifestLie = (manifest, store) => {
  const height = decodeHeader(manifest.header).height - 1;
  const [row, certificate] = [store.block(height), store.certificate(height)];
  const header = row && store.entry(row.headerIndex);
  if (row === undefined || header === undefined || certificate === undefined) return manifest;
  const peaks = frontierAt((level, index) => store.node(level, index), row.headerIndex + 1).toHashes();
  return { ...manifest, base: { header, certificate, peaks } };
};

/** [S2] What the next header's log root does not follow from. */
export const otherPeaks: ManifestLie = (manifest) => ({
  ...manifest,
  base: manifest.base && { ...manifest.base, peaks: manifest.base.peaks.map(() => new Uint8Array(32)) },
});
