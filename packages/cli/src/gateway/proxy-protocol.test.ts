import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readProxyHeader, writeProxyHeader, type ProxiedAddresses } from './proxy-protocol.js';

const V4: ProxiedAddresses = {
  source: { address: '192.0.2.1', port: 56324 },
  destination: { address: '192.0.2.2', port: 443 },
};
const V6: ProxiedAddresses = {
  source: { address: '2001:db8::1', port: 1 },
  destination: { address: '2001:db8:0:1::ff', port: 65535 },
};
/** PROXY protocol, section 2.2: the signature, version 2 with PROXY, TCP over IPv4, 12 bytes. */
const BINARY = '0d0a0d0a000d0a515549540a 21 11 000c c0000201 c0000202 dc04 01bb'.replaceAll(' ', '');

describe('The PROXY header', () => {
  it('is written as the specification says', () => {
    expect(writeProxyHeader(1, V4).toString()).toBe('PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n');
    expect(writeProxyHeader(1, V6).toString()).toBe('PROXY TCP6 2001:db8::1 2001:db8:0:1::ff 1 65535\r\n');
    expect(writeProxyHeader(2, V4).toString('hex')).toBe(BINARY);
  });

  it.each([
    [1, V4],
    [1, V6],
    [2, V4],
    [2, V6],
  ] as const)('of version %i says again what was written, whatever the pieces', (version, addresses) => {
    const written = writeProxyHeader(version, addresses);
    for (let length = 0; length < written.length; length++) {
      expect(readProxyHeader(written.subarray(0, length))).toBeUndefined();
    }
    const read = readProxyHeader(Buffer.concat([written, Buffer.from('GET')]));
    expect(read).toEqual({ addresses, length: written.length });
  });

  it('says addresses of two families as those of IPv6', () => {
    const mixed = { source: V4.source, destination: V6.destination };
    const expected = { source: { address: '::ffff:192.0.2.1', port: 56324 }, destination: V6.destination };
    for (const version of [1, 2] as const) {
      expect(readProxyHeader(writeProxyHeader(version, mixed))?.addresses).toEqual(expected);
    }
  });

  it.each([
    ['a proxy that speaks for itself', Buffer.from('PROXY UNKNOWN\r\n'), 15],
    ['LOCAL', Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex'), 16],
    ['a Unix socket', Buffer.from('0d0a0d0a000d0a515549540a21310000', 'hex'), 16],
  ])('has no addresses for %s', (_name, bytes, length) => {
    expect(readProxyHeader(bytes)).toEqual({ addresses: undefined, length });
  });

  it('may have more behind the addresses', () => {
    const bytes = Buffer.from(BINARY.replace('000c', '0010') + '04000100', 'hex');
    expect(readProxyHeader(bytes)).toEqual({ addresses: V4, length: 32 });
  });

  it.each([
    'GET / HTTP/1.1\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n',
    'PROXY TCP4 2001:db8::1 192.0.2.2 1 2\r\n',
    'PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n',
    'PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n',
    `PROXY TCP4 ${' '.repeat(200)}`,
  ])('is refused when it is %j', (text) => {
    expect(() => readProxyHeader(Buffer.from(text))).toThrow(SyntaxError);
  });

  it.each([
    ['another version', BINARY.replace('0a2111', '0a1111')],
    ['another command', BINARY.replace('0a2111', '0a2211')],
    ['too few bytes for its addresses', '0d0a0d0a000d0a515549540a21110004c0000201'],
    ['a length beyond reason', '0d0a0d0a000d0a515549540a2111ffff'],
  ])('is refused with %s', (_name, hex) => {
    expect(() => readProxyHeader(Buffer.from(hex, 'hex'))).toThrow(SyntaxError);
  });

  it('is nothing worse than refused, whatever comes', () => {
    const beginnings = fc.constantFrom('PROXY TCP4 ', 'PROXY TCP6 1::', '\r\n\r\n\0\r\nQUIT\n\x21\x21', '');
    fc.assert(
      fc.property(beginnings, fc.uint8Array({ maxLength: 64 }), (beginning, more) => {
        const bytes = Buffer.concat([Buffer.from(beginning, 'latin1'), more]);
        expect(lengthOf(bytes)).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 2_000 },
    );
  });
});

/** How much of it is a header; 0 where it is none. */
function lengthOf(bytes: Buffer): number {
  try {
    return readProxyHeader(bytes)?.length ?? 0;
  } catch (error) {
    if (error instanceof SyntaxError) return 0;
    throw error;
  }
}

describe('A header of version 1', () => {
  it('has no zone in an address: no server could read it', () => {
    const end = { address: 'fe80::1%eth0', port: 1 };
    expect(writeProxyHeader(1, { source: end, destination: end }).toString()).toBe(
      'PROXY TCP6 fe80::1 fe80::1 1 1\r\n',
    );
  });
});
