import { talkAmqp091 } from './amqp-0-9-1.js';
import { talkAmqp10 } from './amqp-1.0.js';
import { talkMqtt3, talkMqtt5 } from './mqtt.js';
import { talkRedis } from './redis.js';
import { talkStomp } from './stomp.js';
import { BYTES, type Client, type Content, TEXTS } from './talk.js';
import { talkXmpp } from './xmpp.js';

export type ClientName = 'stomp' | 'amqp-0-9-1' | 'amqp-1.0' | 'xmpp' | 'mqtt-3.1.1' | 'mqtt-5' | 'redis';

/** Each client, and what it publishes. */
export const CLIENTS: Readonly<Record<ClientName, { talk: Client; contents: readonly Content[] }>> = {
  stomp: { talk: talkStomp, contents: [...TEXTS, ...BYTES] },
  'amqp-0-9-1': { talk: talkAmqp091, contents: [...TEXTS, ...BYTES] },
  'amqp-1.0': { talk: talkAmqp10, contents: [...TEXTS, ...BYTES] },
  xmpp: { talk: talkXmpp, contents: TEXTS },
  'mqtt-3.1.1': { talk: talkMqtt3, contents: [...TEXTS, ...BYTES] },
  'mqtt-5': { talk: talkMqtt5, contents: [...TEXTS, ...BYTES] },
  redis: { talk: talkRedis, contents: [...TEXTS, ...BYTES] },
};
