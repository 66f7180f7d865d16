import { SocketAddress, isIP } from 'node:net';

/** Both ends of a TCP connection, as a proxy saw them. */
export interface ProxiedAddresses {
  readonly source: { readonly address: string; readonly port: number };
  readonly destination: { readonly address: string; readonly port: number };
}

/** The header of the PROXY protocol, and where what is behind it begins. */
export interface ProxyHeader {
  /** `undefined` where the proxy speaks for itself (`UNKNOWN`, `LOCAL`). */
  readonly addresses: ProxiedAddresses | undefined;
  readonly length: number;
}

/** The longest header of version 1 (PROXY protocol, section 2.1), and what we take of version 2 with its TLVs, bytes. */
const LONGEST_LINE = 107;
const LONGEST_BINARY = 4_096;

/** PROXY protocol, section 2.2. */
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const BINARY_HEAD = 16;
const PREFIX = Buffer.from('PROXY ', 'latin1');

/**
 * Reads the header that a proxy sends before anything else, in either version.
 *
 * @returns `undefined` while it is not complete.
 * @throws {SyntaxError} for what is none.
 */
export function readProxyHeader(bytes: Buffer): ProxyHeader | undefined {
  if (startsAlike(bytes, SIGNATURE)) {
    return bytes.length < BINARY_HEAD ? undefined : readBinary(bytes);
  }
  if (startsAlike(bytes, PREFIX)) return readLine(bytes);
  throw new SyntaxError('The connection does not begin with a PROXY header');
}

/** The header of a version, for a server. Addresses of two families are written as those of IPv6. */
export function writeProxyHeader(version: 1 | 2, { source, destination }: ProxiedAddresses): Buffer {
  const isIpv4 = isIP(source.address) === 4 && isIP(destination.address) === 4;
  if (version === 1) {
    const [from, to] = [source, destination].map(({ address }) => (isIpv4 ? address : toIpv6(address)));
    return Buffer.from(
      `PROXY TCP${isIpv4 ? 4 : 6} ${from} ${to} ${source.port} ${destination.port}\r\n`,
      'latin1',
    );
  }
  const addresses = [source, destination].map(({ address }) =>
    isIpv4 ? ipv4Bytes(address) : ipv6Bytes(address),
  );
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(source.port, 0);
  ports.writeUInt16BE(destination.port, 2);
  const body = Buffer.concat([...addresses, ports]);
  // Version 2, command PROXY; the family, and TCP.
  const head = Buffer.from([0x21, isIpv4 ? 0x11 : 0x21, 0, body.length]);
  return Buffer.concat([SIGNATURE, head, body]);
}

/** Whether so much as there is of one is the beginning of the other. */
function startsAlike(bytes: Buffer, expected: Buffer): boolean {
  const length = Math.min(bytes.length, expected.length);
  return bytes.compare(expected, 0, length, 0, length) === 0;
}

function readLine(bytes: Buffer): ProxyHeader | undefined {
  const end = bytes.subarray(0, LONGEST_LINE).indexOf('\r\n');
  if (end === -1) {
    if (bytes.length < LONGEST_LINE) return undefined;
    throw new SyntaxError('The PROXY header does not end');
  }
  const line = bytes.toString('latin1', 0, end);
  const length = end + 2;
  if (/^PROXY UNKNOWN( |$)/.test(line)) return { addresses: undefined, length };
  const match = /^PROXY TCP([46]) (\S+) (\S+) (\d{1,5}) (\d{1,5})$/.exec(line);
  if (match === null) throw new SyntaxError('The PROXY header is malformed');
  const [, family, from, to, fromPort, toPort] = match;
  const source = { address: from!, port: Number(fromPort) };
  const destination = { address: to!, port: Number(toPort) };
  for (const { address, port } of [source, destination]) {
    if (isIP(address) !== Number(family) || port > 65_535) {
      throw new SyntaxError('The PROXY header has an address that is none');
    }
  }
  return { addresses: { source, destination }, length };
}

function readBinary(bytes: Buffer): ProxyHeader | undefined {
  const [versionAndCommand = 0, familyAndProtocol = 0] = bytes.subarray(12);
  const length = BINARY_HEAD + bytes.readUInt16BE(14);
  if (versionAndCommand >> 4 !== 2)
    throw new SyntaxError('The PROXY header is of a version that is not known');
  if (length > LONGEST_BINARY) throw new SyntaxError('The PROXY header is too long');
  if (bytes.length < length) return undefined;
  const command = versionAndCommand & 15;
  if (command > 1) throw new SyntaxError('The PROXY header has a command that is not known');
  // A proxy that looks after us, or what is no TCP: the connection is its own.
  if (command === 0 || (familyAndProtocol & 15) !== 1) return { addresses: undefined, length };
  const body = bytes.subarray(BINARY_HEAD, length);
  const size = { 1: 4, 2: 16 }[familyAndProtocol >> 4];
  if (size === undefined) return { addresses: undefined, length };
  if (body.length < 2 * size + 4) throw new SyntaxError('The PROXY header is too short for its addresses');
  const [source, destination] = [0, 1].map((index) => ({
    address: formatAddress(body.subarray(index * size, (index + 1) * size)),
    port: body.readUInt16BE(2 * size + 2 * index),
  }));
  return { addresses: { source: source!, destination: destination! }, length };
}

function formatAddress(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16));
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}

function ipv4Bytes(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}

function toIpv6(address: string): string {
  // The zone of a link-local address means nothing to another machine.
  return isIP(address) === 4 ? `::ffff:${address}` : address.replace(/%.*$/, '');
}

function ipv6Bytes(address: string): Buffer {
  // An address of IPv4 at the end is written as the two groups that it is.
  const text = toIpv6(address).replace(/([\d.]+)$/, (part) => {
    if (!part.includes('.')) return part;
    const [a, b, c, d] = part.split('.').map(Number) as [number, number, number, number];
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [before = '', after] = text.split('::');
  const first = before === '' ? [] : before.split(':');
  const last = after === undefined || after === '' ? [] : after.split(':');
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => '0');
  const bytes = Buffer.alloc(16);
  [...first, ...zeros, ...last].forEach((group, index) =>
    bytes.writeUInt16BE(Number.parseInt(group, 16), 2 * index),
  );
  return bytes;
}
