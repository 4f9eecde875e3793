// Opens one folder after another for its parent, because a damaged file may kill or hang whoever opens it.
import { judge } from './_judge.ts';
import type { Expectation } from './_story.ts';

export interface JudgeRequest {
  readonly folder: string;
  readonly expected: Expectation;
  readonly wholeAudit: boolean;
}

process.on('message', (request: JudgeRequest) => {
  void judge(request.folder, request.expected, request.wholeAudit)
    .catch((error: unknown) => ({
      problem: `thrown: ${error instanceof Error ? error.stack : error}`,
      opened: false,
      begunIsThere: false,
    }))
    .then((verdict) => process.send?.(verdict));
});
process.on('disconnect', () => process.exit(0));
