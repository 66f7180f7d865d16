import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BothwaysServer, startBothwaysServer } from '../peers/bothways-server.js';
import { clients, type RunningPeer } from '../peers/catalogue.js';
import { conversationNames } from '../peers/conversations.mjs';
import { expected } from './expected.js';
import { Matrix } from './matrix.js';

const matrix = new Matrix('clients', 'Clients of a Bothways server', conversationNames);
let server: BothwaysServer;

beforeAll(async () => {
  server = await startBothwaysServer();
});

afterAll(async () => {
  await matrix.write();
  await server[Symbol.asyncDispose]();
});

describe.each(clients)('$name as a client of a Bothways server', { timeout: 30_000 }, (client) => {
  const { cannot } = client;
  const possible = conversationNames.filter((name) => !(name in cannot));
  const path = `/${encodeURIComponent(client.name)}`;
  for (const [name, why] of Object.entries(cannot)) matrix.notPossible(client.name, name, why);
  let peer: RunningPeer;

  beforeAll(async () => {
    peer = await client.start(`${server.url}${path}`, possible);
  }, 30_000);

  afterAll(() => peer?.[Symbol.asyncDispose]());

  test.each(possible)('%s', (name) =>
    matrix.check(client.name, name, async () => {
      const { client: atClient, server: atServer } = await expected(name, { client: client.answersClose });
      expect(await peer.saw(`${path}/${name}`)).toMatchObject(atClient);
      expect(await server.saw(`${path}/${name}`)).toMatchObject(atServer);
    }),
  );
});
