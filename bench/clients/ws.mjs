/** ws as its documentation recommends for speed: with the native `bufferutil`, and without compression. */
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { WebSocket } from 'ws';
import { control } from './control.mjs';

const require = createRequire(import.meta.url);
const note = `bufferutil ${require('bufferutil/package.json').version}`;
control({ ...require('ws/package.json'), note }, async (url, payload, check) => {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await once(socket, 'open');
  socket.on('message', (/** @type {Buffer} */ data, isBinary) => {
    check(isBinary ? data : data.toString());
    socket.send(payload);
  });
  return { send: () => socket.send(payload), close: () => socket.terminate() };
});
