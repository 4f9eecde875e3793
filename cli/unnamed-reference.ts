// The reference of a payment for which nobody gave one. It is new for each payment; but where an earlier run of the
// same command ended without an outcome (killed, timed out, cut off), nobody knows whether that one paid, and only its
// reference settles it. So it is kept on the disk until its outcome is known, and the same command goes on with it.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { lockOwner } from './file-lock.ts';
import { ownerOnly, writeJson } from './files.ts';
import { newReference } from './operation.ts';
import { isAlive, markOf } from './process-alive.ts';

const ending = '.unsettled.json';

export class UnnamedReference {
  readonly text: string;
  /** An earlier run took it. */
  readonly isEarlier: boolean;
  readonly #path: string;

  private constructor(folder: string, key: string, text: string, isEarlier: boolean) {
    this.text = text;
    this.isEarlier = isEarlier;
    this.#path = join(folder, `${key}.${text}${ending}`);
  }

  /** `key` names what is asked for. A run that is still at work keeps its reference to itself. */
  static choose(folder: string, key: string, prefix: string): UnnamedReference {
    for (const file of existsSync(folder) ? readdirSync(folder).sort() : []) {
      if (!file.startsWith(`${key}.`) || !file.endsWith(ending)) continue;
      const owner = lockOwner(join(folder, file));
      if (owner === undefined || !isAlive(owner))
        return new UnnamedReference(folder, key, file.slice(key.length + 1, -ending.length), true);
    }
    return new UnnamedReference(folder, key, newReference(prefix), false);
  }

  /** Durable when it returns: only then may something be signed under it. */
  keep(): void {
    writeJson(this.#path, markOf(process.pid) ?? {}, ownerOnly);
  }

  /** The outcome is known and told. */
  settled(): void {
    rmSync(this.#path, { force: true });
  }
}
