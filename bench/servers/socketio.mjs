/** Socket.IO as its documentation recommends for speed: WebSocket only, `ws` with `bufferutil`, no compression. */
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { Server } from 'socket.io';
import { HOST, MAX_MESSAGE, TOPIC, control, mode, numberedText, parseWish } from './control.mjs';

const http = createServer();
const server = new Server(http, {
  transports: ['websocket'],
  perMessageDeflate: false,
  maxHttpBufferSize: MAX_MESSAGE,
  serveClient: false,
  // None falls into a window: the others' heartbeats do not either.
  pingInterval: 120_000,
});

function onEcho(text) {
  this.emit('message', text);
}

function onPublish(text) {
  const { isSubscribe, from, to } = parseWish(text);
  if (isSubscribe) {
    this.join(TOPIC);
    this.emit('message', numberedText(0));
  }
  for (let number = from; number < to; number++) server.to(TOPIC).emit('message', numberedText(number));
}

server.on('connection', (socket) => {
  // Its documentation: keep no reference to the first request, to save memory.
  socket.conn.request = null;
  socket.on('message', mode() === 'publish' ? onPublish : onEcho);
});
http.listen({ host: HOST, port: 0, backlog: 4096 }, () => {
  const { version } = createRequire(import.meta.url)('socket.io/package.json');
  control({ name: 'socketio', version, port: http.address().port });
});
