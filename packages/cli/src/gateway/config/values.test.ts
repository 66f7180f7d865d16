import { BlockList } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addNetwork,
  bytes,
  cidr,
  duration,
  hostAndPort,
  parseUpstream,
  path,
  requestHost,
  upstreamPattern,
} from './values.js';

describe('a time', () => {
  it.each<[unknown, number]>([
    [0, 0],
    ['0s', 0],
    ['200ms', 200],
    ['1.5s', 1_500],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['576h', 2_073_600_000],
    // Nothing that is little becomes nothing, which would switch it off.
    ['0.1ms', 1],
  ])('%j is %d milliseconds', (text, milliseconds) => {
    expect(duration.parse(text)).toBe(milliseconds);
  });

  it.each([1, '1', '', 's', '1 s', '-1s', '1d', '1e3s', '577h', null])('%j is none', (text) => {
    expect(duration.safeParse(text).success).toBe(false);
  });
});

describe('a size', () => {
  it.each<[unknown, number]>([
    [1, 1],
    ['1 B', 1],
    ['64KiB', 65_536],
    ['1.5 MiB', 1_572_864],
    ['1 GiB', 1_073_741_824],
  ])('%j is %d bytes', (text, count) => {
    expect(bytes.parse(text)).toBe(count);
  });

  it.each([0, -1, 1.5, '0 B', '0.1 B', '64', '64 KB', '64  KiB', '99999999 TiB', Infinity])(
    '%j is none',
    (text) => {
      expect(bytes.safeParse(text).success).toBe(false);
    },
  );
});

describe('an address to listen at', () => {
  it.each([
    ['127.0.0.1:8080', '127.0.0.1', 8080],
    ['localhost:0', 'localhost', 0],
    ['[::1]:65535', '::1', 65_535],
    [':80', undefined, 80],
  ])('%s is one', (text, host, port) => {
    expect(hostAndPort.parse(text)).toEqual({ host, port });
  });

  it.each([
    '8080',
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:65536',
    '::1:80',
    '[1.2.3.4]:80',
    '[::g]:80',
    'a b:80',
    '/tmp/x:1',
  ])('%s is none', (text) => {
    expect(hostAndPort.safeParse(text).success).toBe(false);
  });
});

describe('a network', () => {
  it.each(['10.0.0.0/8', '10.0.0.1', '0.0.0.0/0', '::1', '::/0', 'fd00::/8'])('%s is one', (text) => {
    expect(cidr.parse(text)).toBe(text);
  });

  it.each(['', '10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/-1', '10.0.0/8', '10.0.0.0/8/8', 'localhost'])(
    '%j is none',
    (text) => {
      expect(cidr.safeParse(text).success).toBe(false);
    },
  );

  it('has the addresses in it', () => {
    const networks = new BlockList();
    addNetwork(networks, '10.1.0.0/16');
    expect([networks.check('10.1.2.3'), networks.check('10.2.0.0')]).toEqual([true, false]);
  });
});

describe('a path', () => {
  it.each(['/', '/*', '/mqtt', '/mqtt/*', '/a/b', '/a%20b', '/a/', '/caf%C3%A9', '/@a:b'])(
    '%s is one',
    (text) => {
      expect(path.parse(text)).toBe(text);
    },
  );

  it.each([
    '',
    'a',
    '*',
    '/a*',
    '/*/a',
    '/a?b',
    '/a#b',
    '/a b',
    '//a',
    '/a//b',
    '/a/../b',
    '/./a',
    '/a/..',
    '/%2e%2e/a',
    '/é',
    '/a\\b',
  ])('%s is none', (text) => {
    expect(path.safeParse(text).success).toBe(false);
  });
});

describe('a host of requests', () => {
  it.each([
    ['Example.COM', 'example.com'],
    ['*.example.com', '*.example.com'],
    ['127.0.0.1', '127.0.0.1'],
    ['[::1]', '[::1]'],
    ['a', 'a'],
  ])('%s is one', (text, host) => {
    expect(requestHost.parse(text)).toBe(host);
  });

  it.each(['', '*', 'a:80', 'a.*.b', '*.', '.a', 'a..b', 'bücher.example', 'http://a'])(
    '%j is none',
    (text) => {
      expect(requestHost.safeParse(text).success).toBe(false);
    },
  );
});

describe('a server', () => {
  it.each<[string, object]>([
    ['tcp://10.0.0.1:61613', { scheme: 'tcp', host: '10.0.0.1', port: 61_613 }],
    ['tls://broker.example.com:8883', { scheme: 'tls', host: 'broker.example.com', port: 8883 }],
    ['tcp://[::1]:1', { scheme: 'tcp', host: '::1', port: 1 }],
    ['unix:/run/a b.sock', { scheme: 'unix', path: '/run/a b.sock' }],
    ['unix:///run/a.sock', { scheme: 'unix', path: '/run/a.sock' }],
  ])('%s is one', (url, address) => {
    expect(parseUpstream(url)).toEqual(address);
  });

  it.each([
    '',
    'tcp://',
    'tcp://h',
    'tcp://h:0',
    'tcp://h:65536',
    'tcp://h:1/',
    'tcp://u@h:1',
    'tcp://h:1?a',
    'TCP://h:1',
    'http://h:1',
    'tcp://[1.2.3.4]:1',
    'tcp://[::1:1',
    'tcp://..:1',
    'tcp://-h:1',
    'tcp://h-:1',
    'tcp:h:1',
    'unix:',
    'unix:a',
    'unix:/',
    'unix://a/b',
    'unix:/a\0b',
    ' tcp://h:1',
    'tcp://h:1\n',
    'tcp://h :1',
    'tcp://h%2e:1',
  ])('%j is none', (url) => {
    expect(parseUpstream(url)).toBeUndefined();
  });

  it('is found in no other text, whatever it is', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const upstream = parseUpstream(`tcp://${text}`);
        expect(upstream === undefined || /^[\w.:[\]-]+$/.test(text)).toBe(true);
      }),
    );
  });

  it('to choose from may be any below a name, and not below an address', () => {
    const patterns = [
      'tcp://*.example.com:1',
      'tls://*.local:1',
      'unix:/a',
      'tcp://*.1.2.3.4:1',
      'tcp://*:1',
      'unix:/*',
    ];
    expect(patterns.map((pattern) => upstreamPattern.safeParse(pattern).success)).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
