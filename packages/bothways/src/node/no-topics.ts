import type { ConnectionTopics } from './served-connection.js';

function refuse(): never {
  throw new TypeError('Topics live on the server: a client cannot do that by itself, ask the server to');
}

/** The topics of a client. */
export const NO_TOPICS: ConnectionTopics<never> = {
  subscribe: refuse,
  recover: refuse,
  unsubscribe: refuse,
  publish: refuse,
  join: refuse,
  leave: refuse,
  save: refuse,
  publisher: undefined,
  through: refuse,
};
