/** bothways as its guide recommends for speed: one handler object for the whole server. */
import { createRequire } from 'node:module';
import { serve } from 'bothways';
import {
  HOST,
  LEVEL,
  MAX_MESSAGE,
  MAX_WAITING,
  TOPIC,
  control,
  mode,
  numberedMessage,
  parseWish,
  tlsOptions,
} from './control.mjs';

const echo = {
  message(socket, data) {
    socket.send(data);
  },
};

const publish = {
  message(socket, data) {
    const { isSubscribe, from, to } = parseWish(data);
    if (isSubscribe) {
      socket.subscribe(TOPIC);
      socket.send(numberedMessage(0));
    }
    for (let number = from; number < to; number++) server.publish(TOPIC, numberedMessage(number));
  },
};

const server = await serve(
  {
    port: 0,
    host: HOST,
    tls: tlsOptions(),
    maxMessageSize: MAX_MESSAGE,
    maxBufferedBytes: MAX_WAITING,
    compression: mode() === 'compressed' && { threshold: 0, level: LEVEL },
  },
  mode() === 'publish' ? publish : echo,
);
const { version } = createRequire(import.meta.url)('bothways/package.json');
control({ name: 'bothways', version, port: server.port });
