import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bothwaysClients } from '../peers/bothways-client.js';
import { startLibwebsockets } from '../peers/catalogue.js';
import { conversationNames, type Open, said } from '../peers/conversations.mjs';
import { Matrix } from './matrix.js';

// The test server of libwebsockets has protocols of its own: lws-mirror-protocol sends back what it receives, cut
// wherever its buffer of 4,096 bytes ends; dumb-increment-protocol counts, and closes when told.
const mirror = 'lws-mirror-protocol';

const binaryBecomesText = 'lws-mirror-protocol sends binary messages back as text';
const cannot: Readonly<Record<string, string>> = {
  binary: binaryBecomesText,
  'empty-binary': binaryBecomesText,
  'large-binary': binaryBecomesText,
  repeated: 'lws-mirror-protocol is asked for several messages in both-directions',
  'fragments-from-server': 'libwebsockets-test-server does not send fragments',
  'ping-from-server': 'libwebsockets-test-server pings only after minutes of silence',
};
const whatwgCannot: typeof cannot = { ...cannot, 'ping-from-client': 'the WHATWG interface cannot ping' };

/** Holds a conversation and tells what the client saw, beside what it has to see. */
type Conversation = (open: Open, url: string) => Promise<{ seen: object; expected: object }>;

const lines = Array.from({ length: said.count }, (_, i) => `message ${i}\n`);
const conversations: Readonly<Record<string, Conversation>> = {
  text: reflect([said.text]),
  'empty-text': reflect(['']),
  'large-text': reflect(['0123456789abcdef'.repeat(65_536)]), // ASCII: a piece may end anywhere
  unicode: reflect([said.unicode]),
  'ping-from-client': ping,
  'both-directions': reflect(lines),
  'server-speaks-first': listen,
  subprotocol: reflect([said.text], { protocols: ['unknown.interop', mirror] }),
  'close-from-client': reflect([said.text], { code: 4001, reason: said.farewell }),
  'close-from-server': askToClose,
};

/** Sends all messages at once, while they come back: in order and whole, but perhaps in other pieces. */
function reflect(
  messages: readonly string[],
  { protocols = [mirror], code = 1000, reason = 'done' } = {},
): Conversation {
  return async (open, url) => {
    const talk = await open(url, protocols);
    for (const message of messages) talk.send(message);
    const sent = messages.join('');
    let received = '';
    do received += String(await talk.receive());
    while (received.length < sent.length);
    talk.close(code, reason);
    return {
      seen: { protocol: talk.protocol, received, close: await talk.closed },
      expected: { protocol: mirror, received: sent, close: { code } },
    };
  };
}

async function ping(open: Open, url: string) {
  const talk = await open(url, [mirror]);
  const pong = await talk.ping?.(said.ping);
  talk.close(1000, 'done');
  return { seen: { pong, close: await talk.closed }, expected: { pong: said.ping, close: { code: 1000 } } };
}

async function listen(open: Open, url: string) {
  const talk = await open(url, ['dumb-increment-protocol']);
  const first = await talk.receive();
  talk.close(1000, 'done');
  return { seen: { first, close: await talk.closed }, expected: { first: '0', close: { code: 1000 } } };
}

async function askToClose(open: Open, url: string) {
  const talk = await open(url, ['dumb-increment-protocol']);
  talk.send('closeme\n');
  return { seen: await talk.closed, expected: { code: 1001, reason: 'seeya' } };
}

const matrix = new Matrix(
  'libwebsockets',
  'libwebsockets-test-server for a Bothways client',
  conversationNames,
);
let server: Awaited<ReturnType<typeof startLibwebsockets>>;

beforeAll(async () => {
  server = await startLibwebsockets();
}, 30_000);

afterAll(async () => {
  await matrix.write();
  await server?.[Symbol.asyncDispose]();
});

describe.each(Object.entries(bothwaysClients))('libwebsockets for %s', { timeout: 30_000 }, (form, open) => {
  const why = form === 'WebSocket' ? whatwgCannot : cannot;
  for (const [name, reason] of Object.entries(why)) matrix.notPossible(form, name, reason);

  test.each(Object.entries(conversations).filter(([name]) => !(name in why)))('%s', (name, converse) =>
    matrix.check(form, name, async () => {
      const { seen, expected } = await converse(open, server.url);
      expect(seen).toMatchObject(expected);
    }),
  );
});
