// What the validators say of themselves; nothing of it is proved.
import { requestNode } from '../client.ts';
import { CliError } from '../exit-codes.ts';
import { statusRow, statusTable } from '../node-table.ts';
import { type CommonOptions, Session } from '../session.ts';

export async function run(options: CommonOptions): Promise<void> {
  const session = new Session(options);
  const { nodes } = session.client;
  const rows = await Promise.all(
    nodes.map(async (node) => {
      const answer = await requestNode(node, 'GET', '/v1/status', { timeoutMs: 3_000 }).catch((error: unknown) =>
        error instanceof Error ? error : new Error(String(error)),
      );
      return answer instanceof Error ? { name: node, problem: answer.message } : statusRow(node, answer);
    }),
  );
  session.output.data({ nodes: rows }, () => statusTable(rows));
  if (rows.every((row) => row.problem !== undefined))
    throw new CliError('unreachable', 'no validator could be reached', 'Is it the right --home or --node?');
}
