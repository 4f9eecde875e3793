// The verifier in Go, built where Go and golang.org/x/mod (Debian: golang-go, golang-golang-x-mod-dev) are installed.
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const source = join(import.meta.dirname, '../../../test/conformance/tlog-go/main.go');
const packages = '/usr/share/gocode';

export interface GoVerifier {
  run(args: readonly string[]): Promise<{ readonly code: number; readonly output: string }>;
  remove(): void;
}

/** Undefined with the reason where it cannot be built. */
export function buildVerifier(): GoVerifier | string {
  try {
    execFileSync('go', ['version'], { stdio: 'ignore' });
  } catch {
    return 'Go is not installed (Debian: golang-go)';
  }
  if (!existsSync(join(packages, 'src/golang.org/x/mod/sumdb/tlog')))
    return 'golang.org/x/mod is not installed (Debian: golang-golang-x-mod-dev)';
  const folder = mkdtempSync(join(tmpdir(), 'daybook-go-'));
  const program = join(folder, 'verify');
  const environment = {
    ...process.env,
    GO111MODULE: 'off',
    GOPATH: packages,
    GOFLAGS: '',
    GOCACHE: join(folder, 'cache'),
  };
  execFileSync('go', ['build', '-o', program, source], { env: environment, stdio: ['ignore', 'ignore', 'inherit'] });
  return {
    run: (args) =>
      new Promise((resolve) => {
        execFile(program, [...args], (error, stdout, stderr) => {
          resolve({ code: error === null ? 0 : 1, output: `${stdout}${stderr}`.trim() });
        });
      }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
