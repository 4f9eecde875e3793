// Reads ava's report for people as it streams: passes on what a reader needs, folds passed tests into a line a file,
// counts. (ava's other report, TAP, ends with an exception of its own on a timeout or a process.exit: 7.0.0.)

export interface Report {
  readonly counts: { passed: number; failed: number; skipped: number };
  /** One line each, for the list at the end. */
  readonly failures: readonly string[];
}

type Mode = 'running' | 'details';

// The signs are those of the figures package, with its second choice for terminals without Unicode.
const passedLine = /^ {2}[✔√] (.*)$/;
const skippedLine = /^ {2}- \[skip\] (.*)$/;
const failedTestLine = /^ {2}[✘×] \[(?:fail|unexpected pass)\]: (.*)$/;
const failedLine = /^ {2}(?:[✘×] |(?=- \[todo\] |Uncaught exception in |Unhandled rejection in ))(.*)$/;
const pendingLine = /^ {2}[◌◯] (.*)$/;
const ruleLine = /^ {2}─$/;
const totalLine = /^ {2}(\d+) tests? (passed|failed|skipped)$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one
const colour = /\x1b\[[0-9;]*m/g;

export class AvaReport implements Report {
  readonly counts = { passed: 0, failed: 0, skipped: 0 };
  readonly failures: string[] = [];
  readonly #print: (line: string) => void;
  readonly #filesAtOnce: number;
  readonly #prefixes: readonly (readonly [file: string, prefix: string])[];
  readonly #passedOf = new Map<string, number>();
  readonly #totals = new Map<string, number>();
  #mode: Mode = 'running';
  #lastPassed: string | undefined;
  #failedTests = 0;
  #isBlank = true;

  constructor(files: readonly string[], filesAtOnce: number, print: (line: string) => void) {
    this.#print = print;
    this.#filesAtOnce = filesAtOnce;
    this.#prefixes = titlePrefixes(files);
  }

  readLine(coloured: string): void {
    const line = coloured.replace(colour, '');
    if (ruleLine.test(line)) {
      this.#fold(0);
      this.#mode = 'details';
      this.#totals.clear();
    } else if (this.#mode === 'running') this.#readRunning(line);
    else this.#readDetail(line);
  }

  /** What ava's own totals and exit code say must be what was counted; everything else is a failure too. */
  end(code: number | undefined): void {
    this.#fold(0);
    if (this.#mode === 'running') this.#fail('ava ended before its summary');
    const failed = this.#totals.get('failed') ?? 0;
    const skipped = this.#totals.get('skipped') ?? 0;
    const passed = this.#totals.get('passed') ?? this.counts.passed; // ava leaves it out where something failed
    if (passed !== this.counts.passed || failed !== this.#failedTests || skipped !== this.counts.skipped) {
      this.#fail(`ava says ${passed} passed, ${failed} failed, ${skipped} skipped, and its lines say something else`);
    }
    if (code !== 0 && this.counts.failed === 0) this.#fail(`ava ended with ${code ?? 'a signal'}`);
  }

  #readRunning(line: string): void {
    const passed = passedLine.exec(line)?.[1];
    if (passed !== undefined) {
      this.#pass(passed);
      return;
    }
    const failed = failedTestLine.exec(line)?.[1];
    const other = failedLine.exec(line)?.[1] ?? pendingLine.exec(line)?.[1];
    if (failed !== undefined) this.#failedTests++;
    if (failed !== undefined || other !== undefined) this.#count(failed ?? other ?? '');
    if (skippedLine.test(line)) this.counts.skipped++;
    if (this.#lastPassed !== undefined && /^ {4}/.test(line)) this.#show(`  ✔ ${this.#lastPassed}`); // it has logs
    this.#lastPassed = undefined;
    this.#show(line);
  }

  #readDetail(line: string): void {
    const [, figure, kind] = totalLine.exec(line) ?? [];
    if (figure !== undefined && kind !== undefined) this.#totals.set(kind, Number(figure));
    else this.#show(line);
  }

  #pass(title: string): void {
    this.counts.passed++;
    this.#lastPassed = title;
    const file = this.#prefixes.find(([, prefix]) => title.startsWith(prefix))?.[0] ?? '';
    const passed = this.#passedOf.get(file) ?? 0;
    this.#passedOf.delete(file);
    this.#passedOf.set(file, passed + 1); // the last in order is the one that spoke last
    this.#fold(this.#filesAtOnce);
  }

  /** ava does not say when a file ends. One that others have silenced has ended, or gets a second line later. */
  #fold(filesKept: number): void {
    for (const [file, passed] of [...this.#passedOf].slice(0, Math.max(0, this.#passedOf.size - filesKept))) {
      this.#show(`  ✔ ${file}: ${passed} passed`);
      this.#passedOf.delete(file);
    }
  }

  #fail(title: string): void {
    this.#count(title);
    this.#show(`  ✘ ${title}`);
  }

  #count(title: string): void {
    this.counts.failed++;
    this.failures.push(title);
  }

  #show(line: string): void {
    if (line === '' && this.#isBlank) return;
    this.#isBlank = line === '';
    this.#print(line);
  }
}

/** ava begins titles with the file's path, but for the folders that all files share, and not at all for one file. */
function titlePrefixes(files: readonly string[]): (readonly [string, string])[] {
  const paths = files.map((file) => file.replace(/\.test\.js$/, '').split('/'));
  const isShared = (index: number) =>
    paths.every((path) => index < path.length - 1 && path[index] === paths[0]?.[index]);
  let shared = 0;
  while (paths.length > 1 && isShared(shared)) shared++;
  return paths.map((path) => [path.join('/'), paths.length > 1 ? `${path.slice(shared).join(' › ')} › ` : '']);
}
