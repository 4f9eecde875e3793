// How much a validator holds: the size of every map, set and array that can be reached from it, private ones too, as
// the debugger sees them. So whatever a validator comes to hold is found here without being told of.
import { Session } from 'node:inspector';
import type { ValidatorStation } from './station.ts';
import { check } from './violation.ts';

interface Remote {
  readonly type: string;
  readonly subtype?: string;
  readonly className?: string;
  readonly description?: string;
  readonly objectId?: string;
}

interface Property {
  readonly name: string;
  readonly value?: Remote;
}

export interface Holding {
  /** Names of fields, from the validator on. */
  readonly path: string;
  readonly size: number;
}

const depthMax = 7;
/** What is not the validator's own, or is the chain itself. */
const foreign = new Set([
  'store',
  '#store',
  'transport',
  '#transport',
  'loop',
  'contracts',
  'reader',
  '#reader',
  'transactions',
  'tree',
  '#tree',
  'cache',
  '#cache',
  'genesisText',
]);
const place = '__simulated_validator';

export class Holdings {
  readonly #session = new Session();

  constructor() {
    this.#session.connect();
  }

  of(validator: object): Holding[] {
    const held: Holding[] = [];
    Reflect.set(globalThis, place, { validator, seen: new WeakSet<object>() });
    try {
      const { result } = this.#ask<{ result: Remote }>('Runtime.evaluate', {
        expression: `globalThis.${place}.validator`,
        objectGroup: place,
      });
      this.#walk(result, '', held, 0);
    } finally {
      this.#ask('Runtime.releaseObjectGroup', { objectGroup: place });
      Reflect.deleteProperty(globalThis, place);
    }
    return held;
  }

  #walk({ objectId }: Remote, path: string, held: Holding[], depth: number): void {
    if (objectId === undefined || depth > depthMax || !this.#isNew(objectId)) return;
    const found = this.#ask<{ result: Property[]; privateProperties?: Property[] }>('Runtime.getProperties', {
      objectId,
      ownProperties: true,
    });
    for (const { name, value } of [...found.result, ...(found.privateProperties ?? [])]) {
      if (value?.type !== 'object' || value.subtype === 'null' || foreign.has(name) || name === '__proto__') continue;
      const inner = `${path}${path === '' ? '' : '.'}${name.replace(/^#/, '')}`;
      const size = /^(?:Map|Set|Array)\((\d+)\)$/.exec(value.description ?? '')?.[1];
      if (size !== undefined) held.push({ path: inner, size: Number(size) });
      else if (value.subtype === undefined) this.#walk(value, inner, held, depth + 1);
    }
  }

  #isNew(objectId: string): boolean {
    const declaration = `function () {
      const { seen } = globalThis.${place};
      return !seen.has(this) && seen.add(this) === seen;
    }`;
    const { result } = this.#ask<{ result: { value?: boolean } }>('Runtime.callFunctionOn', {
      objectId,
      functionDeclaration: declaration,
      returnByValue: true,
    });
    return result.value === true;
  }

  /** The session is of this thread: it answers before `post` returns. */
  #ask<T>(method: string, parameters: object): T {
    let answer: T | undefined;
    this.#session.post(method, parameters, (error: Error | null, result?: object) => {
      if (error !== null) throw error;
      answer = result as T;
    });
    return answer as T;
  }
}

/** For whatever is not named below. */
const otherwiseMax = 64;

/** The first line that fits counts; the number is of items, or of items for each validator. */
const limits: readonly { readonly path: RegExp; readonly max?: number; readonly each?: number }[] = [
  { path: /(?:^|\.)mempool\.(?:waiting|driving|own)$/, max: 2_000 },
  { path: /(?:^|\.)intake\.fresh$/, max: 2_000 },
  { path: /(?:^|\.)finality\.pending$/, max: 65_536 },
  { path: /(?:^|\.)finality\.samples$/, max: 1_024 },
  { path: /(?:^|\.)executor\.records\./, max: 80_000 },
  { path: /(?:^|\.)driver\.executed$/, max: 17 },
  { path: /\.core\.(?:bodies|stored|valid)$/, max: 9 },
  { path: /\.core\.digests$/, max: 65 },
  // One a chunk of the state, while a snapshot is written.
  { path: /\.writer\.(?:manifest\.roots|chunks)$/, max: 256 },
  { path: /\.votes\.early$/, each: 3 },
  // A window of heights behind the head, and as many sizes beyond it of each sender.
  { path: /\.collector\.slots$/, each: 128 },
  { path: /\.(?:viewChanges|statuses|heard|broughtUp|prepares|commits|signers|faults|offences|kept|ahead)$/, each: 1 },
  { path: /(?:^|\.)(?:noticed|warned)$/, each: 1 },
];

export function checkHoldings({ index, node }: ValidatorStation, validators: number): void {
  holdings ??= new Holdings();
  for (const { path, size } of node === undefined ? [] : holdings.of(node)) {
    const limit = limits.find((each) => each.path.test(path));
    const max = limit?.max ?? (limit?.each === undefined ? otherwiseMax : limit.each * validators);
    check(size <= max, `validator ${index} holds ${size} of ${path}, and may hold ${max}`);
  }
}

let holdings: Holdings | undefined;
