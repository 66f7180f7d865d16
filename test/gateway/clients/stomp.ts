import { Client as StompClient, type IMessage } from '@stomp/stompjs';
import { type Client, Received, runUntilEnd, watchSocket } from './talk.js';

const BINARY = 'application/octet-stream';

/** STOMP by `@stomp/stompjs`: a subscription to a topic, and messages to it. */
export const talkStomp: Client = async ({ url, user, password, address, WebSocket }, contents) => {
  const watched = watchSocket(WebSocket);
  const received = new Received(contents.length);
  const destination = `/topic/${address}`;
  const client = new StompClient({
    webSocketFactory: () => new watched.WebSocket(url, ['v12.stomp', 'v11.stomp', 'v10.stomp']) as never,
    connectHeaders: { login: user, passcode: password, host: '/' },
    reconnectDelay: 0,
  });
  await runUntilEnd(subscribe(client, destination, received), watched.ended);
  for (const content of contents) {
    client.publish(
      typeof content === 'string'
        ? { destination, body: content, headers: { 'content-type': 'text/plain' } }
        : { destination, binaryBody: content, headers: { 'content-type': BINARY } },
    );
  }
  await runUntilEnd(received.isComplete, watched.ended);
  // DISCONNECT with a receipt, and then the WebSocket.
  await client.deactivate();
  return { received: received.all, ...(await watched.ended) };
};

/** Connects and subscribes; resolves when the server has said that it did. */
function subscribe(client: StompClient, destination: string, received: Received): Promise<void> {
  return new Promise((resolve, reject) => {
    client.onStompError = ({ headers, body }) => reject(new Error(`${headers['message']}: ${body}`));
    client.onConnect = () => {
      client.watchForReceipt('subscribed', () => resolve());
      client.subscribe(destination, (message) => received.add(contentOf(message)), { receipt: 'subscribed' });
    };
    client.activate();
  });
}

function contentOf(message: IMessage): string | Uint8Array {
  return message.headers['content-type'] === BINARY ? message.binaryBody : message.body;
}
