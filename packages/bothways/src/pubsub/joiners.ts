import type { Position } from '../protocol/contract.js';
import type { BrokerMessage } from './broker-history.js';
import type { Room } from './room.js';

/** What comes of a topic, or what a page has of it. */
export type Kept = Omit<BrokerMessage, 'previous'>;

/** A subscriber that has asked for what was published before. */
export interface Joiner<Some> {
  readonly topic: string;
  readonly subscriber: Some;
  /** Whether it waits, and has not left. */
  readonly isThere: boolean;
  /** Whether too much has come meanwhile: that is lost. */
  readonly isOver: boolean;
}

interface Place<Some> extends Joiner<Some> {
  isThere: boolean;
  isOver: boolean;
  /** What has come meanwhile. */
  held: BrokerMessage[];
  /** What is behind this position comes to it as to all others; `undefined` until it has its page. */
  position: Position | undefined;
}

/** Those who get what was published before, and then what comes: without a hole, and nothing twice. */
export class Joiners<Some> {
  readonly #room: Room;
  readonly #topics = new Map<string, Set<Place<Some>>>();

  constructor(room: Room) {
    this.#room = room;
  }

  /** What comes from now on waits until the page is there. */
  add(topic: string, subscriber: Some): Joiner<Some> {
    const place = { topic, subscriber, held: [], position: undefined, isThere: true, isOver: false };
    const places = this.#topics.get(topic) ?? new Set();
    this.#topics.set(topic, places.add(place));
    return place;
  }

  /**
   * It has its page.
   *
   * @param position of the page.
   * @param isLive whether what comes next is behind it.
   * @returns what has come meanwhile, behind the page.
   */
  join(joiner: Joiner<Some>, position: Position, isLive: boolean): readonly Kept[] {
    const place = joiner as Place<Some>;
    place.position = position;
    const held = place.held.splice(0);
    this.#room.give(held);
    if (isLive || place.isOver) this.remove(joiner);
    return held.filter((message) => isBehind(message, position));
  }

  /** @returns what has come meanwhile, if it had not left. */
  remove(joiner: Joiner<Some>): readonly Kept[] {
    const place = joiner as Place<Some>;
    const places = this.#topics.get(place.topic);
    if (places?.delete(place) !== true) return [];
    if (places.size === 0) this.#topics.delete(place.topic);
    place.isThere = false;
    this.#room.give(place.held);
    return place.held;
  }

  /** Whether it waits for a page. */
  has(subscriber: Some): boolean {
    for (const places of this.#topics.values()) {
      for (const place of places)
        if (place.subscriber === subscriber && place.position === undefined) return true;
    }
    return false;
  }

  left(topic: string, subscriber: Some): void {
    for (const place of this.#topics.get(topic) ?? [])
      if (place.subscriber === subscriber) this.remove(place);
  }

  clear(): void {
    this.#topics.clear();
  }

  /**
   * A message is delivered.
   *
   * @param except who gets it at no time.
   * @returns who does not get it now, as all others do.
   */
  leaveOut(topic: string, kept: Kept, except: Some | undefined): ReadonlySet<Some> {
    const leftOut = new Set<Some>();
    for (const place of this.#topics.get(topic) ?? []) {
      const { subscriber, position } = place;
      if (position === undefined) {
        leftOut.add(subscriber);
        if (subscriber !== except && !place.isOver) this.#hold(place, { ...kept, previous: 0 });
      } else if (isBehind(kept, position)) {
        this.remove(place);
      } else {
        leftOut.add(subscriber);
      }
    }
    return leftOut;
  }

  #hold(place: Place<Some>, message: BrokerMessage): void {
    if (this.#room.take(message)) {
      place.held.push(message);
    } else {
      place.isOver = true;
      this.#room.give(place.held.splice(0));
    }
  }
}

function isBehind({ position: { epoch, offset } }: Kept, position: Position): boolean {
  return epoch !== position.epoch || offset > position.offset;
}
