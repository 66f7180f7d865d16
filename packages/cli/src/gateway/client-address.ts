import { BlockList, isIP } from 'node:net';
import type { RequestInfo } from 'bothways';
import { addNetwork } from './config/values.js';

/**
 * Finds the address of a client. What `X-Forwarded-For` says is believed of trusted proxies only: each has added the
 * address it was spoken to from at the right, so the rightmost that is not of such a proxy is the client's.
 *
 * @param trustedProxies addresses and networks, such as `10.0.0.0/8`.
 * @throws {TypeError} for what is no network.
 */
export function createAddressReader(
  trustedProxies: readonly string[],
): (request: Pick<RequestInfo, 'remoteAddress' | 'headers'>) => string {
  const networks = new BlockList();
  for (const network of trustedProxies) addNetwork(networks, network);
  const isTrusted = (address: string): boolean => {
    const version = isIP(address);
    return version !== 0 && networks.check(address, version === 6 ? 'ipv6' : 'ipv4');
  };
  return ({ remoteAddress, headers }) => {
    let address = plainAddress(remoteAddress);
    if (trustedProxies.length === 0) return address;
    const forwarded = (headers['x-forwarded-for'] ?? '').split(',');
    while (isTrusted(address)) {
      const before = readForwarded(forwarded.pop() ?? '');
      // What is no address was written by no such proxy; what comes before it can be anything.
      if (before === undefined) break;
      address = before;
    }
    return address;
  };
}

/**
 * What addresses are counted by: an IPv6 address by the network that one customer gets at least (RFC 6177 section 2), its
 * first 64 bits.
 */
export function countedAddress(address: string): string {
  const plain = plainAddress(address);
  if (isIP(plain) !== 6) return plain;
  // As the standard writes it (RFC 5952), without an IPv4 address at its end.
  const written = new URL(`http://[${plain.replace(/%.*$/, '')}]`).hostname.slice(1, -1);
  const [left = [], right] = written.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const zeros = right === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => '0');
  return `${[...left, ...zeros, ...(right ?? [])].slice(0, 4).join(':')}::/64`;
}

/** An IPv4 address that came over a socket for both is `::ffff:192.0.2.1` to Node. */
function plainAddress(address: string): string {
  const [, mapped = ''] = /^::ffff:([\d.]+)$/i.exec(address) ?? [];
  return isIP(mapped) === 4 ? mapped : address;
}

/** A member of `X-Forwarded-For`; some proxies write a port too. */
function readForwarded(text: string): string | undefined {
  const [, bracketed, v4] = /^\[([^\]]+)\](?::\d+)?$|^([\d.]+):\d+$/.exec(text.trim()) ?? [];
  const address = plainAddress(bracketed ?? v4 ?? text.trim());
  return isIP(address) === 0 ? undefined : address;
}
