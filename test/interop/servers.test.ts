import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bothwaysClients } from '../peers/bothways-client.js';
import { servers } from '../peers/catalogue.js';
import { attempt, conversationNames } from '../peers/conversations.mjs';
import { expected } from './expected.js';
import { Matrix } from './matrix.js';

const matrix = new Matrix('servers', 'Servers for a Bothways client', conversationNames);
const clientCannot: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  WebSocket: {
    'fragments-from-client': 'the WHATWG interface cannot send fragments',
    'ping-from-client': 'the WHATWG interface cannot ping',
  },
};

afterAll(() => matrix.write());

describe.each(servers)('$name as a server', { timeout: 30_000 }, (server) => {
  let peer: Awaited<ReturnType<typeof server.start>>;

  beforeAll(async () => {
    peer = await server.start();
  }, 30_000);

  afterAll(() => peer?.[Symbol.asyncDispose]());

  describe.each(Object.entries(bothwaysClients))('for %s', (form, open) => {
    const cannot = { ...clientCannot[form], ...server.cannot };
    const column = `${server.name}, ${form}`;
    const path = `/${encodeURIComponent(form)}`;
    for (const [name, why] of Object.entries(cannot)) matrix.notPossible(column, name, why);

    test.each(conversationNames.filter((name) => !(name in cannot)))('%s', (name) =>
      matrix.check(column, name, async () => {
        const { client: atClient, server: atServer } = await expected(name, { server: server.answersClose });
        expect(await attempt(open, `${peer.url}${path}`, name)).toMatchObject(atClient);
        expect(await peer.saw(`${path}/${name}`)).toMatchObject(atServer);
      }),
    );
  });
});
