/** SockJS (sockjs-node) with its own protocol over WebSocket. It has no topics: whoever publishes goes over all. */
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import sockjs from 'sockjs';
import { HOST, control, mode, numberedText, parseWish } from './control.mjs';

const http = createServer();
// No heartbeat falls into a window: the others' do not either.
const server = sockjs.createServer({ log: () => {}, heartbeat_delay: 120_000 });
const subscribers = new Set();

function onEcho(text) {
  this.write(text);
}

function onPublish(text) {
  const { isSubscribe, from, to } = parseWish(text);
  if (isSubscribe) {
    subscribers.add(this);
    this.write(numberedText(0));
  }
  for (let number = from; number < to; number++) {
    const message = numberedText(number);
    for (const subscriber of subscribers) subscriber.write(message);
  }
}

server.on('connection', (connection) => {
  connection.on('data', mode() === 'publish' ? onPublish : onEcho);
  connection.on('close', () => subscribers.delete(connection));
});
server.installHandlers(http, { prefix: '/echo' });
http.listen({ host: HOST, port: 0, backlog: 4096 }, () => {
  const { version } = createRequire(import.meta.url)('sockjs/package.json');
  control({ name: 'sockjs', version, port: http.address().port });
});
