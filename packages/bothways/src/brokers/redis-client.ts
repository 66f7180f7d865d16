import { isObject } from '../protocol/options.js';

/** What a broker needs to know a client of the package `redis` by (node-redis 4.6 and later). */
export interface NodeRedisClient {
  readonly isPubSubActive: boolean;
  readonly pSubscribe: unknown;
  duplicate(): unknown;
}

/** What a broker needs to know a client of the package `ioredis` by (5 and later). */
export interface IoRedisClient {
  readonly status: string;
  readonly psubscribe: unknown;
  duplicate(): unknown;
}

/** A client of either package. */
export type RedisClient = NodeRedisClient | IoRedisClient;

/** By their names (SUBSCRIBE), or all that match a glob (PSUBSCRIBE). */
export type ChannelKind = 'channel' | 'pattern';

/** What a connection tells, from when it is made. */
export interface RedisConnectionEvents {
  /** A message of a channel that was subscribed to, once for each name and each pattern. */
  receive(channel: Buffer, bytes: Buffer): void;
  /** It has ended or never came to be: no command is answered any more. It may be told several times. */
  lost(error: unknown): void;
}

/**
 * One TCP connection to Redis, however the client's package does it. It is never opened again, so that nothing is sent
 * again behind the broker's back. Every promise may be left pending when it is lost.
 */
export interface RedisConnection {
  /** Fulfilled when commands can be sent. */
  readonly opened: Promise<unknown>;
  publish(channel: string, bytes: Buffer): Promise<unknown>;
  subscribe(kind: ChannelKind, names: string[]): Promise<unknown>;
  unsubscribe(kind: ChannelKind, names: string[]): Promise<unknown>;
  ping(): Promise<unknown>;
  /** Any other command. */
  command(name: string, ...parameters: (string | Buffer)[]): Promise<unknown>;
  /** The same, but the texts of its answer are bytes. */
  commandForBytes(name: string, ...parameters: (string | Buffer)[]): Promise<unknown>;
  destroy(): void;
}

/** @throws {TypeError} for what is no client of either package, and for a cluster. */
export function checkRedisClient(client: unknown): asserts client is RedisClient {
  if (isNodeRedis(client) || isIoRedis(client)) return;
  throw new TypeError(
    "redisBroker() takes a client: createClient() of the package 'redis', 4.6 or later, or new Redis() of 'ioredis', 5 or later, and none of a cluster",
  );
}

/** Opens a connection with the client's own options: address, TLS, user, Sentinel, and so on. */
export function openRedisConnection(client: RedisClient, events: RedisConnectionEvents): RedisConnection {
  return isNodeRedis(client) ? openNodeRedis(client, events) : openIoRedis(client, events);
}

function isNodeRedis(client: unknown): client is NodeRedisClient {
  return (
    isObject(client) &&
    typeof (client as NodeRedisClient).pSubscribe === 'function' &&
    typeof (client as NodeRedisClient).duplicate === 'function' &&
    typeof (client as NodeRedisClient).isPubSubActive === 'boolean'
  );
}

function isIoRedis(client: unknown): client is IoRedisClient {
  return (
    isObject(client) &&
    typeof (client as IoRedisClient).psubscribe === 'function' &&
    typeof (client as IoRedisClient).duplicate === 'function' &&
    typeof (client as IoRedisClient).status === 'string' &&
    (client as { isCluster?: boolean }).isCluster !== true
  );
}

type Listener = (bytes: Buffer, channel: Buffer) => void;

interface NodeRedis {
  readonly options?: { readonly socket?: object };
  duplicate(overrides: object): NodeRedis;
  on(event: string, listener: (error?: unknown) => void): void;
  connect(): Promise<unknown>;
  sendCommand(args: readonly (string | Buffer)[], options?: object): Promise<unknown>;
  subscribe(names: string[], listener: Listener, areBuffers: true): Promise<unknown>;
  pSubscribe(patterns: string[], listener: Listener, areBuffers: true): Promise<unknown>;
  unsubscribe(names: string[]): Promise<unknown>;
  pUnsubscribe(patterns: string[]): Promise<unknown>;
  destroy?(): void;
  /** Of version 4, in place of `destroy`. */
  disconnect(): Promise<unknown>;
}

function openNodeRedis(original: NodeRedisClient, events: RedisConnectionEvents): RedisConnection {
  const { options } = original as unknown as NodeRedis;
  const client = (original as unknown as NodeRedis).duplicate({
    socket: { ...options?.socket, reconnectStrategy: false, socketTimeout: undefined },
    disableOfflineQueue: true,
    commandsQueueMaxLength: undefined,
    // By default, each command would have a timer of its own.
    commandOptions: { timeout: undefined },
    pingInterval: 0,
    clientSideCache: undefined,
    emitInvalidate: false,
    // They move a connection to another server while it is open.
    maintNotifications: 'disabled',
    legacyMode: false,
  });
  client.on('error', (error) => events.lost(error));
  client.on('end', () => events.lost(undefined));
  let isConnected = false;
  let isDestroyed = false;
  // What is destroyed before would be connected all the same, and then cannot be destroyed any more.
  client.on('connect', () => (isConnected = true));
  // Version 4 throws where nobody can catch it when it is ended between the two.
  const isVersion4 = !('destroy' in client);
  client.on(isVersion4 ? 'ready' : 'connect', () => {
    if (isDestroyed) endNodeRedis(client);
  });
  const listener: Listener = (bytes, channel) => events.receive(channel, bytes);
  return {
    opened: client.connect(),
    publish: (channel, bytes) => client.sendCommand(['PUBLISH', channel, bytes]),
    subscribe: (kind, names) =>
      kind === 'channel' ? client.subscribe(names, listener, true) : client.pSubscribe(names, listener, true),
    unsubscribe: (kind, names) =>
      kind === 'channel' ? client.unsubscribe(names) : client.pUnsubscribe(names),
    // Version 4 would refuse it on a connection that subscribes.
    ping: () => client.sendCommand(['PING'], { ignorePubSubMode: true }),
    command: (name, ...parameters) => client.sendCommand([name, ...parameters]),
    commandForBytes: (name, ...parameters) => client.sendCommand([name, ...parameters], AS_BYTES),
    destroy: () => {
      isDestroyed = true;
      if (isConnected) endNodeRedis(client);
    },
  };
}

/** As version 4 wants it, and as those after it do: `$` is a bulk string. */
const AS_BYTES = { returnBuffers: true, typeMapping: { 36: Buffer } };

function endNodeRedis(client: NodeRedis): void {
  try {
    if (client.destroy === undefined) client.disconnect().catch(ignore);
    else client.destroy();
  } catch {
    // Version 5 says so when it has ended by itself.
  }
}

interface IoRedis {
  readonly stream?: { destroy?(): void };
  duplicate(overrides: object): IoRedis;
  on(event: 'error' | 'end', listener: (error?: unknown) => void): void;
  on(event: 'messageBuffer', listener: (channel: Buffer, bytes: Buffer) => void): void;
  on(event: 'pmessageBuffer', listener: (pattern: string, channel: Buffer, bytes: Buffer) => void): void;
  connect(): Promise<unknown>;
  publish(channel: string, bytes: Buffer): Promise<unknown>;
  subscribe(...names: string[]): Promise<unknown>;
  psubscribe(...patterns: string[]): Promise<unknown>;
  unsubscribe(...names: string[]): Promise<unknown>;
  punsubscribe(...patterns: string[]): Promise<unknown>;
  ping(): Promise<unknown>;
  call(name: string, ...parameters: (string | Buffer)[]): Promise<unknown>;
  callBuffer(name: string, ...parameters: (string | Buffer)[]): Promise<unknown>;
  disconnect(): void;
}

function openIoRedis(original: IoRedisClient, events: RedisConnectionEvents): RedisConnection {
  const client = (original as unknown as IoRedis).duplicate({
    lazyConnect: true,
    retryStrategy: null,
    reconnectOnError: null,
    enableOfflineQueue: false,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: null,
    commandTimeout: undefined,
    socketTimeout: undefined,
    enableAutoPipelining: false,
    // It would be put before keys, and nodes with another client would not find them.
    keyPrefix: '',
  });
  client.on('error', (error) => events.lost(error));
  client.on('end', () => events.lost(undefined));
  client.on('messageBuffer', (channel, bytes) => events.receive(channel, bytes));
  client.on('pmessageBuffer', (_, channel, bytes) => events.receive(channel, bytes));
  return {
    opened: client.connect(),
    publish: (channel, bytes) => client.publish(channel, bytes),
    subscribe: (kind, names) =>
      kind === 'channel' ? client.subscribe(...names) : client.psubscribe(...names),
    unsubscribe: (kind, names) =>
      kind === 'channel' ? client.unsubscribe(...names) : client.punsubscribe(...names),
    ping: () => client.ping(),
    command: (name, ...parameters) => client.call(name, ...parameters),
    commandForBytes: (name, ...parameters) => client.callBuffer(name, ...parameters),
    destroy: () => {
      client.disconnect();
      // It only ended its side, and would wait for a peer that may be gone.
      client.stream?.destroy?.();
    },
  };
}

/** Whether Redis has answered with an error, such as `NOPERM ...`, rather than not at all. */
export function isRedisReply(error: unknown): error is Error {
  return error instanceof Error && /^[A-Z][A-Z_]+ /.test(error.message);
}

function ignore(): void {}
