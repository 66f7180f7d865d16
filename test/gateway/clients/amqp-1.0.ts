import rhea, { type Connection, type EventContext } from 'rhea';
import { type Client, type Content, Received, runUntilEnd, watchSocket } from './talk.js';

/** AMQP 1.0 by `rhea`: a receiver and a sender at a topic of RabbitMQ. */
export const talkAmqp10: Client = async ({ url, user, password, address, WebSocket }, contents) => {
  const watched = watchSocket(WebSocket);
  const received = new Received(contents.length);
  const container = rhea.create_container();
  const connectBy = container.websocket_connect(watched.WebSocket as never);
  const connection = container.connect({
    connection_details: connectBy(url, ['amqp'], {}),
    username: user,
    password,
    reconnect: false,
  } as never);
  const talk = async () => {
    const topic = `/topic/${address}`;
    connection.on('message', ({ message }: EventContext) => received.add(contentOf(message?.body)));
    const isSubscribed = event(connection, 'receiver_open');
    connection.open_receiver({ source: topic, credit_window: 100 });
    await isSubscribed;
    await sendAll(connection, topic, contents);
    await received.isComplete;
    const isClosed = event(connection, 'connection_close');
    connection.close();
    await isClosed;
  };
  await runUntilEnd(talk(), watched.ended);
  return { received: received.all, ...(await watched.ended) };
};

function event(connection: Connection, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.once(name, () => resolve());
    for (const failure of ['connection_error', 'receiver_error', 'sender_error']) {
      connection.once(failure, () => reject(new Error(`AMQP: ${failure}`)));
    }
  });
}

/** Sends as many at a time as the receiver has given credit for. */
function sendAll(connection: Connection, target: string, contents: readonly Content[]): Promise<void> {
  return new Promise((resolve) => {
    const rest = [...contents];
    connection.on('sendable', ({ sender }: EventContext) => {
      while (rest.length > 0 && sender?.sendable() === true) {
        const content = rest.shift()!;
        const body = typeof content === 'string' ? content : rhea.message.data_section(content);
        sender.send({ body: body as unknown });
      }
      if (rest.length === 0) resolve();
    });
    connection.open_sender(target);
  });
}

/** Texts are values, and bytes are data sections (AMQP 1.0 part 3 section 3.2). */
function contentOf(body: unknown): string | Uint8Array {
  return typeof body === 'string' ? body : (body as { content: Uint8Array }).content;
}
