import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as openClient } from 'bothways';
import mqtt from 'mqtt';
import { afterEach, describe, expect, it } from 'vitest';
import { startEchoServer } from './echo-server.js';
import { TestCommand } from '../../test-command.js';
import { startMqttServer } from './mqtt-server.js';
import type { TcpServer } from './tcp-server.js';

let ends: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of ends.toReversed()) await end();
  ends = [];
});

async function started(part: Promise<TcpServer>): Promise<TcpServer> {
  const there = await part;
  ends.push(() => there.close());
  return there;
}

/** The types of mqtt's emitter are its own. */
async function heard(client: mqtt.MqttClient, event: 'message' | 'close'): Promise<unknown[]> {
  return once(client as unknown as NodeJS.EventEmitter, event);
}

async function mqttClient(url: string): Promise<mqtt.MqttClient> {
  const client = await mqtt.connectAsync(url.replace('tcp', 'mqtt'), { reconnectPeriod: 0 });
  ends.push(() => client.endAsync(true));
  return client;
}

describe('the echo server of the demonstration', () => {
  it('sends every byte back', async () => {
    const { url } = await started(startEchoServer());
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.end(Buffer.alloc(1_000_000, 7));
    let length = 0;
    for await (const bytes of socket) length += (bytes as Buffer).length;
    expect(length).toBe(1_000_000);
  });

  it('cuts its connections when it is closed', async () => {
    const server = await startEchoServer();
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.write('Are you there?');
    await once(socket, 'data');
    const cut = once(socket, 'close');
    await server.close();
    await cut;
    expect(socket.destroyed).toBe(true);
  });
});

describe('the MQTT broker of the demonstration', () => {
  it('hands on what is published, and keeps what is retained', async () => {
    const { url } = await started(startMqttServer());
    const [ada, eve] = [await mqttClient(url), await mqttClient(url)];
    await ada.publishAsync('demo/kept', 'Kept', { retain: true, qos: 1 });
    const kept = heard(eve, 'message');
    await eve.subscribeAsync('demo/#', { qos: 1 });
    expect(String((await kept)[1])).toBe('Kept');
    const now = heard(eve, 'message');
    await ada.publishAsync('demo/now', 'Now', { qos: 2 });
    expect(String((await now)[1])).toBe('Now');
  });

  it('keeps no session of who is gone', async () => {
    const { url } = await started(startMqttServer());
    const client = mqtt.connect(url.replace('tcp', 'mqtt'), {
      clean: false,
      clientId: 'stays',
      reconnectPeriod: 0,
    });
    ends.push(() => client.endAsync(true));
    await heard(client, 'close');
    expect(client.connected).toBe(false);
  });

  it('refuses the 65th subscription of a client, until it has ended one', async () => {
    const { url } = await started(startMqttServer());
    const client = await mqttClient(url);
    for (let index = 0; index < 64; index++) await client.subscribeAsync(`demo/${index}`);
    await expect(client.subscribeAsync('demo/more')).rejects.toThrow('Unspecified error');
    await client.unsubscribeAsync('demo/0');
    expect(await client.subscribeAsync('demo/more')).toHaveLength(1);
  });

  it.each([
    ['a topic of the broker', '$SYS/x', 'a'],
    ['what is too large', 'demo', 'a'.repeat(70_000)],
  ])('cuts who publishes to %s', async (_what, topic, payload) => {
    const { url } = await started(startMqttServer());
    const client = await mqttClient(url);
    const cut = heard(client, 'close');
    client.publish(topic, payload);
    await cut;
    expect(client.connected).toBe(false);
  });
});

describe('the demonstration', () => {
  it('has a page at / that knows what it is for, and an echo behind its gateway', async () => {
    await using command = new TestCommand(['gateway', '--demo', '--listen', '0']);
    const address = await command.address();
    const page = await fetch(`http://${address}`);
    expect(page.url).toBe(`http://${address}gateway`);
    expect(await page.text()).toContain('<div id="app">');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await (await fetch(`http://${address}server.json`)).json()).toEqual({ views: ['gateway'] });

    const socket = await openClient(`ws://${address}echo`);
    socket.send(Buffer.from('There and back'));
    const { value } = await socket[Symbol.asyncIterator]().next();
    expect(String(value)).toBe('There and back');
    socket.close();
  });
});
