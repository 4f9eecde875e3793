// A progress bar on a terminal; nothing elsewhere, where it would only fill a log.
import type { Output } from './output.ts';

export interface Progress {
  update(done: number, remark?: string): void;
  stop(): void;
}

const silent: Progress = { update: () => undefined, stop: () => undefined };

export async function startProgress(output: Output, what: string, total: number): Promise<Progress> {
  if (process.stderr.isTTY !== true || output.json) return silent;
  const { default: progress } = await import('cli-progress');
  const format = `${what} [{bar}] {value}/{total} {remark}`;
  const bar = new progress.SingleBar({ format, stream: process.stderr, hideCursor: true, clearOnComplete: true });
  bar.start(total, 0, { remark: '' });
  return {
    update: (done, remark = '') => bar.update(done, { remark }),
    stop: () => bar.stop(),
  };
}
