import { AMQPWebSocketClient } from '@cloudamqp/amqp-client/amqp-websocket-client';
import { type Client, Received, runUntilEnd, watchSocket } from './talk.js';

const TEXT = 'text/plain';

/** AMQP 0-9-1 by `@cloudamqp/amqp-client`, which takes the global `WebSocket`: a queue of its own, and messages to it. */
export const talkAmqp091: Client = async ({ url, user, password, address, WebSocket }, contents) => {
  const watched = watchSocket(WebSocket);
  const received = new Received(contents.length);
  const client = new AMQPWebSocketClient({ url, vhost: '/', username: user, password });
  const talk = async () => {
    await connect(client, watched.WebSocket);
    const channel = await client.channel();
    const { name } = await channel.queueDeclare(address, { exclusive: true, durable: false });
    await channel.basicConsume(name, { noAck: true }, ({ body, properties }) => {
      const bytes = body ?? new Uint8Array();
      // It hands out a part of the memory that it receives into.
      received.add(properties.contentType === TEXT ? new TextDecoder().decode(bytes) : bytes.slice());
    });
    for (const content of contents) {
      const contentType = typeof content === 'string' ? TEXT : 'application/octet-stream';
      await channel.basicPublish('', name, content, { contentType });
    }
    await received.isComplete;
    await client.close();
  };
  await runUntilEnd(talk(), watched.ended);
  return { received: received.all, ...(await watched.ended) };
};

/** It makes its WebSocket at once, from the global class. */
function connect(client: AMQPWebSocketClient, WebSocket: unknown): Promise<unknown> {
  const world = globalThis as { WebSocket?: unknown };
  const before = world.WebSocket;
  world.WebSocket = WebSocket;
  try {
    return client.connect();
  } finally {
    world.WebSocket = before;
  }
}
