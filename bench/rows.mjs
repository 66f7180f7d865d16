/** The workloads. Each is a job for the load generator, with what it shows. */

const KIB = 1024;
const EVERY = ['bothways', 'ws', 'uws', 'bun', 'net'];
const WITH_TOPICS = ['bothways', 'ws', 'uws', 'bun'];
const FRAMEWORKS = ['bothways', 'ws', 'socketio', 'sockjs'];
const CLIENTS = ['bothways', 'websocket', 'ws', 'undici'];

/**
 * @typedef {object} Row
 * @property {string} name what `--only` is matched against
 * @property {string} group one of `GROUPS`
 * @property {'echo' | 'publish' | 'handshake' | 'idle' | 'many' | 'client' | 'latency'} kind
 * @property {'echo' | 'publish' | 'compressed' | 'tls'} [mode] what the servers do; their kind's, if left out
 * @property {string} unit what the figure is
 * @property {string[]} servers who can take part; for the kind `client`, clients
 * @property {string} shows one sentence
 * @property {object} job what the load generator does, beside port and times
 */

/** The tables of the report, in their order. */
export const GROUPS = {
  messages: 'Messages',
  compressed: 'Compressed messages',
  tls: 'Over TLS',
  publish: 'Publishing',
  connections: 'Connections',
  clients: 'Clients',
  frameworks: 'Beside Socket.IO and SockJS',
  latency: 'Latency',
};

/** @returns {Row} */
function echo(name, shows, job, others = {}) {
  return {
    name,
    group: 'messages',
    kind: 'echo',
    unit: 'µs/message',
    servers: EVERY,
    shows,
    job: { text: false, checkEvery: 64, ...job },
    ...others,
  };
}

/** @returns {Row} */
function tls(label, size, connections, inFlight) {
  const name = `echo ${label} binary over TLS, ${connections} connections, ${inFlight} in flight`;
  const shows = 'TLS 1.3 by OpenSSL or BoringSSL, as the runtime has it; net is a bare TLS socket.';
  return echo(name, shows, { size, connections, inFlight, tls: true }, { group: 'tls', mode: 'tls' });
}

/** @returns {Row} */
function client(label, job) {
  const { connections, inFlight } = job;
  return {
    name: `client: ${label}, ${connections} connections, ${inFlight} in flight`,
    group: 'clients',
    kind: 'client',
    unit: 'µs/message',
    servers: CLIENTS,
    shows: 'What a message costs a client: sent, echoed by a bare socket, received.',
    job,
  };
}

/** @returns {Row} */
function framework(name, shows, row) {
  return { name, group: 'frameworks', unit: 'µs/message', servers: FRAMEWORKS, shows, ...row };
}

/** @returns {Row} */
function compressed(size, label, inFlight) {
  return {
    name: `compressed echo of ${label} of JSON, ${inFlight} in flight`,
    group: 'compressed',
    kind: 'echo',
    mode: 'compressed',
    unit: 'µs/message',
    servers: WITH_TOPICS,
    shows: 'permessage-deflate without context takeover, at zlib level 6, inflated and compressed again.',
    job: { size, connections: 32, inFlight, text: true, deflated: true, checkEvery: 64 },
  };
}

/** @returns {Row} */
function publish(perTick, shows) {
  const name = `publish 64 B to 1,000 subscribers, ${perTick} a tick`;
  const job = { subscribers: 1000, perTick, size: 64 };
  return { name, group: 'publish', kind: 'publish', unit: 'µs/delivery', servers: WITH_TOPICS, shows, job };
}

/** @type {Row[]} */
export const ROWS = [
  echo(
    'echo 64 B binary, 64 connections, 1 in flight',
    'One message a read: what a read, a call and a write cost.',
    {
      size: 64,
      connections: 64,
      inFlight: 1,
    },
  ),
  echo(
    'echo 64 B binary, 64 connections, 16 in flight',
    'Many messages a read: parsing, calling and batching.',
    {
      size: 64,
      connections: 64,
      inFlight: 16,
    },
  ),
  echo(
    'echo 64 B text, 64 connections, 16 in flight',
    'As before with text: bothways and Bun check it and make a string of it and back; ws and uWebSockets.js check it and echo bytes.',
    { size: 64, connections: 64, inFlight: 16, text: true },
  ),
  echo('echo 1 KiB binary, 64 connections, 16 in flight', 'Masking and copying begin to count.', {
    size: KIB,
    connections: 64,
    inFlight: 16,
  }),
  echo(
    'echo 64 KiB binary, 16 connections, 2 in flight',
    'Messages of several reads: assembly and backpressure.',
    {
      size: 64 * KIB,
      connections: 16,
      inFlight: 2,
      checkEvery: 16,
    },
  ),
  echo('echo 1 MiB binary, 4 connections, 2 in flight', 'Large messages: how often each byte is copied.', {
    size: KIB * KIB,
    connections: 4,
    inFlight: 2,
    checkEvery: 8,
  }),
  compressed(128, '128 B', 4),
  compressed(KIB, '1 KiB', 4),
  compressed(16 * KIB, '16 KiB', 2),
  publish(1, 'One message to everybody: one small write for each subscriber.'),
  publish(10, 'Ten messages within one tick: whether a subscriber gets them in one write.'),
  {
    name: 'opening handshake',
    group: 'connections',
    kind: 'handshake',
    unit: 'µs/handshake',
    servers: EVERY,
    shows: 'From the TCP connection to the 101; for net one write of 220 bytes there and back.',
    job: { connections: 2000, concurrency: 64 },
  },
  {
    name: 'idle connection, resident memory',
    group: 'connections',
    kind: 'idle',
    unit: 'bytes/connection',
    servers: EVERY,
    shows:
      'Resident memory that an open, silent connection adds to a fresh process, after garbage collection.',
    job: { connections: 12_000, concurrency: 128 },
  },
  {
    name: 'idle connection with compression, resident memory',
    group: 'connections',
    kind: 'idle',
    mode: 'compressed',
    unit: 'bytes/connection',
    servers: WITH_TOPICS,
    shows: 'The same where permessage-deflate without context takeover was agreed on.',
    job: { connections: 12_000, concurrency: 128, deflated: true },
  },
  {
    name: '10,000 connections at once',
    group: 'connections',
    kind: 'many',
    unit: 'µs/message',
    servers: EVERY,
    shows:
      'All open at the same time against one process, each echoing messages that no other sends; every answer is checked.',
    job: { connections: 10_000, concurrency: 128, messages: 5 },
  },
  tls('64 B', 64, 64, 1),
  tls('64 B', 64, 64, 16),
  tls('16 KiB', 16 * KIB, 16, 2),
  client('64 B binary', { size: 64, connections: 64, inFlight: 1, text: false }),
  client('64 B binary', { size: 64, connections: 64, inFlight: 16, text: false }),
  client('64 B text', { size: 64, connections: 64, inFlight: 16, text: true }),
  client('16 KiB binary', { size: 16 * KIB, connections: 16, inFlight: 4, text: false }),
  framework(
    'echo 64 B text, 64 connections, 1 in flight, each in its own protocol',
    'The text itself, or an event of Socket.IO or a message of SockJS that holds it.',
    { kind: 'echo', job: { size: 64, connections: 64, inFlight: 1, text: true, checkEvery: 64 } },
  ),
  framework(
    'echo 64 B text, 64 connections, 16 in flight, each in its own protocol',
    'The same with many messages in a read.',
    { kind: 'echo', job: { size: 64, connections: 64, inFlight: 16, text: true, checkEvery: 64 } },
  ),
  framework(
    'publish 64 B to 1,000 subscribers, 1 a tick, each in its own protocol',
    'A topic, a room of Socket.IO, a loop over the connections of ws and SockJS; Socket.IO and SockJS send text.',
    { kind: 'publish', unit: 'µs/delivery', job: { subscribers: 1000, perTick: 1, size: 64 } },
  ),
  framework('idle connection, resident memory, each with its own protocol', 'As above.', {
    kind: 'idle',
    unit: 'bytes/connection',
    job: { connections: 12_000, concurrency: 128 },
  }),
  {
    name: 'latency of an echo of 64 B, 64 connections, 5,000 messages a second',
    group: 'latency',
    kind: 'latency',
    unit: 'µs',
    servers: EVERY,
    shows:
      'An open loop at a rate that every server can take: from when a message was due to when its echo was there.',
    job: { size: 64, connections: 64, rate: 5000, text: false, checkEvery: 64 },
  },
];
