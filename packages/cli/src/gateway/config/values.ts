import { BlockList, isIP } from 'node:net';
import { z } from 'zod';

/** One, or a list of them. */
export function list<Item extends z.ZodType>(item: Item) {
  return z.union([item.transform((one) => [one]), z.array(item).min(1)]);
}

/** What other parts of the file call it. */
export const name = z.string().regex(/^[\w-]+$/, { error: 'must be made of letters, digits, "-" and "_"' });

/** A token of HTTP (RFC 9110 section 5.6.2), in lower case where it names a header field. */
export const token = z.string().regex(/^[\w!#$%&'*+.^`|~-]+$/, { error: 'must be a token such as "v12.stomp"' });

export const positive = z.int().min(1);

const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/;
const UNIT: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `"1.5s"`, `"200ms"`, `"5m"`; in milliseconds. 0 switches it off. */
export const duration = z
  .union([z.literal(0), z.string().regex(DURATION)], { error: 'must be a time such as "200ms", "10s" or "5m"' })
  .transform((value) => {
    if (value === 0) return 0;
    const [, count, unit] = DURATION.exec(value)!;
    return Math.round(Number(count) * UNIT[unit!]!);
  });

const SIZE = /^(\d+(?:\.\d+)?) ?(B|KiB|MiB|GiB)$/;
const FACTOR: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** `65536` or `"64 KiB"`; in bytes. */
export const bytes = z
  .union([z.int().min(1), z.string().regex(SIZE)], { error: 'must be a number of bytes, or a size such as "64 KiB"' })
  .transform((value) => {
    if (typeof value === 'number') return value;
    const [, count, unit] = SIZE.exec(value)!;
    return Math.round(Number(count) * FACTOR[unit!]!);
  });

/** `127.0.0.1:8080`, `[::1]:8080`, or `:8080` for all addresses. */
export const hostAndPort = z
  .string()
  .regex(/^(\[[\da-fA-F:.]+\]|[^\s:[\]]*):\d{1,5}$/, { error: 'must be an address and a port such as "127.0.0.1:8080"' })
  .transform((value) => {
    const colon = value.lastIndexOf(':');
    const host = value.slice(0, colon).replace(/^\[|\]$/g, '');
    return { host: host === '' ? undefined : host, port: Number(value.slice(colon + 1)) };
  })
  .refine(({ port }) => port < 65_536, { error: 'must have a port from 0 to 65535' });

/** `10.0.0.0/8`, `::1/128`, or one address. */
export const cidr = z.string().refine(isCidr, { error: 'must be an address or a network such as "10.0.0.0/8"' });

function isCidr(text: string): boolean {
  try {
    addNetwork(new BlockList(), text);
    return true;
  } catch {
    // What Node refuses is no network.
    return false;
  }
}

/** @throws {TypeError} for what is no network. */
export function addNetwork(networks: BlockList, text: string): void {
  const [address = '', bits] = text.split('/');
  const version = isIP(address);
  if (version === 0) throw new TypeError(`${text} is no network`);
  const family = version === 6 ? 'ipv6' : 'ipv4';
  if (bits === undefined) networks.addAddress(address, family);
  else networks.addSubnet(address, /^\d{1,3}$/.test(bits) ? Number(bits) : -1, family);
}

/** Where a route is: `/mqtt`, or `/mqtt/*` for all that is below. */
export const path = z.string().regex(/^\/[^\s?#*]*(\/\*)?$|^\/\*$/, {
  error: 'must be a path such as "/mqtt", or "/mqtt/*" for all below it',
});

/** A server: `tcp://host:port`, `tls://host:port` or `unix:/path`. */
export const upstreamUrl = z.string().refine((text) => parseUpstream(text) !== undefined, {
  error: 'must be "tcp://HOST:PORT", "tls://HOST:PORT" or "unix:/PATH"',
});

export type UpstreamAddress =
  | { readonly scheme: 'tcp' | 'tls'; readonly host: string; readonly port: number }
  | { readonly scheme: 'unix'; readonly path: string };

/** @returns `undefined` for what is no address of a server. */
export function parseUpstream(text: string): UpstreamAddress | undefined {
  if (/^unix:\/[^\0]+$/.test(text)) return { scheme: 'unix', path: text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '') };
  const match = /^(tcp|tls):\/\/(\[[\da-fA-F:.]+\]|[\w.-]+):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const [, scheme, host, port] = match;
  if (Number(port) < 1 || Number(port) > 65_535) return undefined;
  return { scheme: scheme as 'tcp' | 'tls', host: host!.replace(/^\[|\]$/g, ''), port: Number(port) };
}
