/** How cost grows: the same workload at many sizes. */

const KIB = 1024;
const SERVERS = ['bothways', 'ws', 'uws', 'bun'];

/**
 * @typedef {object} Curve
 * @property {string} name what `--only` is matched against, and the plot's file name
 * @property {string} title
 * @property {string} axis what grows
 * @property {string} unit what the figure is
 * @property {'flat' | 'linear'} shape how the cost of one unit may grow at most from one point to the next
 * @property {{ x: number, row: import('./rows.mjs').Row }[]} points
 */

/** @returns {Curve} */
function curve(about, xs, rowOf) {
  const points = xs.map((x) => {
    const row = { name: `${about.name} ${x.toLocaleString('en-US')}`, servers: SERVERS, unit: about.unit };
    return { x, row: { ...row, ...rowOf(x) } };
  });
  return { ...about, points };
}

function echoJob(job) {
  return { kind: 'echo', job: { text: false, checkEvery: 64, concurrency: 128, ...job } };
}

/** @type {Curve[]} */
export const CURVES = [
  curve(
    {
      name: 'connections',
      title: 'Connections: each has a message of 64 B in flight',
      axis: 'connections',
      unit: 'µs/message',
      shape: 'flat',
    },
    [1, 10, 100, 1_000, 5_000, 10_000, 15_000],
    (connections) => echoJob({ size: 64, connections, inFlight: 1 }),
  ),
  curve(
    {
      name: 'payload',
      title: 'Payload: binary messages, 4 connections, 2 in flight',
      axis: 'bytes',
      unit: 'µs/message',
      shape: 'linear',
    },
    [16, 64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, KIB ** 2, 4 * KIB ** 2, 16 * KIB ** 2],
    (size) => echoJob({ size, connections: 4, inFlight: 2, checkEvery: size > KIB ** 2 ? 4 : 16 }),
  ),
  curve(
    {
      name: 'subscribers',
      title: 'Subscribers: one message of 64 B is published a tick',
      axis: 'subscribers',
      unit: 'µs/delivery',
      shape: 'flat',
    },
    [10, 100, 1_000, 3_000, 10_000],
    (subscribers) => ({ kind: 'publish', job: { subscribers, perTick: 1, size: 64, concurrency: 128 } }),
  ),
  curve(
    {
      name: 'in-flight',
      title: 'In flight: messages of 64 B, 64 connections',
      axis: 'messages in flight on each connection',
      unit: 'µs/message',
      shape: 'flat',
    },
    [1, 2, 4, 16, 64, 256],
    (inFlight) => echoJob({ size: 64, connections: 64, inFlight }),
  ),
];
