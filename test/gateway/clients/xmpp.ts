import { client as createClient, xml, type XmppClient } from '@xmpp/client';
import { type Client, type Content, Received, runUntilEnd, watchSocket } from './talk.js';

/** XMPP by `@xmpp/client`, which takes the global `WebSocket`: messages to itself. XMPP has texts alone. */
export const talkXmpp: Client = async ({ url, user, password, address, WebSocket }, contents) => {
  const watched = watchSocket(WebSocket);
  const received = new Received(contents.length);
  const world = globalThis as { WebSocket?: unknown };
  const before = world.WebSocket;
  world.WebSocket = watched.WebSocket;
  try {
    const client = createClient({
      service: url,
      domain: 'localhost',
      username: user,
      password,
      resource: address,
    });
    client.reconnect.stop();
    await runUntilEnd(exchange(client, contents, received), watched.ended);
    // `</stream:stream>` as RFC 7395 has it, and its answer.
    await client.stop();
    return { received: received.all, ...(await watched.ended) };
  } finally {
    world.WebSocket = before;
  }
};

async function exchange(client: XmppClient, contents: readonly Content[], received: Received): Promise<void> {
  const failure = new Promise<never>((_, reject) => client.on('error', reject));
  client.on('stanza', (stanza) => {
    if (stanza.is('message')) received.add(stanza.getChildText('body') ?? '');
  });
  const address = String(await Promise.race([client.start(), failure]));
  for (const content of contents) {
    await client.send(xml('message', { to: address, type: 'chat' }, xml('body', {}, content)));
  }
  await Promise.race([received.isComplete, failure]);
}
