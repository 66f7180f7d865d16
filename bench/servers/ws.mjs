/** ws as its documentation recommends for speed: with the native `bufferutil`, and compression only where asked. */
import { createRequire } from 'node:module';
import { createServer } from 'node:https';
import { WebSocketServer } from 'ws';
import {
  HOST,
  LEVEL,
  MAX_MESSAGE,
  control,
  mode,
  numberedMessage,
  parseWish,
  tlsOptions,
  unavailable,
} from './control.mjs';

const require = createRequire(import.meta.url);
if (!require('bufferutil').mask.toString().includes('[native code]')) {
  unavailable('bufferutil did not load its native code');
}

const tls = tlsOptions();
const https = tls === undefined ? undefined : createServer(tls);
const server = new WebSocketServer({
  ...(https === undefined ? { port: 0, host: HOST, backlog: 4096 } : { server: https }),
  perMessageDeflate: mode() === 'compressed' && {
    threshold: 0,
    serverNoContextTakeover: true,
    clientNoContextTakeover: true,
    zlibDeflateOptions: { level: LEVEL },
  },
  clientTracking: false,
  maxPayload: MAX_MESSAGE,
});
const subscribers = new Set();

function onEcho(data, isBinary) {
  this.send(data, { binary: isBinary });
}

function onPublish(data) {
  const { isSubscribe, from, to } = parseWish(data.toString());
  if (isSubscribe) {
    subscribers.add(this);
    this.send(numberedMessage(0));
  }
  for (let number = from; number < to; number++) {
    const message = numberedMessage(number);
    for (const subscriber of subscribers) {
      if (subscriber.readyState === 1) subscriber.send(message, { binary: true });
    }
  }
}

const onMessage = mode() === 'publish' ? onPublish : onEcho;
server.on('connection', (socket) => {
  socket.on('message', onMessage);
  socket.on('error', () => {});
  socket.on('close', () => subscribers.delete(socket));
});
https?.listen(0, HOST);
server.on('listening', () => {
  const { version } = require('ws/package.json');
  const note = `bufferutil ${require('bufferutil/package.json').version}`;
  control({ name: 'ws', version, port: server.address().port, note });
});
