import { describe, expect, it } from 'vitest';
import { countedAddress, createAddressReader } from './client-address.js';

const readAddress = createAddressReader(['10.0.0.0/8', '192.0.2.1', 'fd00::/8']);

function from(remoteAddress: string, forwardedFor?: string): string {
  return readAddress({
    remoteAddress,
    headers: forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor },
  });
}

describe('the address of a client', () => {
  it.each([
    ['is that of the socket', '198.51.100.1', undefined, '198.51.100.1'],
    [
      'is that of the socket, whatever somebody says who is no proxy',
      '198.51.100.1',
      '203.0.113.9',
      '198.51.100.1',
    ],
    ['is what a proxy says', '10.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['is what a proxy says that is one address', '192.0.2.1', '203.0.113.9', '203.0.113.9'],
    [
      'is what the first of several proxies says',
      '10.0.0.1',
      '203.0.113.9, 10.1.1.1,10.2.2.2',
      '203.0.113.9',
    ],
    [
      'is not what the client has put before it',
      '10.0.0.1',
      '127.0.0.1, 10.9.9.9, 203.0.113.9',
      '203.0.113.9',
    ],
    ['is the leftmost where all are proxies', '10.0.0.1', '10.3.3.3, 10.2.2.2', '10.3.3.3'],
    ['is that of the proxy that says nothing', '10.0.0.1', undefined, '10.0.0.1'],
    ['is that of the proxy that says nonsense', '10.0.0.1', '203.0.113.9, unknown', '10.0.0.1'],
    ['is not behind nonsense', '10.0.0.1', '203.0.113.9, "x", 10.2.2.2', '10.2.2.2'],
    ['is read without a port', '10.0.0.1', '203.0.113.9:4711', '203.0.113.9'],
    ['is read in brackets', '10.0.0.1', '[2001:db8::1]:4711', '2001:db8::1'],
    ['is read without brackets', 'fd00::1', '2001:db8::1', '2001:db8::1'],
    ['is an IPv4 address on a socket for both', '::ffff:198.51.100.1', undefined, '198.51.100.1'],
    ['is what such a proxy says', '::ffff:10.0.0.1', '::FFFF:203.0.113.9', '203.0.113.9'],
    ['is nothing where there is none', '', '203.0.113.9', ''],
  ])('%s', (_, socket, forwarded, address) => {
    expect(from(socket, forwarded)).toBe(address);
  });

  it('is found in a list of 100 KB', () => {
    expect(from('10.0.0.1', `203.0.113.9${', 10.2.2.2'.repeat(10_000)}`)).toBe('203.0.113.9');
    expect(from('10.0.0.1', ','.repeat(100_000))).toBe('10.0.0.1');
  });

  it('is that of the socket where no proxy is trusted', () => {
    const request = { remoteAddress: '127.0.0.1', headers: { 'x-forwarded-for': '203.0.113.9' } };
    expect(createAddressReader([])(request)).toBe('127.0.0.1');
  });
});

describe('an address is counted', () => {
  it.each([
    ['198.51.100.1', '198.51.100.1'],
    ['::ffff:198.51.100.1', '198.51.100.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::6', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8:0:1::', '2001:db8:0:1::/64'],
    ['2001:db8::2:0:0:0:1', '2001:db8:0:2::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['', ''],
    ['nothing', 'nothing'],
  ])('%s as %s', (address, counted) => {
    expect(countedAddress(address)).toBe(counted);
  });
});
