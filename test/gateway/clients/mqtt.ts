import mqtt, { type MqttClient } from 'mqtt';
import { type Client, type Content, Received, runUntilEnd, watchSocket } from './talk.js';

/** MQTT 3.1.1 by `mqtt`: a subscription, and messages to it with QoS 1. */
export const talkMqtt3: Client = (talk, contents) => talkMqtt(4, talk, contents);

/** MQTT 5. */
export const talkMqtt5: Client = (talk, contents) => talkMqtt(5, talk, contents);

async function talkMqtt(
  protocolVersion: 4 | 5,
  { url, user, password, address, WebSocket }: Parameters<Client>[0],
  contents: readonly Content[],
): ReturnType<Client> {
  const watched = watchSocket(WebSocket);
  const received = new Received(contents.length);
  const client = mqtt.connect(url, {
    protocolVersion,
    username: user,
    password,
    reconnectPeriod: 0,
    // In Node it would take the class of `ws`.
    forceNativeWebSocket: true,
    createWebsocket: (target: string, protocols: string[]) =>
      new watched.WebSocket(target, protocols) as never,
  });
  await runUntilEnd(exchange(client, address, contents, received), watched.ended);
  // DISCONNECT, and then the WebSocket.
  await client.endAsync();
  return { received: received.all, ...(await watched.ended) };
}

async function exchange(
  client: MqttClient,
  topic: string,
  contents: readonly Content[],
  received: Received,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve());
    client.once('error', reject);
  });
  // MQTT has bytes alone.
  const isText = contents.map((content) => typeof content === 'string');
  client.on('message', (_topic, payload) => {
    const bytes = Uint8Array.from(payload);
    received.add(isText[received.all.length] === true ? new TextDecoder().decode(bytes) : bytes);
  });
  await client.subscribeAsync(topic, { qos: 1 });
  const sent = contents.map((content) => client.publishAsync(topic, content as never, { qos: 1 }));
  await Promise.all(sent);
  await received.isComplete;
}
