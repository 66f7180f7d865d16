import type { Alarm, Clock } from '../protocol/clock.js';
import { LimitError } from '../protocol/errors.js';
import type { Member } from './presence.js';

interface Attendant {
  readonly topic: string;
  member: Member;
  /** How many connections of this node it is here by. */
  connections: number;
  /** When it is gone, if nobody comes for it; `undefined` while it is here. */
  goneAt: number | undefined;
}

/** Who is told of the members of this node. */
export interface AttendanceWatcher {
  /** One came, or has another info. */
  onHere(topic: string, member: Member): void;
  onGone(topic: string, id: string): void;
}

/** How many members a node may have. */
const MAX_MEMBERS = 100_000;

/**
 * The members that are at this node by its own connections. One whose last connection is lost is kept for a while, in
 * case it reconnects.
 */
export class Attendance {
  readonly #clock: Clock;
  readonly #grace: number;
  readonly #watcher: AttendanceWatcher;
  readonly #topics = new Map<string, Map<string, Attendant>>();
  #size = 0;
  /** Those that were lost, the first to be gone first. */
  readonly #lost = new Set<Attendant>();
  readonly #alarm: Alarm;

  /** @param grace how long one is kept whose last connection is lost, milliseconds. */
  constructor(clock: Clock, grace: number, watcher: AttendanceWatcher) {
    this.#clock = clock;
    this.#grace = grace;
    this.#watcher = watcher;
    this.#alarm = clock.alarm(() => this.#onAlarm());
  }

  /** All that are here, and those that may come back. */
  *[Symbol.iterator](): IterableIterator<readonly [topic: string, member: Member]> {
    for (const [topic, attendants] of this.#topics) {
      for (const { member } of attendants.values()) yield [topic, member];
    }
  }

  /** @throws {LimitError} when the node has too many. */
  enter(topic: string, member: Member): void {
    const attendant = this.#topics.get(topic)?.get(member.id);
    if (attendant === undefined) {
      this.#admit(topic, member);
      return;
    }
    attendant.connections++;
    attendant.goneAt = undefined;
    this.#lost.delete(attendant);
    if (JSON.stringify(attendant.member.info) === JSON.stringify(member.info)) return;
    attendant.member = member;
    this.#watcher.onHere(topic, member);
  }

  /** One connection less. @param mayReturn whether it was lost, rather than that it has left. */
  leave(topic: string, id: string, mayReturn: boolean): void {
    const attendant = this.#topics.get(topic)?.get(id);
    if (attendant === undefined || --attendant.connections > 0) return;
    if (!mayReturn || this.#grace === 0) {
      this.#forget(attendant);
      return;
    }
    attendant.goneAt = this.#clock.now() + this.#grace;
    this.#lost.add(attendant);
    if (this.#lost.size === 1) this.#alarm.set(this.#grace);
  }

  close(): void {
    this.#alarm.clear();
  }

  #admit(topic: string, member: Member): void {
    if (this.#size >= MAX_MEMBERS) {
      const text = `This server has ${MAX_MEMBERS} members in its topics, which is all that it may have`;
      throw new LimitError('ERR_TOO_MANY_MEMBERS', text, 'members', MAX_MEMBERS);
    }
    let attendants = this.#topics.get(topic);
    if (attendants === undefined) this.#topics.set(topic, (attendants = new Map()));
    attendants.set(member.id, { topic, member, connections: 1, goneAt: undefined });
    this.#size++;
    this.#watcher.onHere(topic, member);
  }

  #forget(attendant: Attendant): void {
    this.#lost.delete(attendant);
    const { topic, member } = attendant;
    const attendants = this.#topics.get(topic)!;
    attendants.delete(member.id);
    this.#size--;
    if (attendants.size === 0) this.#topics.delete(topic);
    this.#watcher.onGone(topic, member.id);
  }

  #onAlarm(): void {
    const now = this.#clock.now();
    for (const attendant of this.#lost) {
      const left = attendant.goneAt! - now;
      if (left > 0) {
        this.#alarm.set(Math.ceil(left));
        return;
      }
      this.#forget(attendant);
    }
  }
}
