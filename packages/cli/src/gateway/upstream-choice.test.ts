import { describe, expect, it } from 'vitest';
import { ChosenUpstreams } from './upstream-choice.js';

const NAMES: Readonly<Record<string, readonly string[]>> = {
  'one.brokers.example.com': ['93.184.216.34'],
  'two.brokers.example.com': ['127.0.0.1', '93.184.216.35'],
  'local.brokers.example.com': ['127.0.0.1'],
  'local6.brokers.example.com': ['::1'],
  'mapped.brokers.example.com': ['::ffff:127.0.0.1'],
  'cloud.brokers.example.com': ['169.254.169.254'],
  'private.brokers.example.com': ['10.1.2.3'],
  'nat64.brokers.example.com': ['64:ff9b::7f00:1'],
  'named.example.com': ['127.0.0.1'],
};

async function resolve(host: string): Promise<readonly string[]> {
  const addresses = NAMES[host.toLowerCase()];
  if (addresses === undefined) throw new Error('ENOTFOUND');
  return addresses;
}

const ALLOW = [
  'tcp://*.brokers.example.com:61613',
  'tcp://127.0.0.1:1883',
  'tls://named.example.com:8883',
  'unix:/run/broker.sock',
];

function choose(asked: string, addresses: string[] = []) {
  const choice = new ChosenUpstreams({ parameter: 'to', allow: ALLOW, allow_addresses: addresses }, resolve);
  return choice.choose(asked.startsWith('/') ? asked : `/?to=${encodeURIComponent(asked)}`);
}

describe('A client that chooses', () => {
  it.each([
    ['tcp://127.0.0.1:1883', { scheme: 'tcp', host: '127.0.0.1', port: 1883 }],
    ['unix:/run/broker.sock', { scheme: 'unix', path: '/run/broker.sock' }],
    [
      'tcp://one.brokers.example.com:61613',
      { scheme: 'tcp', host: 'one.brokers.example.com', port: 61613, resolved: '93.184.216.34' },
    ],
    [
      'tcp://ONE.brokers.EXAMPLE.com:61613',
      { scheme: 'tcp', host: 'ONE.brokers.EXAMPLE.com', port: 61613, resolved: '93.184.216.34' },
    ],
  ])('gets %s, which the list has', async (asked, target) => {
    expect(await choose(asked)).toEqual(target);
  });

  it('gets of the addresses of a name one that is public', async () => {
    expect(await choose('tcp://two.brokers.example.com:61613')).toMatchObject({ resolved: '93.184.216.35' });
  });

  it.each([
    'tcp://brokers.example.com:61613',
    'tcp://one.brokers.example.com:22',
    'tls://one.brokers.example.com:61613',
    'tcp://one.brokers.example.com.evil.org:61613',
    'tcp://127.0.0.1:22',
    'tcp://127.0.0.2:1883',
    'tcp://[::1]:1883',
    'tcp://[::ffff:127.0.0.1]:1883',
    'tcp://localhost:1883',
    'unix:/etc/passwd',
    'unix:///run/broker.sock/../other',
    // Names that lead to where nobody from outside should get.
    'tcp://local.brokers.example.com:61613',
    'tcp://local6.brokers.example.com:61613',
    'tcp://mapped.brokers.example.com:61613',
    'tcp://cloud.brokers.example.com:61613',
    'tcp://private.brokers.example.com:61613',
    'tcp://nat64.brokers.example.com:61613',
    'tls://named.example.com:8883',
  ])('does not get %s', async (asked) => {
    expect(await choose(asked)).toMatchObject({ status: 403 });
  });

  it.each([
    '/',
    '/?to=',
    '/?to=tcp://127.0.0.1:1883&to=tcp://127.0.0.1:1883',
    'http://127.0.0.1:1883',
    'tcp://127.0.0.1',
    'tcp://user@127.0.0.1:1883',
    'tcp://127.0.0.1:1883/path',
    'tcp://127.0.0.1:1883\r\n',
    'tcp://0x7f.1:1883 ',
    'tcp://127.0.0.1:99999',
  ])('is told how to ask when it asks for %j', async (asked) => {
    expect(await choose(asked)).toEqual({
      status: 400,
      body: 'Name one server in the parameter to, as tcp://HOST:PORT.',
    });
  });

  it.each(['tcp://2130706433:1883', 'tcp://0x7f000001:1883', 'tcp://127.1:1883'])(
    'does not get an address by another way to write it: %s',
    async (asked) => {
      expect(await choose(asked)).toMatchObject({ status: 403 });
    },
  );

  it('is told of a name that nobody has by 502', async () => {
    expect(await choose('tcp://none.brokers.example.com:61613')).toMatchObject({ status: 502 });
  });

  it('gets what leads to addresses that are said to be fine', async () => {
    expect(await choose('tls://named.example.com:8883', ['127.0.0.0/8'])).toMatchObject({
      resolved: '127.0.0.1',
    });
    expect(await choose('tcp://private.brokers.example.com:61613', ['127.0.0.0/8'])).toMatchObject({
      status: 403,
    });
  });
});
