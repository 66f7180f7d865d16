/** Bun's built-in server; this file is run by Bun. */
import {
  HOST,
  MAX_MESSAGE,
  MAX_WAITING,
  TOPIC,
  control,
  mode,
  numberedMessage,
  parseWish,
  tlsOptions,
} from './control.mjs';

const { Bun } = globalThis;
const isCompressed = mode() === 'compressed';

const echo = (socket, message) => {
  socket.send(message, isCompressed);
};
const publish = (socket, message) => {
  const { isSubscribe, from, to } = parseWish(message);
  if (isSubscribe) {
    socket.subscribe(TOPIC);
    socket.send(numberedMessage(0));
  }
  for (let number = from; number < to; number++) server.publish(TOPIC, numberedMessage(number));
};

const server = Bun.serve({
  hostname: HOST,
  port: 0,
  tls: tlsOptions(),
  fetch(request, self) {
    return self.upgrade(request) ? undefined : new Response('Upgrade required', { status: 426 });
  },
  websocket: {
    perMessageDeflate: isCompressed && { compress: 'shared', decompress: 'shared' },
    maxPayloadLength: MAX_MESSAGE,
    backpressureLimit: MAX_WAITING,
    message: mode() === 'publish' ? publish : echo,
  },
});
control({ name: 'bun', version: Bun.version, port: server.port });
