import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Carrier } from './carriers.js';
import { type ChromiumClients, startChromium } from './chromium.js';
import type { ClientName } from './clients/index.js';
import { runCell, WAYS, type Way } from './matrix.js';
import { type Servers, startServers } from './servers.js';

// The short form of `npm run interop:gateway`: each server, and each protocol in Chromium and by a session once.

let servers: Servers | undefined;
let chromium: ChromiumClients | undefined;

beforeAll(async () => {
  servers = await startServers();
  chromium = await startChromium();
}, 90_000);

afterAll(async () => {
  await chromium?.[Symbol.asyncDispose]();
  await servers?.[Symbol.asyncDispose]();
});

test.each<[client: ClientName, server: string, platform: Way['platform'], carrier: Carrier]>([
  ['stomp', 'RabbitMQ', 'Node', 'websocket'],
  ['stomp', 'RabbitMQ', 'Chromium', 'websocket'],
  ['stomp', 'RabbitMQ', 'Chromium', 'long-polling'],
  ['amqp-0-9-1', 'RabbitMQ', 'Node', 'websocket'],
  ['amqp-0-9-1', 'RabbitMQ', 'Chromium', 'websocket'],
  ['amqp-0-9-1', 'RabbitMQ', 'Node', 'long-polling'],
  ['amqp-1.0', 'RabbitMQ', 'Node', 'websocket'],
  ['amqp-1.0', 'RabbitMQ', 'Chromium', 'websocket'],
  ['amqp-1.0', 'RabbitMQ', 'Node', 'long-polling'],
  ['mqtt-3.1.1', 'RabbitMQ', 'Node', 'websocket'],
  ['mqtt-3.1.1', 'Mosquitto', 'Node', 'websocket'],
  ['mqtt-5', 'Mosquitto', 'Chromium', 'websocket'],
  ['mqtt-5', 'Mosquitto', 'Chromium', 'long-polling'],
  ['xmpp', 'Prosody', 'Node', 'websocket'],
  ['xmpp', 'Prosody', 'Chromium', 'websocket'],
  // In this page the global class is that of sessions, and they find the platform's.
  ['xmpp', 'Prosody', 'Chromium', 'session'],
  ['xmpp', 'Prosody', 'Node', 'long-polling'],
  ['redis', 'Redis', 'Node', 'websocket'],
  ['redis', 'Redis', 'Chromium', 'websocket'],
  ['redis', 'Redis', 'Node', 'long-polling'],
])('through the gateway, %s talks to %s from %s by %s', { timeout: 120_000 }, async (...names) => {
  const [client, server, platform, carrier] = names;
  const target = servers!.targets.find((each) => each.server === server && each.client === client)!;
  const way = WAYS.find(
    (each) => each.isByGateway && each.platform === platform && each.carrier === carrier,
  )!;
  const cell = await runCell(target, way, chromium!);
  expect(cell?.problems).toEqual([]);
});
