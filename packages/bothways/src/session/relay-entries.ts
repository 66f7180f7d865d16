import { isCloseCodeOnWire } from '../protocol/close.js';
import { isCloseReason, isCount } from './records.js';

/** What one server says to another of a link, which is called by its number; 0 for all of them. */
export type Entry = readonly [kind: string, link: number, ...details: unknown[]];

/** Whether it is something that a server of this version says: anything else is left out. */
export function isEntry(value: unknown): value is Entry {
  if (!Array.isArray(value)) return false;
  const [kind, link, ...details] = value as readonly unknown[];
  return isCount(link) && SHAPES.get(kind)?.(...details) === true;
}

/** How much of what may wait an entry takes, UTF-16 code units, about. */
export function sizeOf(entry: Entry): number {
  let size = 0;
  for (const detail of entry) size += typeof detail === 'string' ? detail.length : OTHER_SIZE;
  return size;
}

/** What a detail that is no text takes, about. */
const OTHER_SIZE = 8;

const isText = (value: unknown): boolean => typeof value === 'string';
const isNothing = (): boolean => true;
const isMessage = (text: unknown, isBinary: unknown): boolean =>
  isText(text) && (isBinary === undefined || isBinary === true);

const SHAPES: ReadonlyMap<unknown, (...details: unknown[]) => boolean> = new Map([
  // By whoever relays.
  [
    'request',
    (binding: unknown, token: unknown, body: unknown) =>
      isText(binding) && (token === null || isText(token)) && isText(body),
  ],
  ['events', (binding: unknown, ticket: unknown) => isText(binding) && isText(ticket)],
  ['socket', isText],
  ['message', isMessage],
  ['took', isCount],
  ['gone', isNothing],
  // By whoever has the session.
  [
    'answer',
    (status: unknown, body: unknown, retryAfter: unknown) =>
      isCount(status) &&
      status >= 200 &&
      status < 600 &&
      isText(body) &&
      (retryAfter === null || isCount(retryAfter)),
  ],
  ['nothing', isNothing],
  ['stream', (type: unknown) => type === 'lines' || type === 'events'],
  ['write', isText],
  ['end', isNothing],
  ['abandon', isNothing],
  ['heard', isCount],
  ['send', isMessage],
  ['pause', isNothing],
  ['resume', isNothing],
  [
    'close',
    (code: unknown, reason: unknown) =>
      isCount(code) && isCloseCodeOnWire(code) && typeof reason === 'string' && isCloseReason(reason),
  ],
  // By both.
  ['reset', isNothing],
  ['broken', isNothing],
]);
