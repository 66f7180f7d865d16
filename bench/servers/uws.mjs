/** uWebSockets.js (C++), its native code and not the JavaScript one that its package falls back to. */
import { createRequire } from 'node:module';
import {
  HOST,
  MAX_MESSAGE,
  MAX_WAITING,
  TOPIC,
  control,
  mode,
  numberedMessage,
  parseWish,
  tlsFiles,
  unavailable,
} from './control.mjs';

const require = createRequire(import.meta.url);
const PACKAGE = '@trufflesuite/uws-js-unofficial';
const {
  App,
  SSLApp,
  DISABLED,
  SHARED_COMPRESSOR,
  SHARED_DECOMPRESSOR,
  us_socket_local_port: localPort,
} = require(PACKAGE);
const isCompressed = mode() === 'compressed';
if (!App.toString().includes('[native code]'))
  unavailable('there is no native code for this version of Node');

const echo = (socket, message, isBinary) => {
  socket.send(message, isBinary, isCompressed);
};
const publish = (socket, message) => {
  const { isSubscribe, from, to } = parseWish(Buffer.from(message).toString());
  if (isSubscribe) {
    socket.subscribe(TOPIC);
    socket.send(numberedMessage(0), true);
  }
  for (let number = from; number < to; number++) app.publish(TOPIC, numberedMessage(number), true);
};

const { cert, key } = mode() === 'tls' ? tlsFiles() : {};
const app = cert === undefined ? App() : SSLApp({ cert_file_name: cert, key_file_name: key });
app.ws('/*', {
  compression: isCompressed ? SHARED_COMPRESSOR | SHARED_DECOMPRESSOR : DISABLED,
  maxPayloadLength: MAX_MESSAGE,
  maxBackpressure: MAX_WAITING,
  message: mode() === 'publish' ? publish : echo,
});
app.listen(HOST, 0, (listening) => {
  if (!listening) throw new Error('uWebSockets.js cannot listen');
  const version = require(`${PACKAGE}/package.json`).version.split('-')[0];
  control({ name: 'uws', version, port: localPort(listening) });
});
