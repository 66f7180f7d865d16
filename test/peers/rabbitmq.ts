import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePorts, type Peer, start, temporaryDirectory } from './start.js';

/** A RabbitMQ of this machine, with the account `guest`, `guest`, and nothing in it. */
export interface RabbitMq extends AsyncDisposable {
  /** AMQP 0-9-1 and AMQP 1.0, by TCP. */
  readonly amqpPort: number;
  /** STOMP by TCP. */
  readonly stompPort: number;
  /** MQTT 3.1.1 by TCP. */
  readonly mqttPort: number;
  /** Its own listener for STOMP over WebSocket. */
  readonly webStompUrl: string;
  /** Its own listener for MQTT over WebSocket. */
  readonly webMqttUrl: string;
}

const INSTALL = 'apt-get install -y --no-install-recommends rabbitmq-server';
const PLUGINS = ['rabbitmq_stomp', 'rabbitmq_web_stomp', 'rabbitmq_amqp1_0'];
const MQTT_PLUGINS = ['rabbitmq_mqtt', 'rabbitmq_web_mqtt'];

/**
 * RabbitMQ 3.10, by the names that Erlang needs on this machine alone: it has a port mapper (epmd) of its own. It takes
 * 8 s to start where nothing else runs, and 4 s without MQTT, which looks for other nodes.
 *
 * @param hasMqtt whether anything listens for MQTT.
 */
export async function startRabbitMq({ hasMqtt = true } = {}): Promise<RabbitMq> {
  const directory = await temporaryDirectory();
  const peers: Peer[] = [];
  const stop = async () => {
    // The broker first: it tells the port mapper that it goes.
    for (const peer of peers.toReversed()) await peer.stop();
    await directory[Symbol.asyncDispose]();
  };
  try {
    const [epmd, amqp, distribution, stomp, mqtt, webStomp, webMqtt] = (await freePorts(7)) as SevenPorts;
    const mapper = start({
      name: 'epmd',
      command: '/usr/bin/epmd',
      // It stays in the foreground, and says what it does.
      args: ['-d', '-d', '-port', String(epmd), '-address', '127.0.0.1'],
      install: INSTALL,
    });
    peers.push(mapper);
    await mapper.line('its port', (line) => line.includes('entering the main select() loop') || undefined);

    const files = await writeFiles(directory.path, {
      amqp,
      stomp,
      webStomp,
      ...(hasMqtt && { mqtt, webMqtt }),
    });
    const broker = start({
      name: 'rabbitmq',
      command: '/usr/lib/rabbitmq/bin/rabbitmq-server',
      args: [],
      install: INSTALL,
      env: {
        ...files,
        RABBITMQ_NODE_PORT: String(amqp),
        RABBITMQ_DIST_PORT: String(distribution),
        ERL_EPMD_PORT: String(epmd),
        ...ALIKE,
      },
      secondsToAnswer: 60,
    });
    peers.push(broker);
    await broker.line('its start', (line) => line.includes('Server startup complete') || undefined);
    return {
      amqpPort: amqp,
      stompPort: stomp,
      mqttPort: mqtt,
      webStompUrl: `ws://127.0.0.1:${webStomp}/ws`,
      webMqttUrl: `ws://127.0.0.1:${webMqtt}/ws`,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

type SevenPorts = [number, number, number, number, number, number, number];

/** What its environment says wherever it runs. */
const ALIKE = {
  RABBITMQ_NODENAME: 'rabbit@localhost',
  RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
  ERL_EPMD_ADDRESS: '127.0.0.1',
  RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
  // Then the process that is started is the broker, and no shell that has the broker as its child.
  RUNNING_UNDER_SYSTEMD: '1',
};

interface Listeners {
  readonly amqp: number;
  readonly stomp: number;
  readonly webStomp: number;
  readonly mqtt?: number;
  readonly webMqtt?: number;
}

/** Its files and folders, all in one directory. @returns the environment that names them. */
async function writeFiles(directory: string, listeners: Listeners): Promise<Record<string, string>> {
  const inside = (name: string) => join(directory, name);
  for (const name of ['home', 'mnesia', 'log', 'plugins']) await mkdir(inside(name));
  const { amqp, stomp, webStomp, mqtt, webMqtt } = listeners;
  const plugins = mqtt === undefined ? PLUGINS : [...PLUGINS, ...MQTT_PLUGINS];
  await writeFile(inside('enabled_plugins'), `[${plugins.join(',')}].\n`);
  await writeFile(
    inside('rabbitmq.conf'),
    `listeners.tcp.1 = 127.0.0.1:${amqp}
stomp.listeners.tcp.1 = 127.0.0.1:${stomp}
web_stomp.tcp.ip = 127.0.0.1
web_stomp.tcp.port = ${webStomp}
# In a text message, as it sends them unless told, a body of bytes breaks the connection.
web_stomp.ws_frame = binary
log.console = true
${mqtt === undefined ? '' : mqttSettings(mqtt, webMqtt!)}`,
  );
  return {
    HOME: inside('home'),
    RABBITMQ_MNESIA_BASE: inside('mnesia'),
    RABBITMQ_LOG_BASE: inside('log'),
    // Without its .conf.
    RABBITMQ_CONFIG_FILE: inside('rabbitmq'),
    RABBITMQ_ENABLED_PLUGINS_FILE: inside('enabled_plugins'),
    RABBITMQ_PLUGINS_EXPAND_DIR: inside('plugins'),
    RABBITMQ_FEATURE_FLAGS_FILE: inside('feature_flags'),
    RABBITMQ_PID_FILE: inside('rabbitmq.pid'),
  };
}

/** Without the plugins it does not know these, and does not start. */
function mqttSettings(mqtt: number, webMqtt: number): string {
  return `mqtt.listeners.tcp.1 = 127.0.0.1:${mqtt}
web_mqtt.tcp.ip = 127.0.0.1
web_mqtt.tcp.port = ${webMqtt}
`;
}
