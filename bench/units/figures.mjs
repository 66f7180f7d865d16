/** What is measured, in the order of the page: a title for each figure, in groups that share a unit. */

const WAYS = { Up: 'to the server', Down: 'to the client' };
const CARRIERS = { Socket: 'WebSocket', Polling: 'long polling' };
const BROKERS = { redis: 'Redis', nats: 'NATS' };
/** How many messages are published in one tick. */
export const PER_TICK = [1, 10, 50];

function eachMessage(parts) {
  return Object.entries(CARRIERS).flatMap(([carrier, by]) =>
    Object.entries(WAYS).flatMap(([way, direction]) =>
      Object.entries(parts).map(([name, title]) => [
        `${name}${carrier}${way}`,
        `${by}, ${direction}: ${title}`,
      ]),
    ),
  );
}

function eachBroker(parts) {
  return Object.entries(BROKERS).flatMap(([kind, name]) =>
    Object.entries(parts).map(([key, title]) => [`${kind}${key}`, `${name}: ${title}`]),
  );
}

function eachTick(parts) {
  return Object.fromEntries(
    PER_TICK.flatMap((count) =>
      Object.entries(parts).map(([key, title]) => [`${key}${count}`, `${title}, ${count} a tick`]),
    ),
  );
}

/** @type {readonly { title: string, unit: 'bytes' | 'µs' | 'cores', figures: readonly (readonly [key: string, title: string])[] }[]} */
export const GROUPS = [
  {
    title: 'Memory of what only waits',
    unit: 'bytes',
    figures: [
      ['memoryProcess', 'a server process without anybody'],
      ['memoryWebSocket', 'a WebSocket'],
      ['memoryTls', 'a WebSocket over TLS'],
      ['memorySession', 'a session on a WebSocket'],
      ['memoryPolling', 'a session on long polling'],
      ['memoryKernel', 'a TCP socket, in the kernel'],
      ['memorySubscription', 'a subscription to a topic that has others'],
      ['memoryTopic', 'a topic with one subscription'],
      ['memoryMember', 'a member, at each server'],
      ...eachBroker({
        MemoryTopic: 'a topic with one subscription, at the server',
        MemoryFirst: 'a topic at the broker, for the first server that asks for it',
        MemoryFurther: 'the same for each further server',
      }),
    ],
  },
  {
    title: 'Messages of one server, 64 bytes',
    unit: 'µs',
    figures: [
      ['received', 'a message received'],
      ['sent', 'a message sent'],
      ['delivery1', 'a delivery of what is published, 1 a tick'],
      ['delivery10', 'a delivery of what is published, 10 a tick'],
      ['delivery50', 'a delivery of what is published, 50 a tick'],
      ['ping', 'a Ping and its Pong'],
    ],
  },
  {
    title: 'Opening',
    unit: 'µs',
    figures: [
      ['handshake', 'a WebSocket'],
      ['handshakeEcdsa', 'a WebSocket over TLS, certificate with P-256'],
      ['handshakeRsa', 'a WebSocket over TLS, certificate with RSA 2048'],
      ['sessionOpened', 'a session, on a WebSocket'],
      ['sessionResumed', 'a session that goes on, on another WebSocket'],
      ['pollingOpened', 'a session, on long polling'],
    ],
  },
  {
    title: 'What is published through a broker, 64 bytes',
    unit: 'µs',
    figures: eachBroker({
      ...eachTick({ Publish: 'the server that publishes' }),
      ...eachTick({ Receive: 'a server that gets it and has one subscriber' }),
      TakeAlone: 'the broker, for a message by itself',
      HandAlone: 'the broker, for each server that gets it, by itself',
      TakeEach: 'the broker, for a message, 1 from each of 20 servers at once',
      HandEach: 'the broker, for each server that gets it, 1 from each of 20',
      TakeTens: 'the broker, for a message, 10 from each of 20 servers at once',
      HandTens: 'the broker, for each server that gets it, 10 from each of 20',
      Subscribe: 'the broker, for a subscription of a server',
    }),
  },
  {
    title: 'What servers tell each other',
    unit: 'µs',
    figures: [
      ...eachBroker({
        Beat: 'a beat, at each server that hears it',
        Join: 'a member that comes, at its own server',
        Change: 'the same, at each other server',
      }),
      ['memberTold', 'a member, of all those that a server is told when it starts'],
    ],
  },
  {
    title: 'Rooms of ten, 900 connections, 1,500 messages a second',
    unit: 'cores',
    figures: [
      ['roomsServers', 'three servers together'],
      ['roomsRedis', 'Redis'],
    ],
  },
  {
    title: 'A message of a session, by itself, 64 bytes',
    unit: 'µs',
    figures: eachMessage({
      direct: 'the server that has the session',
      relayOwner: 'relayed, the server that has the session',
      relayBy: 'relayed, the server that has the connection',
      relayRedis: 'relayed, Redis',
      durable: 'durable, the server',
      durableRedis: 'durable, Redis',
    }),
  },
];

export const KEYS = GROUPS.flatMap(({ figures }) => figures.map(([key]) => key));
