/** The workloads. Each is a job for the load generator, with what it shows. */

const KIB = 1024;
const EVERY = ['bothways', 'ws', 'uws', 'bun', 'net'];
const WITH_TOPICS = ['bothways', 'ws', 'uws', 'bun'];

/**
 * @typedef {object} Row
 * @property {string} name what `--only` is matched against
 * @property {'echo' | 'publish' | 'handshake' | 'idle' | 'many'} kind
 * @property {'echo' | 'publish' | 'compressed'} [mode] what the servers do; their kind's, if left out
 * @property {string} unit what the figure is
 * @property {string[]} servers who can take part
 * @property {string} shows one sentence
 * @property {object} job what the load generator does, beside port and times
 */

/** @returns {Row} */
function echo(name, shows, job) {
  return {
    name,
    kind: 'echo',
    unit: 'µs/message',
    servers: EVERY,
    shows,
    job: { text: false, checkEvery: 64, ...job },
  };
}

/** @returns {Row} */
function compressed(size, label, inFlight) {
  return {
    name: `compressed echo of ${label} of JSON, ${inFlight} in flight`,
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
  return { name, kind: 'publish', unit: 'µs/delivery', servers: WITH_TOPICS, shows, job };
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
    kind: 'handshake',
    unit: 'µs/handshake',
    servers: EVERY,
    shows: 'From the TCP connection to the 101; for net one write of 220 bytes there and back.',
    job: { connections: 2000, concurrency: 64 },
  },
  {
    name: 'idle connection, resident memory',
    kind: 'idle',
    unit: 'bytes/connection',
    servers: EVERY,
    shows:
      'Resident memory that an open, silent connection adds to a fresh process, after garbage collection.',
    job: { connections: 5000, concurrency: 128 },
  },
  {
    name: 'idle connection with compression, resident memory',
    kind: 'idle',
    mode: 'compressed',
    unit: 'bytes/connection',
    servers: WITH_TOPICS,
    shows: 'The same where permessage-deflate without context takeover was agreed on.',
    job: { connections: 5000, concurrency: 128, deflated: true },
  },
  {
    name: '10,000 connections at once',
    kind: 'many',
    unit: 'µs/message',
    servers: EVERY,
    shows:
      'All open at the same time against one process, each echoing messages that no other sends; every answer is checked.',
    job: { connections: 10_000, concurrency: 128, messages: 5 },
  },
];
