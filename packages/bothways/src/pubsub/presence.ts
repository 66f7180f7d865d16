/** Who is here: a user, a device, whatever the application counts as one, by however many connections. */
export interface Member {
  /** At most 256 UTF-16 code units. */
  readonly id: string;
  /** What the application says of it: a value that JSON can carry. */
  readonly info: unknown;
}

interface Place {
  member: Member;
  /** The nodes that it is at. */
  readonly nodes: Set<string>;
}

/** Whom presence tells that somebody came who was not there at any node, or is not there at any node any more. */
export interface PresenceWatcher {
  onJoin(topic: string, member: Member): void;
  onLeave(topic: string, member: Member): void;
}

/** Who is here, by topic, at all nodes together. */
export class Presence {
  readonly #topics = new Map<string, Map<string, Place>>();
  readonly #watcher: PresenceWatcher;

  constructor(watcher: PresenceWatcher) {
    this.#watcher = watcher;
  }

  /** Those of a topic, in the order in which they came. */
  members(topic: string): Member[] {
    return [...(this.#topics.get(topic)?.values() ?? [])].map(({ member }) => member);
  }

  /** A member is at a node, or has another info there. */
  add(node: string, topic: string, member: Member): void {
    let places = this.#topics.get(topic);
    if (places === undefined) this.#topics.set(topic, (places = new Map()));
    const place = places.get(member.id);
    if (place === undefined) {
      places.set(member.id, { member, nodes: new Set([node]) });
      this.#watcher.onJoin(topic, member);
      return;
    }
    place.member = member;
    place.nodes.add(node);
  }

  remove(node: string, topic: string, id: string): void {
    const places = this.#topics.get(topic);
    const place = places?.get(id);
    if (place?.nodes.delete(node) !== true || place.nodes.size > 0) return;
    places!.delete(id);
    if (places!.size === 0) this.#topics.delete(topic);
    this.#watcher.onLeave(topic, place.member);
  }
}
