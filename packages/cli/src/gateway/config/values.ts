import { BlockList, isIP } from 'node:net';
import { z } from 'zod';

/** One, or a list of them. */
export function list<Item extends z.ZodType>(item: Item) {
  return z.union([item.transform((one) => [one]), z.array(item).min(1)]);
}

/** Text, held to a pattern. @param error what it must be, from the word "must" on. */
function text(pattern: RegExp, error: string) {
  return z.string({ error }).regex(pattern, { error, abort: true });
}

/** What other parts of the file call it. */
export const name = text(/^[\w-]+$/, 'must be a name made of letters, digits, "-" and "_"');

/** A token of HTTP (RFC 9110 section 5.6.2). */
export const token = text(/^[\w!#$%&'*+.^`|~-]+$/, 'must be a token such as "v12.stomp"');

/** The name of a header field, which is compared without regard to case. */
export const fieldName = text(/^[\w!#$%&'*+.^`|~-]+$/, 'must be the name of a header field').toLowerCase();

export const positive = z.int({ error: 'must be a whole number from 1' }).min(1);

const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/;
const UNIT: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
/** What a timer of Node's takes is a little more: 2^31 - 1 milliseconds. */
const MAX_DURATION = 24 * 24 * UNIT['h']!;

const TIME = 'must be a time such as "200ms", "10s" or "5m", or 0 for none';

/** `"1.5s"`, `"200ms"`, `"5m"`; in milliseconds, rounded up. 0 switches it off. */
export const duration = z
  .union([z.literal(0), text(DURATION, TIME)], { error: TIME })
  .transform((value) => {
    const [, count, unit] = DURATION.exec(String(value)) ?? [];
    return unit === undefined ? 0 : Math.ceil(Number(count) * UNIT[unit]!);
  })
  .refine((milliseconds) => milliseconds <= MAX_DURATION, { error: 'must be at most "576h"' });

const SIZE = /^(\d+(?:\.\d+)?) ?(B|KiB|MiB|GiB|TiB)$/;
const FACTOR: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

const BYTES = 'must be a number of bytes from 1, or a size such as "64 KiB"';

/** `65536` or `"64 KiB"`; in bytes. */
export const bytes = z
  .union([z.int().min(1, { error: BYTES }), text(SIZE, BYTES)], { error: BYTES })
  .transform((value) => {
    if (typeof value === 'number') return value;
    const [, count, unit = 'B'] = SIZE.exec(value) ?? [];
    return Math.round(Number(count) * FACTOR[unit]!);
  })
  .refine((count) => count >= 1 && Number.isSafeInteger(count), { error: BYTES });

const HOST_AND_PORT = 'must be an address and a port such as "127.0.0.1:8080", or ":8080" for all addresses';

/** `127.0.0.1:8080`, `[::1]:8080`, or `:8080` for all addresses. Port 0 is any free one. */
export const hostAndPort = text(/^(\[[\da-fA-F:.]+\]|[\w.-]*):\d{1,5}$/, HOST_AND_PORT)
  .refine(hasAddress, { error: HOST_AND_PORT })
  .transform(splitAddress)
  .refine(({ port }) => port < 65_536, { error: 'must have a port from 0 to 65535' });

function hasAddress(value: string): boolean {
  return !value.startsWith('[') || isIP(value.slice(1, value.lastIndexOf(']'))) === 6;
}

/** Without a host it is for all addresses. */
function splitAddress(value: string): { readonly host: string | undefined; readonly port: number } {
  const colon = value.lastIndexOf(':');
  const host = value.slice(0, colon).replace(/^\[|\]$/g, '');
  return { host: host === '' ? undefined : host, port: Number(value.slice(colon + 1)) };
}

const CIDR = 'must be an address or a network such as "10.0.0.0/8"';

/** `10.0.0.0/8`, `::1/128`, or one address. */
export const cidr = z.string({ error: CIDR }).refine(isCidr, { error: CIDR });

function isCidr(value: string): boolean {
  try {
    addNetwork(new BlockList(), value);
    return true;
  } catch {
    // What Node refuses is no network.
    return false;
  }
}

/** @throws {TypeError} for what is no network. */
export function addNetwork(networks: BlockList, network: string): void {
  const [address = '', bits, more] = network.split('/');
  const version = isIP(address);
  if (version === 0 || more !== undefined) throw new TypeError(`${network} is no network`);
  const family = version === 6 ? 'ipv6' : 'ipv4';
  if (bits === undefined) {
    networks.addAddress(address, family);
    return;
  }
  const prefix = /^\d{1,3}$/.test(bits) ? Number(bits) : Infinity;
  if (prefix > (version === 6 ? 128 : 32)) throw new TypeError(`${network} is no network`);
  networks.addSubnet(address, prefix, family);
}

const PATH = 'must be a path such as "/mqtt", or "/mqtt/*" for all below it';

/** Where a route is: `/mqtt`, or `/mqtt/*` for all that is below; as a URL has it, percent-encoded. */
export const path = text(/^\/([^\s?#*]*|([^\s?#*]*\/)?\*)$/, PATH).refine(isPlainPath, {
  error: 'must be a path as URLs have it: percent-encoded, and without "//", "/./" and "/../"',
});

/** A path that URLs write otherwise would never be met by a request. */
function isPlainPath(value: string): boolean {
  return !value.includes('//') && new URL(value, 'http://host').pathname === value;
}

const HOST = 'must be a host in ASCII and without a port, such as "example.com" or "*.example.com"';

/** The host of a request, without its port: a name, all names below one, or an address. */
export const requestHost = text(/^(\*\.)?[\w-]+(\.[\w-]+)*$|^\[[\da-f:.]+\]$/i, HOST).toLowerCase();

const UPSTREAM = 'must be "tcp://HOST:PORT", "tls://HOST:PORT" or "unix:/PATH"';

/** A server: `tcp://host:port`, `tls://host:port` or `unix:/path`. */
export const upstreamUrl = z
  .string({ error: UPSTREAM })
  .refine((url) => parseUpstream(url) !== undefined, { error: UPSTREAM });

const UPSTREAM_PATTERN =
  'must be a server such as "tcp://10.0.0.1:61613", or "tls://*.example.com:8883" for every name below';

/** What a client may choose: one server, or by `*.` in place of the first label of its name every one below. */
export const upstreamPattern = z
  .string({ error: UPSTREAM_PATTERN })
  .refine(isUpstreamPattern, { error: UPSTREAM_PATTERN });

function isUpstreamPattern(pattern: string): boolean {
  const upstream = parseUpstream(pattern.replace('://*.', '://'));
  if (upstream === undefined) return false;
  // Nothing is below an address.
  return !pattern.includes('*') || (upstream.scheme !== 'unix' && isIP(upstream.host) === 0);
}

export type UpstreamAddress =
  | { readonly scheme: 'tcp' | 'tls'; readonly host: string; readonly port: number }
  | { readonly scheme: 'unix'; readonly path: string };

/** @returns `undefined` for what is no address of a server. */
export function parseUpstream(url: string): UpstreamAddress | undefined {
  const [, socket] = /^unix:(?:\/\/)?(\/(?!\/)[^\0]+)$/.exec(url) ?? [];
  if (socket !== undefined) return { scheme: 'unix', path: socket };
  const match = /^(tcp|tls):\/\/(?:\[([\da-fA-F:.]+)\]|(\w(?:[\w.-]*\w)?)):(\d{1,5})$/.exec(url);
  if (match === null) return undefined;
  const [, scheme, address, hostname, digits] = match;
  const port = Number(digits);
  if (port < 1 || port > 65_535 || (address !== undefined && isIP(address) !== 6)) return undefined;
  return { scheme: scheme as 'tcp' | 'tls', host: (address ?? hostname)!, port };
}
