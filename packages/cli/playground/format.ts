/** Numbers, sizes and times as the reader's locale writes them. */
const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const oneDigit = new Intl.NumberFormat(undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const clockWithSeconds = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const fullTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });
const day = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const list = new Intl.ListFormat(undefined, { type: 'conjunction' });

export const formatCount = (n: number): string => whole.format(n);
export const formatTime = (at: number): string => clock.format(at);
export const formatSeconds = (at: number): string => clockWithSeconds.format(at);
export const formatFullTime = (at: number): string => fullTime.format(at);
export const formatDay = (at: number): string => day.format(at);
export const formatList = (items: readonly string[]): string => list.format(items);

export function plural(n: number, one: string, many: string): string {
  return `${whole.format(n)} ${n === 1 ? one : many}`;
}

export function formatMilliseconds(ms: number): string {
  return `${ms < 10 ? oneDigit.format(ms) : whole.format(ms)} ms`;
}

export function formatRate(bytes: number): string {
  if (bytes < 1000) return `${whole.format(bytes)} B/s`;
  return bytes < 1e6 ? `${oneDigit.format(bytes / 1000)} kB/s` : `${oneDigit.format(bytes / 1e6)} MB/s`;
}

const units: readonly (readonly [seconds: number, short: string])[] = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
];

/** The two largest units of a duration, such as `2 h 5 min`. */
export function formatDuration(ms: number): string {
  let rest = Math.max(0, Math.floor(ms / 1000));
  const parts: string[] = [];
  for (const [seconds, short] of units) {
    const count = Math.floor(rest / seconds);
    rest -= count * seconds;
    if (count > 0 || (parts.length > 0 && parts.length < 2)) parts.push(`${whole.format(count)} ${short}`);
    if (parts.length === 2) break;
  }
  return parts.join(' ') || `0 s`;
}
