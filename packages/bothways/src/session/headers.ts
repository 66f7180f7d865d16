import { isCount, isNumbered, type AnyRecord, type Control } from './records.js';

/** What both headers have (PROTOCOL.md section 3.1). */
interface Header {
  /** The generation of the carrier. */
  readonly gen: number;
  /** The sender has handed on all messages up to this one. */
  readonly ack: number;
  /** The number of the first message that follows. */
  readonly seq: number;
}

/** The first record of a client on each carrier, and in each request. */
export interface ClientHeader extends Header {
  readonly open?: string;
  readonly protocols?: readonly string[];
  readonly token?: string;
  readonly window?: number;
  readonly heartbeat?: number;
  readonly pending?: boolean;
  readonly wait?: number;
  readonly stream?: 'lines' | 'events';
}

/** The first record of a server on each carrier, and in each response. */
export interface ServerHeader extends Header {
  readonly session?: string;
  readonly token?: string;
  readonly protocol?: string;
  readonly window?: number;
  readonly maxMessage?: number;
  readonly heartbeat?: number;
  readonly ticket?: string;
}

/** The smallest window there is, bytes: so much may be sent before the other side's is known (section 5). */
export const SMALLEST_WINDOW = 65_536;

/** 22 characters of base64url are 128 bits; more than that is as good. */
const OPENING_KEY = /^[\w-]{22,128}$/;
const MAX_PROTOCOLS = 32;

const CLIENT_MEMBERS: Readonly<Record<string, (value: unknown) => boolean>> = {
  open: (value) => typeof value === 'string' && OPENING_KEY.test(value),
  protocols: (value) =>
    Array.isArray(value) && value.length <= MAX_PROTOCOLS && value.every((each) => typeof each === 'string'),
  token: (value) => typeof value === 'string',
  window: isWindow,
  heartbeat: (value) => isCount(value) && value > 0,
  pending: (value) => typeof value === 'boolean',
  wait: (value) => isCount(value),
  stream: (value) => value === 'lines' || value === 'events',
};

const SERVER_MEMBERS: Readonly<Record<string, (value: unknown) => boolean>> = {
  session: (value) => typeof value === 'string',
  token: (value) => typeof value === 'string',
  protocol: (value) => typeof value === 'string',
  window: isWindow,
  maxMessage: (value) => isCount(value) && value > 0,
  heartbeat: (value) => isCount(value) && value > 0,
  ticket: (value) => typeof value === 'string',
};

/** @returns `undefined` when it is no header of a client. */
export function readClientHeader(record: AnyRecord | undefined): ClientHeader | undefined {
  return readHeader(record, CLIENT_MEMBERS);
}

/** @returns `undefined` when it is no header of a server. */
export function readServerHeader(record: AnyRecord | undefined): ServerHeader | undefined {
  return readHeader(record, SERVER_MEMBERS);
}

function readHeader(
  record: AnyRecord | undefined,
  members: Readonly<Record<string, (value: unknown) => boolean>>,
): Header | undefined {
  if (typeof record !== 'object' || isNumbered(record)) return undefined;
  const control: Control = record;
  const { gen, ack, seq } = control;
  if (!isCount(gen) || gen === 0 || !isCount(ack) || !isCount(seq) || seq === 0) return undefined;
  const header: Record<string, unknown> = { gen, ack, seq };
  for (const [name, isAllowed] of Object.entries(members)) {
    if (!Object.hasOwn(control, name)) continue;
    if (!isAllowed(control[name])) return undefined;
    header[name] = control[name];
  }
  return header as unknown as Header;
}

function isWindow(value: unknown): boolean {
  return isCount(value) && value >= SMALLEST_WINDOW;
}
