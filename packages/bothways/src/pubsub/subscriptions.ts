import { BothwaysError } from '../protocol/errors.js';
import { covers } from './filter.js';
import type { Member } from './presence.js';

/** What a connection may do with topics: a filter grants all topics that it has. What is left out grants nothing. */
export interface TopicRights {
  readonly subscribe?: readonly string[] | undefined;
  readonly publish?: readonly string[] | undefined;
}

/** A connection has no right to what was asked for in its name. Thrown by a handler, it closes the connection with 1008. */
export class RightsError extends BothwaysError {
  readonly right: keyof TopicRights;
  readonly topic: string;

  constructor(right: keyof TopicRights, topic: string) {
    super('ERR_FORBIDDEN_TOPIC', `This connection may not ${right} to '${topic}'`);
    this.right = right;
    this.topic = topic;
  }
}

/** The close reason for a peer that has made its connection ask for what it may not. */
export const NO_RIGHT = 'You may not do that with this topic';

/** What a connection has to do with topics. */
export class Subscriptions {
  readonly filters = new Set<string>();
  /** The topics in which it is shown as a member, and as which. */
  members: Map<string, Member> | undefined;
  /** All that as JSON, if it has not changed since that was asked for. */
  text: string | undefined;
  /** `undefined` grants everything. */
  readonly rights: TopicRights | undefined;

  constructor(rights: TopicRights | undefined) {
    this.rights = rights;
  }

  /** @throws {RightsError} */
  demand(right: keyof TopicRights, filter: string): void {
    if (this.rights === undefined) return;
    const granted = this.rights[right] ?? [];
    if (!granted.some((each) => covers(each, filter))) throw new RightsError(right, filter);
  }
}
