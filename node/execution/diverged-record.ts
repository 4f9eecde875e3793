import { FatalError } from '../ledger/assert.ts';
import type { StatePath } from '../store/store.ts';

/**
 * A state record that cannot be the chain's: the state root does not cover it, or it is of another form than any write
 * here gives it. Nothing may come from it, and the node heals (rule R4).
 */
export class DivergedRecord extends FatalError {
  override name = 'DivergedRecord';
  /** Undefined where it is not known which one. */
  readonly path: StatePath | undefined;

  constructor(message: string, path?: StatePath) {
    super(message);
    this.path = path;
  }
}
