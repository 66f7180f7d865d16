/** Chance that is the same each time: mulberry32, public domain. */
export function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** How many of `nodes` have a subscriber of a topic, when a balancer puts each of its subscribers anywhere. */
export function nodesReached(nodes, subscribers) {
  return nodes * (1 - (1 - 1 / nodes) ** subscribers);
}

/** The same, tried out with so many topics: the mean, and the most that any of them reached. */
export function throwSubscribers(nodes, subscribers, { topics, seed }) {
  const random = randomOf(seed);
  let sum = 0;
  let most = 0;
  for (let topic = 0; topic < topics; topic++) {
    const reached = new Set();
    for (let count = 0; count < subscribers; count++) reached.add(Math.floor(random() * nodes));
    sum += reached.size;
    most = Math.max(most, reached.size);
  }
  return { mean: sum / topics, most };
}
