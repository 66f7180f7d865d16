import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BrokerServer, startRedis } from '../peers/brokers.js';
import { type Mosquitto, startMosquitto } from '../peers/mosquitto.js';
import { type Prosody, startProsody } from '../peers/prosody.js';
import { type RabbitMq, startRabbitMq } from '../peers/rabbitmq.js';
import { type Peer, start, temporaryDirectory } from '../peers/start.js';
import type { ClientName } from './clients/index.js';

/** A server that a client can be connected with, by the gateway and perhaps without it. */
export interface Target {
  readonly server: string;
  readonly client: ClientName;
  readonly user: string;
  readonly password: string;
  /** The subprotocol that they agree on. */
  readonly protocol: string;
  /** Where the gateway has it. */
  readonly gatewayUrl: string;
  /** Its own listener for WebSockets, if it has one. */
  readonly ownUrl?: string;
}

export interface Servers extends AsyncDisposable {
  readonly targets: readonly Target[];
}

const PASSWORD = 'secret';

/** RabbitMQ, Mosquitto, Prosody and Redis, and one gateway in front of them all. */
export async function startServers(): Promise<Servers> {
  const running: AsyncDisposable[] = [];
  const stop = async () => {
    for (const each of running.splice(0).toReversed()) await each[Symbol.asyncDispose]();
  };
  const keep = async <Server extends AsyncDisposable>(starting: Promise<Server>): Promise<Server> => {
    const server = await starting;
    running.push(server);
    return server;
  };
  try {
    const started = await Promise.allSettled([
      keep(startRabbitMq()),
      keep(startMosquitto()),
      keep(startProsody()),
      keep(startRedis(['--requirepass', PASSWORD])),
    ]);
    const failure = started.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
    if (failure !== undefined) throw failure.reason;
    const [rabbitMq, mosquitto, prosody, redis] = started.map(
      (each) => (each as PromiseFulfilledResult<unknown>).value,
    ) as [RabbitMq, Mosquitto, Prosody, BrokerServer];
    const gateway = await keep(startGateway(rabbitMq, mosquitto, prosody, redis));
    const targets = targetsOf(gateway.url, rabbitMq, mosquitto, prosody);
    return { targets, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function targetsOf(
  gateway: string,
  rabbitMq: RabbitMq,
  mosquitto: Mosquitto,
  prosody: Prosody,
): readonly Target[] {
  const ofRabbitMq = { server: 'RabbitMQ', user: 'guest', password: 'guest' };
  const ofMosquitto = {
    server: 'Mosquitto',
    user: 'anybody',
    password: PASSWORD,
    protocol: 'mqtt',
    gatewayUrl: `${gateway}/mosquitto`,
    ownUrl: mosquitto.webSocketUrl,
  };
  return [
    {
      ...ofRabbitMq,
      client: 'stomp',
      protocol: 'v12.stomp',
      gatewayUrl: `${gateway}/rabbitmq/stomp`,
      ownUrl: rabbitMq.webStompUrl,
    },
    { ...ofRabbitMq, client: 'amqp-0-9-1', protocol: '', gatewayUrl: `${gateway}/rabbitmq/amqp` },
    { ...ofRabbitMq, client: 'amqp-1.0', protocol: 'amqp', gatewayUrl: `${gateway}/rabbitmq/amqp` },
    {
      ...ofRabbitMq,
      client: 'mqtt-3.1.1',
      protocol: 'mqtt',
      gatewayUrl: `${gateway}/rabbitmq/mqtt`,
      ownUrl: rabbitMq.webMqttUrl,
    },
    { ...ofMosquitto, client: 'mqtt-3.1.1' },
    { ...ofMosquitto, client: 'mqtt-5' },
    {
      server: 'Prosody',
      client: 'xmpp',
      user: 'alice',
      password: PASSWORD,
      protocol: 'xmpp',
      gatewayUrl: `${gateway}/prosody`,
      ownUrl: prosody.webSocketUrl,
    },
    {
      server: 'Redis',
      client: 'redis',
      user: 'default',
      password: PASSWORD,
      protocol: '',
      gatewayUrl: `${gateway}/redis`,
    },
  ];
}

/** `bothways gateway`, as an operator starts it. @returns its URL, `ws://127.0.0.1:PORT`. */
async function startGateway(
  rabbitMq: RabbitMq,
  mosquitto: Mosquitto,
  prosody: Prosody,
  redis: BrokerServer,
): Promise<{ url: string } & AsyncDisposable> {
  const config = {
    listen: { address: '127.0.0.1:0' },
    log: { access: false },
    routes: [
      route('/rabbitmq/stomp', 'stomp', rabbitMq.stompPort),
      route('/rabbitmq/amqp', 'amqp', rabbitMq.amqpPort),
      route('/rabbitmq/mqtt', 'mqtt', rabbitMq.mqttPort),
      route('/mosquitto', 'mqtt', mosquitto.port),
      route('/prosody', 'xmpp', prosody.port),
      route('/redis', 'raw', redis.port),
    ],
  };
  const directory = await temporaryDirectory();
  let gateway: Peer | undefined;
  const stop = async () => {
    await gateway?.stop();
    await directory[Symbol.asyncDispose]();
  };
  try {
    const file = join(directory.path, 'gateway.yaml');
    // JSON is YAML.
    await writeFile(file, JSON.stringify(config));
    gateway = start({
      name: 'gateway',
      command: process.execPath,
      args: [join(process.cwd(), 'packages/cli/bin/bothways.js'), 'gateway', file],
      install: 'npm run build',
    });
    const url = await gateway.line('its URL', (line) => /^Listening: http(:\S+?)\/?$/.exec(line)?.[1]);
    return { url: `ws${url}`, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

const route = (path: string, protocol: string, port: number) => ({
  path,
  protocol,
  upstream: `tcp://127.0.0.1:${port}`,
  sessions: true,
  // The page is from a server of its own.
  origins: '*',
});
