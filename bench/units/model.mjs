/** What a number of connections and topics needs, from what each thing costs: arithmetic, and no more. */
import { nodesReached } from './chance.mjs';

/** A server process is full when it uses this share of a core: what comes is not even, and a neighbour may die. */
export const FULL = 0.5;
/** Connections that a server process is given: all of them hear a broadcast one after the other. */
export const PER_PROCESS = 25_000;
/** Server processes of a machine with 8 cores: two are left for the kernel's network and all else. */
export const PER_MACHINE = 6;
/** Pings, heartbeats of sessions and polls, seconds; beats of servers. */
const HEARTBEAT = 20;
const BEAT = 2;
/** A message of 64 bytes on the wire: a frame's header, and Ethernet, IPv4 and TCP with timestamps (18 + 20 + 32). */
const WIRE = 64 + 2 + 70;
/** The same from the broker: an envelope of 18, a topic of 20 and the lines around them; TCP's headers are shared. */
const BROKER_WIRE = 64 + 18 + 20 + 40;

/**
 * @typedef {object} Load
 * @property {number} connections
 * @property {number} topics
 * @property {number} subscriptions how many topics each connection has subscribed to; topics are of one size
 * @property {number} subscribers of each topic, in place of `subscriptions`
 * @property {number} rate messages published in a second, all together
 * @property {boolean} fromServer whether the server publishes, and not clients by a message
 * @property {'websocket' | 'long-polling'} carrier
 * @property {'redis' | 'nats'} broker
 * @property {number} arrivals members that come, and as many that go, in a second
 * @property {boolean} shown whether all are members of their topics
 * @property {boolean} relayed whether requests of sessions come to any server
 * @property {boolean} durable
 * @property {number} [nodes] server processes; as many as it takes, if left out
 */

/** @param {Readonly<Record<string, number>>} unit what each thing costs @param {Load} load */
export function need(unit, load) {
  if (load.nodes !== undefined) return needWith(unit, load, load.nodes);
  let nodes = Math.ceil(load.connections / PER_PROCESS);
  // More servers have more to tell each other, so that there may be no end.
  while (nodes < MAX_NODES) {
    const needed = needWith(unit, load, nodes);
    if (needed.share <= FULL) return needed;
    nodes = Math.min(MAX_NODES, Math.max(nodes + 1, Math.ceil(nodes * Math.min(2, needed.share / FULL))));
  }
  return needWith(unit, load, nodes);
}

/** How many servers know each other (`pubsub/nodes.ts`). */
export const MAX_NODES = 1_000;

function needWith(unit, load, nodes) {
  const subscribers = subscribersOf(load);
  const reached = nodesReached(nodes, subscribers);
  const cores = coresOf(unit, load, { nodes, subscribers, reached }, 1);
  const memory = memoryOf(unit, load, { nodes, subscribers, reached });
  return {
    nodes,
    machines: Math.ceil(nodes / PER_MACHINE),
    subscribers,
    reached,
    cores,
    coresTens: coresOf(unit, load, { nodes, subscribers, reached }, 10),
    share: cores / nodes,
    memory,
    kernelMemory: load.connections * unit.memoryKernel,
    network: (load.rate * subscribers * WIRE * 8) / 1e9,
    brokerEach: brokerCores(unit, load, { nodes, subscribers, reached }, 'Each'),
    brokerTens: brokerCores(unit, load, { nodes, subscribers, reached }, 'Tens'),
    brokerMemory: load.topics * brokerMemoryOf(unit, load.broker, reached),
    // What it takes until all servers have subscribed again to a broker that was restarted.
    resubscribe: (load.topics * reached * unit[`${load.broker}Subscribe`]) / 1e6,
    brokerNetwork: (load.rate * reached * BROKER_WIRE * 8) / 1e9,
  };
}

function subscribersOf({ subscribers, subscriptions, connections, topics }) {
  return subscribers ?? (connections * subscriptions) / topics;
}

/** Of all server processes together, if each publishes and gets one message at a time, or ten. */
function coresOf(unit, load, { nodes, subscribers, reached }, perTick) {
  const { broker, rate } = load;
  const deliveries = rate * subscribers;
  const micros =
    (load.fromServer ? 0 : rate * receiveCost(unit, load)) +
    rate * unit[`${broker}Publish${perTick}`] +
    rate * reached * takeCost(unit, broker, perTick) +
    deliveries * sendCost(unit, load) +
    (load.connections / HEARTBEAT) * heartbeatCost(unit, load) +
    (nodes / BEAT) * nodes * unit[`${broker}Beat`] +
    2 * load.arrivals * (unit[`${broker}Join`] + nodes * unit[`${broker}Change`]);
  return micros / 1e6;
}

/** A server that gets a message for one subscriber, without what the delivery costs. */
function takeCost(unit, broker, perTick) {
  return Math.max(0, unit[`${broker}Receive${perTick}`] - unit.delivery1);
}

const nameOf = (carrier) => (carrier === 'websocket' ? 'Socket' : 'Polling');

function messageCost(unit, { carrier, relayed, durable }, way) {
  const end = `${nameOf(carrier)}${way}`;
  const direct = unit[`direct${end}`];
  const carried = relayed ? unit[`relayOwner${end}`] + unit[`relayBy${end}`] : direct;
  return carried + (durable ? unit[`durable${end}`] - direct : 0);
}

const isPlain = ({ carrier, relayed, durable }) => carrier === 'websocket' && !relayed && !durable;

function receiveCost(unit, load) {
  return isPlain(load) ? unit.received : messageCost(unit, load, 'Up');
}

function sendCost(unit, load) {
  return isPlain(load) ? unit.delivery1 : messageCost(unit, load, 'Down');
}

/** A poll that ends without a message costs what one does that brings one. */
function heartbeatCost(unit, load) {
  if (load.carrier === 'websocket') return unit.ping;
  return messageCost(unit, { ...load, durable: false }, 'Down');
}

function memoryOf(unit, load, { nodes, subscribers, reached }) {
  const { topics, connections, broker } = load;
  const sessions = load.carrier === 'websocket' ? unit.memoryWebSocket : unit.memoryPolling;
  const each = load.durable && load.carrier === 'websocket' ? unit.memorySession : sessions;
  const shown = load.shown ? connections * (nodes - 1) * unit.memoryMember : 0;
  return (
    nodes * unit.memoryProcess +
    connections * each +
    topics * reached * unit[`${broker}MemoryTopic`] +
    topics * Math.max(0, subscribers - reached) * unit.memorySubscription +
    shown
  );
}

function brokerMemoryOf(unit, broker, reached) {
  return unit[`${broker}MemoryFirst`] + Math.max(0, reached - 1) * unit[`${broker}MemoryFurther`];
}

/**
 * What a message costs a broker that hands it to so many servers, microseconds.
 *
 * @param {'Each' | 'Tens'} together whether each server publishes one at a time, or ten
 */
export function brokerCost(unit, broker, reached, together) {
  return unit[`${broker}Take${together}`] + reached * unit[`${broker}Hand${together}`];
}

function brokerCores(unit, load, { nodes, subscribers, reached }, together) {
  const { broker, rate, carrier, durable, relayed } = load;
  const toAll = brokerCost(unit, broker, nodes, together);
  const received = load.fromServer ? 0 : rate;
  const sessions = (name) =>
    received * unit[`${name}${nameOf(carrier)}Up`] +
    rate * subscribers * unit[`${name}${nameOf(carrier)}Down`];
  const polls = relayed && carrier !== 'websocket' ? load.connections / HEARTBEAT : 0;
  const micros =
    rate * brokerCost(unit, broker, reached, together) +
    (nodes / BEAT + 2 * load.arrivals) * toAll +
    (durable ? sessions('durableRedis') : 0) +
    (relayed ? sessions('relayRedis') + polls * unit.relayRedisPollingDown : 0);
  return micros / 1e6;
}

/** What servers cost by being there: each beats, and all others hear it. */
export function gossip(unit, broker, nodes) {
  const beats = nodes / BEAT;
  return {
    heard: beats,
    server: (beats * unit[`${broker}Beat`]) / 1e6,
    broker: (beats * brokerCost(unit, broker, nodes, 'Each')) / 1e6,
    // Each says hello to all when it starts, and once more when it is reached; each of the others answers to it alone.
    start:
      (2 * nodes * (brokerCost(unit, broker, nodes, 'Each') + nodes * brokerCost(unit, broker, 1, 'Each'))) /
      1e6,
  };
}

/** What members cost each server: to have them, and to be told of them all when it starts. */
export function members(unit, count) {
  return { memory: count * unit.memoryMember, start: (count * unit.memberTold) / 1e6 };
}

/** How many messages in a second fill one core of a broker up to `FULL`. */
export function fullAt(unit, broker, reached, together) {
  return (FULL * 1e6) / brokerCost(unit, broker, reached, together);
}

/** One topic with a subscriber on each connection of a process. */
export function hotTopic(unit, subscribers, perTick) {
  const delivery = unit[`delivery${perTick}`];
  return { busy: (subscribers * perTick * delivery) / 1_000, rate: (FULL * 1e6) / (subscribers * delivery) };
}
