import { describe, expect, it } from 'vitest';
import { Failure } from '../../failure.js';
import { configFromOptions, type OneLineOptions } from './from-options.js';
import { parseConfig } from './load.js';

describe('one line', () => {
  it('is a configuration of one route at any path, for this machine', () => {
    const config = configFromOptions({ listen: '8080', to: 'tcp://127.0.0.1:61613', protocol: 'stomp' });
    const file = `listen.address = "127.0.0.1:8080"
[[routes]]
path = "/*"
protocol = "stomp"
upstream = "tcp://127.0.0.1:61613"
`;
    expect(config).toEqual(parseConfig(file, 'toml', 'gateway.toml'));
  });

  it('carries bytes as they are unless it is said what they are', () => {
    expect(configFromOptions({ listen: '0', to: 'unix:/run/redis.sock' }).routes).toMatchObject([
      { protocol: 'raw', upstream: ['unix:/run/redis.sock'] },
    ]);
  });

  it('may say where, for whom, and how', () => {
    const config = configFromOptions({
      listen: '[::1]:8080',
      to: 'tls://broker.example.com:8883',
      protocol: 'mqtt',
      path: '/mqtt',
      origin: ['https://example.com', 'http://localhost:*'],
      sessions: true,
      subprotocol: ['mqttv5'],
    });
    expect(config.listen[0]?.address).toEqual({ host: '::1', port: 8080 });
    expect(config.routes).toMatchObject([
      {
        path: '/mqtt',
        origins: ['https://example.com', 'http://localhost:*'],
        sessions: true,
        subprotocols: ['mqttv5'],
      },
    ]);
  });

  it('may allow all pages', () => {
    expect(configFromOptions({ listen: '1', to: 'tcp://h:1', origin: ['*'] }).routes[0]?.origins).toBe('*');
  });

  it.each<[given: Partial<OneLineOptions>, message: string]>([
    [{ listen: '99999' }, '--listen must have a port from 0 to 65535, not "127.0.0.1:99999"'],
    [
      { listen: 'x' },
      '--listen must be an address and a port such as "127.0.0.1:8080", or ":8080" for all addresses, not "x"',
    ],
    [
      { to: 'localhost:61613' },
      '--to must be "tcp://HOST:PORT", "tls://HOST:PORT" or "unix:/PATH", not "localhost:61613"',
    ],
    [
      { protocol: 'stmop', path: 'x' },
      '--path must be a path such as "/mqtt", or "/mqtt/*" for all below it, not "x"',
    ],
    [{ protocol: 'stmop' }, '--protocol names no protocol that is known, "stmop": did you mean "stomp"?'],
    [
      { origin: ['example.com'] },
      '--origin must be an origin as browsers send it, such as "https://example.com", "https://*.example.com" or "http://localhost:*", not "example.com"',
    ],
    [{ subprotocol: ['a b'] }, '--subprotocol must be a token such as "v12.stomp", not "a b"'],
  ])('that is wrong names the option: %j', (given, message) => {
    const call = (): unknown => configFromOptions({ listen: '8080', to: 'tcp://h:1', ...given });
    expect(call).toThrow(new Failure(message));
  });
});
