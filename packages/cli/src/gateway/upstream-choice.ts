import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import type { UpstreamChoice } from './config/schema.js';
import { addNetwork, parseUpstream } from './config/values.js';
import type { UpstreamTarget } from './upstream.js';

/** Why a client does not get the server that it has asked for. */
export interface ChoiceRefusal {
  readonly status: 400 | 403 | 502;
  readonly body: string;
}

/** Finds the addresses of a name. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/**
 * Addresses that a name may not lead to unless it is said: this machine, private networks, and what is no host. An IPv4
 * address that is written as one of IPv6 (`::ffff:127.0.0.1`) is looked up as what it is by `BlockList`.
 */
const NOT_PUBLIC = `
  0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12
  192.0.0.0/24 192.168.0.0/16 198.18.0.0/15 224.0.0.0/4 240.0.0.0/4
  ::/96 64:ff9b::/96 64:ff9b:1::/48 2002::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8
`;

/**
 * Decides which server a client may choose. It names one in a parameter of the query, and gets it only if the list has it;
 * the address that the name has now is the one that is connected, so that it cannot become another.
 */
export class ChosenUpstreams {
  readonly #parameter: string;
  readonly #allowed: readonly UpstreamTarget[];
  readonly #forbidden = new BlockList();
  readonly #permitted = new BlockList();
  readonly #resolve: Resolve;

  constructor(
    { parameter, allow, allow_addresses: addresses }: UpstreamChoice,
    resolve: Resolve = resolveHost,
  ) {
    this.#parameter = parameter;
    this.#allowed = allow.map((text) => parsePattern(text));
    this.#resolve = resolve;
    for (const network of NOT_PUBLIC.trim().split(/\s+/)) addNetwork(this.#forbidden, network);
    for (const network of addresses) addNetwork(this.#permitted, network);
  }

  /** @param url path and query of the request. */
  async choose(url: string): Promise<UpstreamTarget | ChoiceRefusal> {
    const query = url.indexOf('?');
    const values = new URLSearchParams(query === -1 ? '' : url.slice(query)).getAll(this.#parameter);
    const target = values.length === 1 ? parseUpstream(values[0]!) : undefined;
    if (target === undefined) {
      return {
        status: 400,
        body: `Name one server in the parameter ${this.#parameter}, as tcp://HOST:PORT.`,
      };
    }
    const isNamed = this.#allowed.some((pattern) => isSame(pattern, target));
    if (target.scheme === 'unix') return isNamed ? target : NOT_ALLOWED;
    const pattern = this.#allowed.find((each) => isSame(each, target) || isBelow(each, target));
    if (pattern === undefined) return NOT_ALLOWED;
    // Whoever wrote an address into the list means it.
    if (isIP(target.host) !== 0) return isNamed ? target : NOT_ALLOWED;
    let addresses: readonly string[];
    try {
      addresses = await this.#resolve(target.host);
    } catch {
      // A name that cannot be found is no news to anybody but the client.
      return { status: 502, body: 'The name of the server could not be found.' };
    }
    const resolved = addresses.find((address) => this.#isPermitted(address));
    return resolved === undefined ? NOT_ALLOWED : { ...target, resolved };
  }

  #isPermitted(address: string): boolean {
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    return this.#permitted.check(address, family) || !this.#forbidden.check(address, family);
  }
}

const NOT_ALLOWED: ChoiceRefusal = { status: 403, body: 'This server may not be reached through here.' };

/** @throws {TypeError} for what names no servers. */
export function parsePattern(text: string): UpstreamTarget {
  const target = parseUpstream(text.replace('://*.', '://any.'));
  if (target === undefined) throw new TypeError(`${text} names no server`);
  const isWild = text.includes('://*.') && target.scheme !== 'unix';
  return isWild ? { ...target, host: target.host.replace(/^any\./, '*.') } : target;
}

function isSame(pattern: UpstreamTarget, target: UpstreamTarget): boolean {
  if (pattern.scheme === 'unix' || target.scheme === 'unix') {
    return pattern.scheme === 'unix' && target.scheme === 'unix' && pattern.path === target.path;
  }
  const { scheme, host, port } = pattern;
  return scheme === target.scheme && port === target.port && host.toLowerCase() === target.host.toLowerCase();
}

function isBelow(pattern: UpstreamTarget, target: UpstreamTarget): boolean {
  if (pattern.scheme === 'unix' || target.scheme === 'unix' || !pattern.host.startsWith('*.')) return false;
  const domain = pattern.host.slice(1).toLowerCase();
  const isInDomain = target.host.toLowerCase().endsWith(domain) && isIP(target.host) === 0;
  return isInDomain && pattern.scheme === target.scheme && pattern.port === target.port;
}

async function resolveHost(host: string): Promise<string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}
