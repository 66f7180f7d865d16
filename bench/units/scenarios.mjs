/** What the guide counts: a million connections, doing different things. */

/** @type {import('./model.mjs').Load} */
export const USUAL = {
  connections: 1_000_000,
  topics: 100_000,
  subscriptions: 1,
  subscribers: undefined,
  rate: 0,
  fromServer: false,
  carrier: 'websocket',
  broker: 'redis',
  arrivals: 0,
  shown: false,
  relayed: false,
  durable: false,
  nodes: undefined,
};

/** Everybody says something once a minute. */
const TALK = { ...USUAL, rate: 1_000_000 / 60 };
/** Everybody stays for half an hour. */
const ARRIVALS = 1_000_000 / 1_800;

export const SCENARIOS = [
  { name: 'nobody says anything', load: USUAL },
  { name: 'rooms of 10', load: TALK },
  { name: 'rooms of 10, NATS', load: { ...TALK, broker: 'nats' } },
  { name: 'rooms of 10, who is here', load: { ...TALK, arrivals: ARRIVALS, shown: true } },
  { name: 'rooms of 10, in 100 topics each', load: { ...TALK, subscriptions: 100, topics: 10_000_000 } },
  { name: 'one message a second to all', load: { ...USUAL, topics: 1, rate: 1, fromServer: true } },
  { name: 'devices, a reader each', load: { ...USUAL, subscribers: 1, rate: 100_000 } },
  { name: 'sessions, long polling, sticky', load: { ...TALK, carrier: 'long-polling' } },
  {
    name: 'sessions, long polling, relayed',
    load: { ...TALK, carrier: 'long-polling', relayed: true },
  },
  { name: 'sessions, WebSocket, durable', load: { ...TALK, durable: true } },
];

/** A small load, which is also measured. */
export const ROOMS = { ...USUAL, connections: 900, topics: 90, rate: 1_500, nodes: 3 };

/** Who comes back to each process, of a million connections at 40, and the share of a core that it has for them. */
export const STORMS = [
  { name: '1 of 40 processes dies', clients: spread(1), free: 0.5 },
  { name: '6 of 40 die, with their machine', clients: spread(6), free: 0.5 },
  { name: '20 of 40 die', clients: spread(20), free: 0.5 },
  { name: 'all are restarted at once', clients: 25_000, free: 1 },
];

function spread(dead) {
  return Math.round((25_000 * dead) / (40 - dead));
}
