/** What the report does with figures. */

export const TITLES = {
  bothways: 'bothways',
  websocket: 'bothways’ WebSocket',
  ws: 'ws',
  uws: 'uWebSockets.js',
  bun: 'Bun',
  undici: 'undici',
  socketio: 'Socket.IO',
  sockjs: 'SockJS',
  net: 'net (bare sockets)',
};
/** With whom the others are compared. */
export const REFERENCE = 'bothways';
/** Above this share of a processor the load generator holds the server back. */
export const BUSY = 0.9;

/** @returns {number | undefined} */
export function median(values) {
  if (values.length === 0) return undefined;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The reference's cost divided by a peer's, round by round. */
export function ratioOf(entries, name) {
  const own = entries.get(REFERENCE);
  const other = entries.get(name);
  if (own === undefined || other === undefined || name === REFERENCE) return undefined;
  const rounds = Math.min(own.costs.length, other.costs.length);
  if (rounds === 0) return undefined;
  const ratios = Array.from({ length: rounds }, (_, round) => own.costs[round] / other.costs[round]);
  return { middle: median(ratios), low: Math.min(...ratios), high: Math.max(...ratios) };
}

export function ratioText({ middle, low, high }) {
  return low === high ? middle.toFixed(2) : `${middle.toFixed(2)} (${low.toFixed(2)}..${high.toFixed(2)})`;
}

/** How much of the time, at the median, something else had a processor of the benchmark's. */
export function disturbance(entries) {
  return median([...entries.values()].flatMap((entry) => entry.disturbed)) ?? 0;
}

export function percent(share) {
  return `${(share * 100).toFixed(0)}%`;
}

/** A figure in its row's unit. */
export function figure(value) {
  if (value === undefined) return '–';
  if (value >= 1000) return count(value);
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export function count(value) {
  return Math.round(value).toLocaleString('en-US');
}

export function mib(bytes) {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

export function list(items) {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}

/** What only this kind of row tells of one server. */
export function extraText(row, extra) {
  if (row.kind === 'idle')
    return `${count(extra.connections)} connections more than the first ${count(extra.first)}, with which it had ${mib(extra.baseline)}`;
  if (row.kind === 'latency') return `${count(extra.messages)} messages in ${extra.rounds.length} rounds`;
  return (
    `${count(extra.messages ?? 0)} messages answered, ${extra.lost} lost, ${count(extra.stillOpen ?? 0)} connections open to ` +
    `the end; the server had ${count(extra.files ?? 0)} files open and ${mib(extra.resident ?? 0)} resident`
  );
}

/** The names of all that took part, in the order of `TITLES`. */
export function namesOf(results) {
  return Object.keys(TITLES).filter((name) => results.some(({ entries }) => entries.has(name)));
}
