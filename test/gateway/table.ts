import type { Carrier } from './carriers.js';
import { type Cell, type Way, WAYS } from './matrix.js';

/** The cells as a table of Markdown, with a row for each client at a server and a column for each way. */
export function writeTable(cells: readonly Cell[]): string {
  const rows = new Map<string, Cell[]>();
  for (const cell of cells) {
    const name = `${cell.target.server} | ${cell.target.client}`;
    rows.set(name, [...(rows.get(name) ?? []), cell]);
  }
  return [
    line('server', 'client', ...WAYS.map(nameWay)),
    line('---', '---', ...WAYS.map(() => '---')),
    ...[...rows].map(([name, row]) => line(name, ...WAYS.map((way) => writeCell(row, way)))),
  ].join('\n');
}

const line = (...texts: string[]) => `| ${texts.join(' | ')} |`;

/** What is wrong, a line for each cell that is not green. */
export function writeProblems(cells: readonly Cell[]): string {
  return cells
    .filter(({ problems }) => problems.length > 0)
    .map(
      ({ target, way, problems }) =>
        `${target.client} at ${target.server}, ${nameWay(way)}: ${problems.join('; ')}`,
    )
    .join('\n');
}

export function nameWay({ platform, carrier, isByGateway }: Way): string {
  return `${platform}: ${isByGateway ? BY_GATEWAY[carrier] : 'its own listener'}`;
}

const BY_GATEWAY: Readonly<Record<Carrier, string>> = {
  websocket: 'gateway',
  session: 'gateway, session',
  'long-polling': 'gateway, session on long polling',
};

/** A mark, how many messages came and the close code; nothing where the server has no such listener. */
function writeCell(row: readonly Cell[], way: Way): string {
  const cell = row.find((each) => each.way === way);
  if (cell === undefined) return '';
  const mark = cell.problems.length === 0 ? '✓' : '✗';
  const { outcome } = cell;
  return outcome === undefined ? mark : `${mark} ${outcome.received.length}, ${outcome.closeCode}`;
}
