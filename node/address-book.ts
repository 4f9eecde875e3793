// Where other validators are reached: as the config says. A validator that the config does not name yet is looked for
// in its file again, so that a line can be added while the node runs; without one it is waited for.
import { readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Address, ConfigError, type NodeConfig, parseConfig } from './config.ts';

type Say = (text: string, facts: object) => void;

export class AddressBook {
  #peers: ReadonlyMap<string, Address>;
  readonly #file: string | undefined;
  readonly #warn: Say;
  readonly #missed = new Set<string>();
  #readAtMs = 0;
  /** It is tried at each dial: the same is said once. */
  #unreadable: string | undefined;

  constructor({ peers }: NodeConfig, file: string | undefined, warn: Say) {
    this.#peers = peers;
    this.#file = file;
    this.#warn = warn;
  }

  addressOf(validator: string): Address | undefined {
    const known = this.#peers.get(validator);
    if (known !== undefined) return known;
    this.#readAgain();
    const found = this.#peers.get(validator);
    if (found === undefined && !this.#missed.has(validator)) {
      this.#missed.add(validator);
      const line = `${validator} = "host:port"`;
      const next = `add ${line} under [peers], unless it was removed; the file is read again, or it may dial this one`;
      this.#warn(`there is no address for ${validator}`, { file: this.#file, next });
    }
    return found;
  }

  #readAgain(): void {
    if (this.#file === undefined) return;
    try {
      const { mtimeMs } = statSync(this.#file);
      if (mtimeMs === this.#readAtMs) return;
      this.#unreadable = undefined;
      this.#readAtMs = mtimeMs;
      const { peers } = parseConfig(readFileSync(this.#file, 'utf8'), dirname(this.#file));
      // What was dialled stays dialled where it was: a change of that is for the next start.
      this.#peers = new Map([...peers, ...this.#peers]);
    } catch (error) {
      if (!(error instanceof ConfigError) && !(error instanceof Error && 'code' in error)) throw error;
      if (this.#unreadable === error.message) return;
      this.#unreadable = error.message;
      this.#warn('the config cannot be read again', { reason: error.message });
    }
  }
}
