import { promisify } from 'node:util';
import { Aedes } from 'aedes';
import { listenTcp, type TcpServer } from './tcp-server.js';

/** The longest topic and the largest payload that the broker keeps or hands on, bytes. */
const MAX_TOPIC = 256;
const MAX_PAYLOAD = 65_536;
/** Subscriptions of one client. */
const MAX_SUBSCRIPTIONS = 64;
/** Topics with a retained message: they are kept until the broker ends. */
const MAX_RETAINED = 256;

/** A broker of MQTT 3.1 and 3.1.1 in this process, by aedes. It keeps nothing on disk. */
export async function startMqttServer(): Promise<TcpServer> {
  const broker = await Aedes.createBroker({ id: 'bothways-demo', keepaliveLimit: 600, maxTopicLevels: 16 });
  limitWhatIsKept(broker);
  const server = await listenTcp((socket) => {
    broker.handle(socket);
  });
  return {
    url: server.url,
    close: async () => {
      await promisify((done: () => void) => broker.close(done))();
      await server.close();
    },
  };
}

function limitWhatIsKept(broker: Aedes): void {
  const retained = new Set<string>();
  broker.preConnect = (_client, packet, done) => {
    // A session that outlives its connection would keep messages for somebody who may never come back.
    done(
      packet.clean === true ? null : new Error('Only clean sessions are kept here'),
      packet.clean === true,
    );
  };
  broker.authorizePublish = (_client, packet, done) => {
    const { topic, payload, retain } = packet;
    if (topic.startsWith('$')) return done(new Error('Topics of the broker are not published to'));
    if (topic.length > MAX_TOPIC || payload.length > MAX_PAYLOAD) return done(new Error('Too large'));
    if (retain) {
      if (payload.length === 0) retained.delete(topic);
      else if (retained.size >= MAX_RETAINED && !retained.has(topic)) packet.retain = false;
      else retained.add(topic);
    }
    return done(null);
  };
  const subscriptions = new WeakMap<object, Set<string>>();
  broker.authorizeSubscribe = (client, subscription, done) => {
    const topics = subscriptions.get(client) ?? new Set();
    subscriptions.set(client, topics.add(subscription.topic));
    if (topics.size <= MAX_SUBSCRIPTIONS && subscription.topic.length <= MAX_TOPIC)
      return done(null, subscription);
    topics.delete(subscription.topic);
    // It is told so in SUBACK.
    return done(null);
  };
  broker.on('unsubscribe', (topics, client) => {
    for (const topic of topics) subscriptions.get(client)?.delete(topic);
  });
}
