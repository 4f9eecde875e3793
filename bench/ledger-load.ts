// Payments through four validator processes and a client, all on this machine: transfers a second, finality, and who
// used the processors. Debtors have no limit, so that no line waits for another and the ledger is what is measured.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { requestNode } from '../cli/client.ts';
import { importAccounts } from '../cli/commands/account-import.ts';
import { apiUrl, type DevnetState } from '../cli/devnet-files.ts';
import { startDevnet, stopDevnet } from '../cli/devnet-processes.ts';
import { type HomePaths, homePaths } from '../cli/home.ts';
import { runOperation } from '../cli/operation.ts';
import type { Output } from '../cli/output.ts';
import { Session } from '../cli/session.ts';
import { transferArguments } from '../contracts/payments.ts';
import { processorSeconds } from './process-shares.ts';
import type { Load } from './stages.ts';

export interface LoadReport {
  readonly load: Load;
  readonly lines: number;
  readonly seconds: number;
  /** Of the last transactions, from the node that took them to its durable block. */
  readonly finality: { readonly p50: number; readonly p99: number };
  readonly blocks: number;
  readonly shares: readonly Share[];
}

export interface Share {
  readonly name: string;
  /** Of one processor, over the run. */
  readonly share: number;
}

const accounts = 1_000;
const mainFile = fileURLToPath(new URL('../cli/main.js', import.meta.url));
const sampleMs = 50;
const quiet: Output = { json: true, isTerminal: false, data: () => undefined, note: () => undefined };

export class BenchLedger {
  readonly #folder: string;
  readonly #paths: HomePaths;
  readonly #state: DevnetState;
  #files = 0;

  private constructor(folder: string, paths: HomePaths, state: DevnetState) {
    this.#folder = folder;
    this.#paths = paths;
    this.#state = state;
  }

  static async open(): Promise<BenchLedger> {
    const folder = mkdtempSync(join(tmpdir(), 'daybook-bench-'));
    const paths = homePaths(join(folder, 'home'));
    const { state } = await startDevnet(paths, { validators: 4, issuance: [], keeper: 'channel' });
    const ledger = new BenchLedger(folder, paths, state);
    const rows = Array.from({ length: accounts }, (_, i) => `A-${i},BRANCH-${1 + (i % 4)},CZK,none,0.00`);
    const file = ledger.#write('account,branch,currency,overdraft_limit,opening_balance', rows);
    await importAccounts(ledger.#session(), file, false);
    return ledger;
  }

  /** One file, sent by a client process of its own as a user would. */
  async run(load: Load, lines: number): Promise<LoadReport> {
    const prefix = `F${this.#files}`;
    const rows = Array.from({ length: lines }, (_, i) => {
      const [from, to] = [(i * 7) % accounts, (i * 13 + 1) % accounts];
      return `${prefix}-${i},2026-03-02,A-${from},A-${to === from ? (to + 1) % accounts : to},1.00,CZK,salary`;
    });
    const file = this.#write('reference,date,from,to,amount,currency,purpose', rows);
    const args = ['batch', 'submit', file, `--${load}`, '--yes', '--json', '--home', this.#paths.folder];
    const heightBefore = await this.#height();
    const client = spawn(process.execPath, [mainFile, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    const pids = new Map<string, number>([['client', client.pid ?? 0]]);
    for (const { id, process: mark } of this.#state.validators) pids.set(id, mark?.pid ?? 0);
    const before = new Map([...pids].map(([name, pid]) => [name, processorSeconds(pid) ?? 0]));
    const used = new Map<string, number>();
    const sample = () => {
      for (const [name, pid] of pids) {
        const seconds = processorSeconds(pid);
        if (seconds !== undefined && seconds > 0) used.set(name, seconds - (before.get(name) ?? 0));
      }
    };
    const timer = setInterval(sample, sampleMs);
    let text = '';
    client.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    const [code] = (await once(client, 'close')) as [number | null];
    sample();
    clearInterval(timer);
    if (code !== 0) throw new Error(`the client ended with ${code}`);
    const { accepted, seconds } = JSON.parse(text) as { accepted: number; seconds: number };
    if (accepted !== lines) throw new Error(`${accepted} of ${lines} lines were accepted`);
    const shares = [...used].map(([name, each]) => ({ name, share: each / seconds }));
    const blocks = (await this.#height()) - heightBefore;
    return { load, lines, seconds, finality: await this.#finality(), blocks, shares };
  }

  /** One payment after another, each with its receipt checked, on an idle ledger: milliseconds of each. */
  async oneByOne(count: number): Promise<number[]> {
    const session = this.#session();
    const key = await session.signer();
    const payment = { from: 'A-1', to: 'A-2', amount: 100n, currency: 'CZK', purpose: '', date: '2026-03-02' };
    const operation = { contract: 'payments', method: 'transfer', args: transferArguments(payment) };
    const times: number[] = [];
    for (let i = 0; i < count; i++) {
      const began = performance.now();
      await runOperation(session, key, { ...operation, reference: `ONE-${i}` });
      times.push(performance.now() - began);
    }
    return times;
  }

  async close(): Promise<void> {
    await stopDevnet(this.#paths);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #session(): Session {
    return new Session({ home: this.#paths.folder, yes: true }, quiet);
  }

  #write(head: string, rows: readonly string[]): string {
    const file = join(this.#folder, `file-${this.#files++}.csv`);
    writeFileSync(file, [head, ...rows, ''].join('\n'));
    return file;
  }

  #statuses(): Promise<{ readonly [key: string]: unknown }[]> {
    const ask = (validator: DevnetState['validators'][number]) =>
      requestNode(apiUrl(validator), 'GET', '/v1/status', {}) as Promise<{ readonly [key: string]: unknown }>;
    return Promise.all(this.#state.validators.map(ask));
  }

  async #height(): Promise<number> {
    return Math.max(...(await this.#statuses()).map(({ height }) => Number(height)));
  }

  async #finality(): Promise<LoadReport['finality']> {
    const statuses = await this.#statuses();
    const worst = (name: string) => Math.max(...statuses.map((each) => Number(each[name] ?? 0)));
    return { p50: worst('finalityMsP50'), p99: worst('finalityMsP99') };
  }
}
