import { type Carrier, socketClassOf } from './carriers.js';
import { type ClientName, CLIENTS } from './clients/index.js';
import type { Account, Outcome } from './clients/talk.js';

// What a page of Chromium does for the tests: it has all clients, and runs one of them when it is asked to.

/** As the test calls it. */
export type TalkInPage = (name: ClientName, carrier: Carrier, account: Account) => Promise<Outcome>;

const talkInPage: TalkInPage = (name, carrier, account) => {
  const { talk, contents } = CLIENTS[name];
  const { WebSocket } = globalThis as { WebSocket?: unknown };
  return talk({ ...account, WebSocket: socketClassOf(carrier, WebSocket) }, contents);
};

Object.assign(globalThis, { talkInPage });
