/** Clients that have lost their server come back to one of the others: what that one goes through, in steps of 1 ms. */
import { randomOf } from './chance.mjs';

/** How long a client waits before an attempt (`session/backoff.ts`) and for its answer, by default, milliseconds. */
const BASE = 500;
const CAP = 30_000;
const CONNECT_TIMEOUT = 10_000;
/** Connections that the kernel keeps until they are accepted: `listen` is asked for so many. */
const BACKLOG = 4_096;
/** When a client's kernel sends a SYN again that was not answered, after the first (RFC 6298, RTO of 1 s). */
const SYN_AGAIN = [1_000, 3_000, 7_000];
/** An end for what never ends. */
const LONGEST = 600_000;

/**
 * @param {{ clients: number, cost: number, free: number, seed: number }} storm `cost` of one that comes back, microseconds
 * of CPU time; `free`: the share of a core that is left for it
 * @returns when 99% and all of them were back, the most that waited at once and how many attempts there were
 */
export function simulateStorm({ clients, cost, free, seed }) {
  const random = randomOf(seed);
  /** By the millisecond: who does what then. */
  const agenda = new Map();
  const plan = (at, what) => {
    const list = agenda.get(at);
    if (list === undefined) agenda.set(at, [what]);
    else list.push(what);
  };
  const wait = (failed) => Math.floor(random() * Math.min(CAP, BASE * 2 ** failed));
  for (let client = 0; client < clients; client++) plan(wait(0), { begun: undefined, syns: 0, failed: 0 });

  let queue = [];
  let head = 0;
  let credit = 0;
  let attempts = 0;
  let mostWaiting = 0;
  const backAt = [];
  for (let now = 0; backAt.length < clients && now < LONGEST; now++) {
    for (const attempt of agenda.get(now) ?? []) {
      if (attempt.begun === undefined) attempts++;
      const begun = attempt.begun ?? now;
      if (queue.length - head < BACKLOG) queue.push({ begun, failed: attempt.failed });
      else if (attempt.syns < SYN_AGAIN.length) {
        plan(begun + SYN_AGAIN[attempt.syns], { ...attempt, begun, syns: attempt.syns + 1 });
      } else plan(begun + CONNECT_TIMEOUT + wait(attempt.failed + 1), again(attempt.failed));
    }
    agenda.delete(now);
    mostWaiting = Math.max(mostWaiting, queue.length - head);
    credit = head === queue.length ? 0 : credit + free * 1_000;
    while (credit >= cost && head < queue.length) {
      const { begun, failed } = queue[head++];
      credit -= cost;
      // The server cannot know that nobody waits any more before it has done its work.
      if (now - begun < CONNECT_TIMEOUT) backAt.push(now);
      else plan(now + 1 + wait(failed + 1), again(failed));
    }
    if (head > 10_000) {
      queue = queue.slice(head);
      head = 0;
    }
  }
  return {
    most: backAt[Math.ceil(clients * 0.99) - 1] ?? Number.POSITIVE_INFINITY,
    all: backAt.length < clients ? Number.POSITIVE_INFINITY : backAt.at(-1),
    mostWaiting,
    attempts,
  };
}

function again(failed) {
  return { begun: undefined, syns: 0, failed: failed + 1 };
}
