// Reads the Test Anything Protocol as ava writes it: one result a line, its diagnostics and logs below it.
// It counts what it saw and compares that with what the writer says it wrote.

export interface TapResult {
  readonly state: 'passed' | 'failed' | 'skipped';
  readonly title: string;
  readonly details: readonly string[];
}

export class TapReader {
  readonly #onResult: (result: TapResult) => void;
  #current: { state: TapResult['state']; title: string; details: string[] } | undefined;
  #failedSeen = 0;
  #failedSaid: number | undefined;

  constructor(onResult: (result: TapResult) => void) {
    this.#onResult = onResult;
  }

  readLine(line: string): void {
    const [, not, title = ''] = /^(not )?ok \d+(?: - (.*))?$/.exec(line) ?? [];
    if (/^(not )?ok \d/.test(line)) {
      this.#flush();
      const skipped = / # SKIP$/.test(title);
      const state = not !== undefined ? 'failed' : skipped ? 'skipped' : 'passed';
      this.#current = { state, title: title.replace(/ # (SKIP|TODO)$/, ''), details: [] };
    } else if (/^1\.\.\d+$/.test(line)) {
      this.#flush();
    } else if (this.#current !== undefined) {
      if (line === '') return; // only parts the last result from the plan
      this.#current.details.push(line);
    } else {
      const said = /^# fail (\d+)$/.exec(line)?.[1];
      if (said !== undefined) this.#failedSaid = Number(said);
    }
  }

  /** Failures that no line showed; undefined if the writer ended before its summary. */
  end(): number | undefined {
    this.#flush();
    return this.#failedSaid === undefined ? undefined : Math.max(0, this.#failedSaid - this.#failedSeen);
  }

  #flush(): void {
    if (this.#current === undefined) return;
    if (this.#current.state === 'failed') this.#failedSeen++;
    this.#onResult(this.#current);
    this.#current = undefined;
  }
}
