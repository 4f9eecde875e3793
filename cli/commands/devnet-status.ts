// What each validator of this home's devnet does: its process, and what it says of itself.
import { requestNode } from '../client.ts';
import { readDevnet } from '../devnet-control.ts';
import { apiUrl } from '../devnet-files.ts';
import { type StatusRow, statusRow, statusTable } from '../node-table.ts';
import { isAlive } from '../process-alive.ts';
import { type CommonOptions, Session } from '../session.ts';

export async function run(options: CommonOptions): Promise<void> {
  const { paths, output } = new Session(options);
  const state = readDevnet(paths);
  const rows = await Promise.all(
    state.validators.map(async (validator): Promise<StatusRow> => {
      const { id, process: mark } = validator;
      if (mark === undefined || !isAlive(mark)) return { name: id, problem: 'down' };
      const status = await requestNode(apiUrl(validator), 'GET', '/v1/status', { timeoutMs: 3_000 }).catch(
        () => undefined,
      );
      return status === undefined ? { name: id, pid: mark.pid, problem: 'does not answer' } : statusRow(id, status);
    }),
  );
  output.data({ home: paths.folder, validators: rows }, () => statusTable(rows));
}
