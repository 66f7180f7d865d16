import { checkFilter } from '../pubsub/filter.js';
import type { TopicRights } from '../pubsub/subscriptions.js';
import type { Rejection } from './rejection.js';

/** What `accept` returns to let a connection in with rights; made by `admit`. */
export class Admission<State> {
  readonly state: State;
  readonly rights: TopicRights;

  /** @internal */
  constructor(state: State, rights: TopicRights) {
    this.state = state;
    this.rights = rights;
  }
}

/** What `accept` may say. */
export type Decision<State> = State | Admission<State> | Rejection;

/**
 * Lets a connection in, from within `accept`, and says what may be done with topics in its name: by `subscribe`,
 * `join` and `publish` of the connection. Where `accept` returns the state alone, or is not there, all may be done.
 *
 *     accept: (request) => admit({ user }, { subscribe: ['news/#', `users/${user}`], publish: ['chat/+'] })
 *
 * @param state what is kept with the connection.
 * @param rights filters of topics; a member that is left out grants nothing.
 * @throws {TypeError} for what is no filter.
 */
export function admit<State>(state: State, rights: TopicRights): Admission<State> {
  for (const filters of [rights.subscribe, rights.publish])
    for (const filter of filters ?? []) checkFilter(filter);
  return new Admission(state, rights);
}
