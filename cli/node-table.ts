// Validators' status as a table.
import { isObject } from './files.ts';
import { table } from './output.ts';
import { oneLine } from './printable.ts';

export interface StatusRow {
  readonly name: string;
  readonly pid?: number;
  readonly problem?: string;
  readonly state?: string;
  readonly height?: number;
  readonly view?: number;
  readonly isPrimary?: boolean;
  readonly peers?: number;
  readonly waiting?: number;
}

export function statusRow(name: string, status: unknown): StatusRow {
  if (!isObject(status)) return { name, problem: 'no status' };
  const { validator, pid, ready, reason, readOnly, mode, height, view, primary, index, peers, mempool } = status;
  const why = typeof reason === 'string' ? `: ${oneLine(reason)}` : '';
  const state = ready === true ? (mode === 'changing' ? 'view change' : 'ready') : `not ready${why}`;
  return {
    name: typeof validator === 'string' ? oneLine(validator) : name,
    pid: numberOf(pid),
    state: readOnly === true ? `${state}, read-only` : state,
    height: numberOf(height),
    view: numberOf(view),
    isPrimary: primary === index,
    peers: Array.isArray(peers) ? peers.length : 0,
    waiting: isObject(mempool) ? numberOf(mempool['transactions']) : 0,
  };
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

/** A longer one would push the figures out of sight; it stands below the table. */
const stateWidthMax = 80;

export function statusTable(rows: readonly StatusRow[]): string {
  const long: string[] = [];
  const cells = rows.map((row) => {
    const state = row.problem ?? row.state ?? '';
    const isLong = state.length > stateWidthMax;
    if (isLong) long.push(`${row.name}: ${state}`);
    const shown = isLong ? `${state.split(': ', 1)[0]?.slice(0, stateWidthMax)}, see below` : state;
    return [
      row.name,
      text(row.pid),
      `${shown}${row.isPrimary === true ? ', primary' : ''}`,
      text(row.height),
      text(row.view),
      text(row.peers),
      text(row.waiting),
    ];
  });
  const head = ['validator', 'pid', 'state', 'height', 'view', 'peers', 'waiting'];
  return [table(head, cells, [1, 3, 4, 5, 6]), ...long].join('\n');
}

function text(value: number | undefined): string {
  return value === undefined ? '' : String(value);
}
