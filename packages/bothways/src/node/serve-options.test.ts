import { createServer } from 'node:http';
import { describe, expect, it } from 'vitest';
import type { Handlers } from './handlers.js';
import type { ServeOptions } from './options.js';
import { serve } from './server.js';
import { start } from './test-server.js';

const MS = 'a whole number of milliseconds from 0 to 2147483647';
const BYTES = 'a positive whole number of bytes';
const COUNT = 'a positive whole number or Infinity';

const KEPT = { messages: 1, age: 1 };

const WRONG: readonly (readonly [name: string, values: readonly unknown[], allowed: string])[] = [
  ['port', [-1, 65_536, 1.5, '80', NaN, null], 'a TCP port from 0 to 65535'],
  ['host', ['', 1, null], 'a string that is not empty'],
  ['server', [{}, null, 8080, 'http'], 'a server made by node:http, node:https or node:http2'],
  ['path', ['', 'live', '/a?b', '/a#b', '/a b', 1, null], 'a path that begins with "/" and has no query'],
  ['tls', [true, 'cert', null, [], {}, { ca: 'cert' }], 'an object with a certificate'],
  ['compression', [1, 'yes', null, []], 'true, false, or an object'],
  ['protocols', ['chat', [''], ['a b'], ['a,b'], [1], null], 'a list of tokens'],
  ['origins', ['https://example.com', true, {}, null], '"*", or a list of origins'],
  ['accept', [true, {}, null], 'a function'],
  ['broker', [true, {}, null, { open() {}, close() {} }], 'a broker, such as clusterBroker()'],
  ['maxConnections', [0, -1, 1.5, '1', NaN, null], COUNT],
  ['maxConnectionsPerAddress', [0, -1, 1.5, '1', NaN, null], COUNT],
  ['maxMessageSize', [0, -1, 1.5, '1', Infinity, NaN, null], BYTES],
  ['highWaterMark', [0, -1, 1.5, '1', Infinity, null], BYTES],
  ['maxBufferedBytes', [0, -1, 1.5, '1', Infinity, null], BYTES],
  ['pingInterval', [-1, '1', Infinity, NaN, 2 ** 31, null], MS],
  ['pingTimeout', [-1, '1', Infinity, NaN, 2 ** 31, null], MS],
  ['idleTimeout', [-1, '1', Infinity, NaN, 2 ** 31, null], MS],
  ['closeTimeout', [-1, '1', Infinity, NaN, 2 ** 31, null], MS],
  ['handshakeTimeout', [-1, '1', Infinity, NaN, 2 ** 31, null], MS],
  ['presenceGrace', [-1, '1', Infinity, NaN, 2 ** 31, null], MS],
  [
    'history',
    [
      true,
      null,
      { a: true },
      { 'a+': KEPT },
      { '': KEPT },
      { a: { ...KEPT, messages: 0 } },
      { a: { ...KEPT, messages: 10_001 } },
      { a: { ...KEPT, age: 0 } },
      { a: { ...KEPT, age: 86_400_001 } },
      { a: { messages: 1 } },
      { a: { ...KEPT, encode: true } },
      { a: { ...KEPT, size: 1 } },
    ],
    'an object of filters, each with { messages: 1 to 10,000, age: milliseconds up to a day }',
  ],
];

const CASES = WRONG.flatMap(([name, values, allowed]) =>
  values.map((value) => [name, value, allowed] as const),
);

async function refusalOf(options: object, handlers: object = {}): Promise<Error> {
  const started = serve(options as ServeOptions, handlers as Handlers);
  return started.then(
    async (server) => {
      await server.close({ timeout: 0 });
      return new Error('The options were taken');
    },
    (error: Error) => error,
  );
}

describe('The options of serve()', () => {
  it.each(CASES)('refuse %s: %j with what is allowed', async (name, value, allowed) => {
    const others = ['port', 'server'].includes(name) ? {} : { port: 0 };
    const error = await refusalOf({ ...others, [name]: value });
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toContain(`'${name}' must be ${allowed}`);
  });

  it('refuse a history beside a broker that keeps none, and say what to do', async () => {
    const names = ['open', 'subscribe', 'unsubscribe', 'publish', 'close'];
    const broker = Object.fromEntries(names.map((name) => [name, () => {}]));
    const error = await refusalOf({ port: 0, broker, history: { a: KEPT } });
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toContain("'history' needs a broker that keeps it: redisBroker()");
  });

  it('refuse an origin that can never match, by name', async () => {
    const error = await refusalOf({ port: 0, origins: ['https://example.com/path'] });
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toContain('"origins"');
    expect(error.message).toContain('https://example.com/path');
  });

  it('refuse what is not an option and list what is', async () => {
    const error = await refusalOf({ port: 0, maxMessage: 1 });
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toContain("'maxMessage'");
    expect(error.message).toContain('maxMessageSize');
  });

  it('refuse what only the prototype of an object has', async () => {
    const error = await refusalOf({ port: 0, constructor: 1 });
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toContain("'constructor'");
  });

  it('refuse a port beside a server', async () => {
    const error = await refusalOf({ port: 0, server: createServer() });
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toMatch(/'port' and 'server'/);
  });

  it.each([{ tls: { cert: 'cert' } }, { host: '127.0.0.1' }])('refuse %j without a port', async (options) => {
    const error = await refusalOf(options);
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toMatch(/'tls' and 'host' need the option 'port'/);
  });

  it('count undefined as left out', async () => {
    const server = await start({ path: undefined, origins: undefined, maxConnections: undefined });
    expect(server.port).toBeGreaterThan(0);
  });

  it('may have every limit at its border', async () => {
    const none = { pingInterval: 0, pingTimeout: 0, idleTimeout: 0, closeTimeout: 0, handshakeTimeout: 0 };
    const server = await start({ ...none, maxMessageSize: 1, maxConnections: Infinity, port: 0 });
    expect(server.port).toBeGreaterThan(0);
  });
});

describe('The handler object', () => {
  it.each(['open', 'message', 'drain', 'ping', 'pong', 'close', 'error'])(
    'must have a function as %s',
    async (name) => {
      const error = await refusalOf({ port: 0 }, { [name]: true });
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toContain(`'${name}' must be a function`);
    },
  );

  it('must not have a name that is never called', async () => {
    const error = await refusalOf({ port: 0 }, { connection() {} });
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toContain("'connection'");
  });
});
