import { createHash } from 'node:crypto';
import type { Person, Stroke } from './messages.js';
import { TokenBucket } from './token-bucket.js';

/** What a room needs of a connection. */
export interface Peer {
  send(text: string): boolean;
  close(code: number, reason: string): void;
  subscribe(topic: string): void;
}

/** One connection to the room, and the person behind it once it has said hello. */
export class Member<P extends Peer> {
  readonly peer: P;
  readonly since: number;
  person: Person | undefined;
  /** Strokes that this connection has yet to be told of; sent as fast as it takes them. */
  readonly owed = new Set<Stroke>();
  /** A finger on the drawing board sends about 60 messages a second, and a person has ten of them. */
  readonly pace: TokenBucket;
  readonly volume: TokenBucket;
  readonly chatter: TokenBucket;

  constructor(peer: P, now: number) {
    this.peer = peer;
    this.since = now;
    this.pace = new TokenBucket(1200, 600, now);
    this.volume = new TokenBucket(2 * 1024 * 1024, 256 * 1024, now);
    this.chatter = new TokenBucket(24, 4, now);
  }
}

/** The same key is the same person; nobody can find the key in the id, which everybody sees. */
export function personId(key: string): string {
  return createHash('sha256').update(key).digest('base64url').slice(0, 10);
}

/** `name`, or with a number where somebody else has it. */
export function freeName(name: string, taken: ReadonlySet<string>, maxLength: number): string {
  let free = name;
  for (let n = 2; taken.has(free); n++) {
    const suffix = ` ${n}`;
    free = name.slice(0, maxLength - suffix.length).trimEnd() + suffix;
  }
  return free;
}
