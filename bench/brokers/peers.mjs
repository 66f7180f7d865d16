/** Who takes part: through which broker, and what is spoken inside WebSocket messages. */

/**
 * @typedef {object} Peer
 * @property {string} title
 * @property {'redis' | 'nats'} broker
 * @property {'none' | 'socketio'} dialect one of `load/dialects.mjs`
 */

/** @type {Readonly<Record<string, Peer>>} */
export const PEERS = {
  'bothways-redis': { title: 'bothways, `redis`', broker: 'redis', dialect: 'none' },
  'bothways-ioredis': { title: 'bothways, `ioredis`', broker: 'redis', dialect: 'none' },
  'bothways-nats': { title: 'bothways, NATS', broker: 'nats', dialect: 'none' },
  'socketio-redis': { title: 'Socket.IO, Redis', broker: 'redis', dialect: 'socketio' },
  'socketio-streams': { title: 'Socket.IO, Redis Streams', broker: 'redis', dialect: 'socketio' },
  /** No server that anyone would use, but what all others do at least. */
  bare: { title: 'bare sockets, `redis`', broker: 'redis', dialect: 'none' },
};
