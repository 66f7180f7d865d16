import type { JetStreamClient } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { ServeOptions } from 'bothways';
import { natsBroker } from 'bothways/nats';
import { redisBroker } from 'bothways/redis';
import { Failure, reasonOf } from './failure.js';

/** What carries topics to other servers, and what to close after the server that uses it. */
export interface CarriedTopics {
  readonly broker: NonNullable<ServeOptions['broker']>;
  close(): Promise<void>;
}

/** How long Redis or NATS may take to answer, milliseconds. */
const TIMEOUT = 5_000;
const NO_ANSWER = 'no answer came within 5 seconds';

/**
 * Connects to the Redis or NATS of an address, so that what is wrong is known before anything listens.
 *
 * @throws {Failure} in one line, without the password that the address may have.
 */
export async function openBroker(address: string): Promise<CarriedTopics> {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const open = OPEN[url?.protocol ?? ''];
  if (url === undefined || open === undefined || url.host === '') {
    throw new Failure(
      'Cannot use that broker: give its address as redis://HOST, rediss://HOST or nats://HOST.',
    );
  }
  const shown = `${url.protocol}//${url.host}${url.pathname}`;
  try {
    return await open(url);
  } catch (error) {
    const isLate = error instanceof Error && error.name === 'TimeoutError';
    const reason = isLate ? NO_ANSWER : reasonOf(error).replace(/\.$/, '');
    if (isRefusal(error)) {
      const why =
        url.username + url.password === '' ? 'wants a user and a password' : 'refuses this user and password';
      throw new Failure(
        `The broker ${shown} ${why}: put those that it knows into its address, as ${url.protocol}//USER:PASSWORD@HOST.`,
      );
    }
    throw new Failure(
      `Cannot reach the broker ${shown}: ${reason}. Check the address, and that it runs there.`,
    );
  }
}

const OPEN: Readonly<Record<string, (url: URL) => Promise<CarriedTopics>>> = {
  'redis:': openRedis,
  'rediss:': openRedis,
  'nats:': openNats,
};

async function openRedis(url: URL): Promise<CarriedTopics> {
  const { createClient } = await import('redis');
  // The broker opens connections of its own, and again; this one only asks.
  const socket = { reconnectStrategy: false, connectTimeout: TIMEOUT } as const;
  const client = createClient({ url: url.href, socket });
  // It is told by what rejects, too.
  client.on('error', () => {});
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(NO_ANSWER)), TIMEOUT);
  });
  try {
    await Promise.race([client.connect().then(() => client.ping()), late]);
  } finally {
    clearTimeout(timer);
    if (client.isOpen) client.destroy();
  }
  return { broker: redisBroker(client), close: async () => {} };
}

async function openNats(url: URL): Promise<CarriedTopics> {
  const { connect } = await import('@nats-io/transport-node');
  const [user, pass] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  const connection = await connect({
    servers: url.host,
    ...(user === '' ? {} : pass === '' ? { token: user } : { user, pass }),
    timeout: TIMEOUT,
    maxReconnectAttempts: -1,
    pingInterval: 10_000,
  });
  const broker = natsBroker(connection, { jetstream: await jetstreamOf(connection) });
  return { broker, close: () => connection.close() };
}

/** JetStream, if this NATS has it and this user may use it: it tells which server was the first to open a session. */
async function jetstreamOf(connection: NatsConnection): Promise<JetStreamClient | undefined> {
  if (connection.info?.jetstream !== true) return undefined;
  const { jetstream } = await import('@nats-io/jetstream');
  const client = jetstream(connection, { timeout: TIMEOUT });
  try {
    await client.jetstreamManager();
    return client;
  } catch {
    return undefined;
  }
}

/** Whether the server is there, and wants a user and a password, or others. */
function isRefusal(error: unknown): boolean {
  return (
    error instanceof Error &&
    (error.name === 'AuthorizationError' || /^(?:NOAUTH|WRONGPASS) /.test(error.message))
  );
}
