import { deflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openByConnect } from '../peers/bothways-client.js';
import { startBothwaysServer } from '../peers/bothways-server.js';
import { clients, servers } from '../peers/catalogue.js';
import { attempt, said } from '../peers/conversations.mjs';
import { openTap, type Tapped } from '../peers/tap.js';
import { expected } from './expected.js';
import { Matrix } from './matrix.js';

// permessage-deflate (RFC 7692) with peers that let us choose every parameter, and with all others as they are.

const names = ['repeated', 'empty-text', 'large-text', 'unicode', 'ping-from-server'];
const fragments = ['fragments-from-client', 'fragments-from-server'];

/** A whole message of `repeated`, compressed by itself. */
const once = deflateRawSync(said.repeated).length;

interface Settings {
  readonly windowBits: number;
  readonly contextTakeover: boolean;
}

const SETTINGS: readonly Settings[] = [8, 9, 10, 11, 12, 13, 14, 15].flatMap((windowBits) =>
  [false, true].map((contextTakeover) => ({ windowBits, contextTakeover })),
);
const describeSettings = ({ windowBits, contextTakeover }: Settings): string =>
  `windowBits ${windowBits}, contextTakeover ${contextTakeover}`;

/** What was agreed on for one direction, read from the header field's value. */
function directionOf(extensions: string, end: 'server' | 'client'): Settings {
  const bits = new RegExp(`${end}_max_window_bits=(\\d+)`).exec(extensions)?.[1] ?? '15';
  return {
    windowBits: Number(bits),
    contextTakeover: !extensions.includes(`${end}_no_context_takeover`),
  };
}

/** Both messages of `repeated` are compressed, and the second refers to the first exactly where it may. */
function expectCompressed(bytes: number, { windowBits, contextTakeover }: Settings): void {
  // The message is 624 bytes long: a smaller window does not reach back to the first one.
  const refersBack = contextTakeover && windowBits >= 10;
  const overhead = 40; // frame headers, and the Close frame
  expect(bytes).toBeGreaterThan(refersBack ? once : 2 * once - overhead);
  expect(bytes).toBeLessThan(refersBack ? 1.4 * once + overhead : 2 * said.repeated.length * 0.8);
}

const tappedAt = (connections: readonly Tapped[], path: string): Tapped =>
  connections.find((connection) => connection.path === path) ?? expect.fail(`nothing went to ${path}`);

/** The sets of parameters that `ws` and python3-websockets are told, in the names of each. */
const PARAMETERS = [
  {},
  { serverNoContextTakeover: true },
  { clientNoContextTakeover: true },
  { serverNoContextTakeover: true, clientNoContextTakeover: true },
  { serverMaxWindowBits: 9 },
  { serverMaxWindowBits: 12, clientMaxWindowBits: 10 },
  { clientMaxWindowBits: 9 },
  { clientMaxWindowBits: 15, serverMaxWindowBits: 15 },
  {
    serverNoContextTakeover: true,
    clientNoContextTakeover: true,
    serverMaxWindowBits: 10,
    clientMaxWindowBits: 11,
  },
] as const;

const inSnakeCase = (parameters: object): object =>
  Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [
      name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  );
const optionsOf: Readonly<Record<string, (parameters: object) => object>> = {
  ws: (parameters) => ({ threshold: 0, ...parameters }),
  'python3-websockets': inSnakeCase,
};
const configurable = (name: string): boolean => name in optionsOf;

/** Clients that offer no compression as they are started here. */
const NONE_OFFERED: Readonly<Record<string, string>> = {
  'python3-autobahn': 'it makes no offer unless it is told to',
  Deno: 'Deno has no compression',
};

/** Servers that agree to none. */
const NONE_AGREED: Readonly<Record<string, string>> = {
  'python3-autobahn': 'it accepts no offer unless it is told to',
  Bun: 'perMessageDeflate is off unless asked for',
  Deno: 'Deno has no compression',
};

/** Clients that inflate, and send as it is what is said here. */
const SENDS_AS_IT_IS: Readonly<Record<string, string>> = {
  undici: 'undici compresses nothing',
  'Node 22': 'Node’s WebSocket is that of undici',
  'Node 24': 'Node’s WebSocket is that of undici',
  Bun: 'Bun compresses no short messages',
};

const atServer = new Matrix(
  'compression-clients',
  'Compression: clients of a Bothways server',
  SETTINGS.map(describeSettings),
);
const atClient = new Matrix(
  'compression-servers',
  'Compression: servers for a Bothways client',
  SETTINGS.map(describeSettings),
);

afterAll(async () => {
  await atServer.write();
  await atClient.write();
});

describe.each(clients)('$name as a client of a server that compresses', { timeout: 60_000 }, (client) => {
  const possible = [...names, ...fragments].filter((name) => !(name in client.cannot));

  /** @returns what was agreed on. */
  async function converse(settings: Settings, parameters?: object): Promise<string> {
    await using server = await startBothwaysServer({ threshold: 0, ...settings });
    await using tap = await openTap(Number(new URL(server.url).port));
    const url = `ws://127.0.0.1:${tap.port}/deflate`;
    await using peer = await client.start(url, possible, parameters);
    for (const name of possible) {
      const seen = await expected(name, { client: client.answersClose });
      expect(await peer.saw(`/deflate/${name}`)).toMatchObject(seen.client);
      expect(await server.saw(`/deflate/${name}`)).toMatchObject(seen.server);
    }
    const extensions = server.extensions('/deflate/repeated');
    expect(extensions === '').toBe(client.name in NONE_OFFERED);
    if (extensions === '') return extensions;
    const tapped = tappedAt(tap.connections, '/deflate/repeated');
    expectCompressed(tapped.bytesToClient, directionOf(extensions, 'server'));
    if (client.name in SENDS_AS_IT_IS) return extensions;
    expectCompressed(tapped.bytesToServer, directionOf(extensions, 'client'));
    return extensions;
  }

  const settings = configurable(client.name) || client.name === 'Chromium' ? SETTINGS : SETTINGS.slice(-2);
  test.each(settings.map((each) => [describeSettings(each), each] as const))('%s', (name, each) =>
    atServer.check(client.name, name, async () => {
      const extensions = await converse(each, optionsOf[client.name]?.({}));
      if (extensions === '') return;
      const agreed = directionOf(extensions, 'server');
      expect(agreed.contextTakeover).toBe(each.contextTakeover);
      expect(agreed.windowBits).toBeLessThanOrEqual(each.windowBits);
      // All of them offer client_max_window_bits without a value.
      const isNarrow = extensions.includes('client_max_window_bits');
      const clientBits = isNarrow ? Math.max(9, each.windowBits) : 15;
      expect(directionOf(extensions, 'client')).toEqual({ ...each, windowBits: clientBits });
      expect(isNarrow).toBe(each.windowBits < 15);
    }),
  );

  test.each(configurable(client.name) ? PARAMETERS.map((each) => [JSON.stringify(each), each] as const) : [])(
    'that is told %s',
    async (_, parameters) => {
      const options = optionsOf[client.name]!(parameters);
      const extensions = await converse({ windowBits: 15, contextTakeover: true }, options);
      const { serverNoContextTakeover: serverResets = false, clientNoContextTakeover: clientResets = false } =
        parameters as { serverNoContextTakeover?: boolean; clientNoContextTakeover?: boolean };
      const { serverMaxWindowBits = 15, clientMaxWindowBits = 15 } = parameters as {
        serverMaxWindowBits?: number;
        clientMaxWindowBits?: number;
      };
      expect(directionOf(extensions, 'server')).toEqual({
        windowBits: serverMaxWindowBits,
        contextTakeover: !serverResets,
      });
      expect(directionOf(extensions, 'client')).toEqual({
        windowBits: clientMaxWindowBits,
        contextTakeover: !clientResets,
      });
    },
  );
});

describe.each(servers)('$name as a server for a client that compresses', { timeout: 60_000 }, (server) => {
  const possible = [...names, ...fragments].filter((name) => !(name in server.cannot));

  async function converse(settings: Settings, target: Awaited<ReturnType<typeof server.start>>) {
    await using tap = await openTap(Number(new URL(target.url).port));
    let extensions = '';
    const open = openByConnect({ compression: { threshold: 0, ...settings } }, (socket) => {
      extensions = socket.extensions;
    });
    const path = `/${settings.windowBits}-${settings.contextTakeover}`;
    for (const name of possible) {
      const seen = await expected(name, { server: server.answersClose });
      expect(await attempt(open, `ws://127.0.0.1:${tap.port}${path}`, name)).toMatchObject(seen.client);
      expect(await target.saw(`${path}/${name}`)).toMatchObject(seen.server);
    }
    return { extensions, tapped: tappedAt(tap.connections, `${path}/repeated`) };
  }

  describe('as it is', () => {
    let target: Awaited<ReturnType<typeof server.start>>;

    beforeAll(async () => {
      target = await server.start(optionsOf[server.name]?.({}));
    });

    afterAll(() => target?.[Symbol.asyncDispose]());

    const settings = configurable(server.name) ? SETTINGS : SETTINGS.slice(-2);
    test.each(settings.map((each) => [describeSettings(each), each] as const))('%s', (name, each) =>
      atClient.check(server.name, name, async () => {
        const { extensions, tapped } = await converse(each, target);
        expect(extensions === '').toBe(server.name in NONE_AGREED);
        if (extensions === '') return;
        const own = directionOf(extensions, 'client');
        expectCompressed(tapped.bytesToServer, {
          windowBits: Math.min(own.windowBits, each.windowBits),
          contextTakeover: own.contextTakeover && each.contextTakeover,
        });
        expectCompressed(tapped.bytesToClient, directionOf(extensions, 'server'));
      }),
    );
  });

  test.each(configurable(server.name) ? PARAMETERS.map((each) => [JSON.stringify(each), each] as const) : [])(
    'that is told %s',
    async (_, parameters) => {
      await using target = await server.start(optionsOf[server.name]!(parameters));
      const { extensions, tapped } = await converse({ windowBits: 15, contextTakeover: true }, target);
      expect(extensions).toContain('permessage-deflate');
      const told = parameters as Readonly<Record<string, number | boolean>>;
      for (const end of ['server', 'client'] as const) {
        const agreed = directionOf(extensions, end);
        expect(agreed.contextTakeover).toBe(told[`${end}NoContextTakeover`] !== true);
        expect(agreed.windowBits).toBe(told[`${end}MaxWindowBits`] ?? 15);
        expectCompressed(end === 'server' ? tapped.bytesToClient : tapped.bytesToServer, agreed);
      }
    },
  );
});
