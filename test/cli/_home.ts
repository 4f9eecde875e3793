// A home folder and a real ledger in memory behind the real API, for tests of the command line. Blocks are made a
// moment after transactions arrive.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { Client } from '../../cli/client.ts';
import type { SigningKey } from '../../cli/keystore.ts';
import type { Output } from '../../cli/output.ts';
import { type Ledger, readLedger } from '../../cli/session.ts';
import type { ApiOptions } from '../../node/api/parts.ts';
import { type Running, running } from '../api/_node.ts';
import { clearing } from '../execution/_ledger.ts';

export function folderOf(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'daybook-cli-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function fileIn(folder: string, name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

export interface Served extends Running {
  readonly client: Client;
  readonly ledger: Ledger;
  readonly key: SigningKey;
  readonly url: string;
}

/** Accounts A (100.00 CZK), B and D (without limit) are there. `delayMs` undefined: blocks are made by hand. */
export async function served(
  t: ExecutionContext,
  delayMs?: number,
  changes: Partial<ApiOptions> = {},
): Promise<Served> {
  const api = await running(t, changes);
  const { node } = api;
  node.ledger.time = Date.now();
  if (delayMs !== undefined) settleAfter(t, api, delayMs);
  const ledger = readLedger(node.genesisText, 'genesis.json');
  const url = `http://127.0.0.1:${api.port}`;
  const { member, seed, publicKey } = clearing;
  const key = { name: 'clearing', member, seed, publicKey };
  return { ...api, url, ledger, key, client: new Client([url], ledger) };
}

function settleAfter(t: ExecutionContext, { node }: Running, delayMs: number): void {
  const submit = node.submit.bind(node);
  let timer: NodeJS.Timeout | undefined;
  node.submit = (bytes) => {
    const answer = submit(bytes);
    if (answer.status === 'admitted')
      timer ??= setTimeout(() => {
        timer = undefined;
        if (node.waiting.size > 0) node.settle();
      }, delayMs);
    return answer;
  };
  t.teardown(() => clearTimeout(timer));
}

export function quietOutput(): Output & { readonly shown: unknown[]; readonly notes: string[] } {
  const shown: unknown[] = [];
  const notes: string[] = [];
  return {
    json: true,
    isTerminal: false,
    shown,
    notes,
    data: (value) => {
      shown.push(value);
    },
    note: (text) => {
      notes.push(text);
    },
  };
}
