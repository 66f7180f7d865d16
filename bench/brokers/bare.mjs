/** The floor for all that is built on Node's sockets and a client of Redis: no more than has to be done. */
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createClient } from 'redis';
import { HOST, TOPIC } from '../servers/control.mjs';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const FIN_TEXT = 0x81;

/** Writes to all that connect, what is published in one tick in one write each, and never reads. */
export async function startBare(url) {
  const own = randomUUID();
  const sockets = new Set();
  let frames = [];
  const deliver = (text) => {
    // A text below 126 bytes (RFC 6455 section 5.2).
    frames.push(Buffer.from([FIN_TEXT, text.length]), Buffer.from(text));
    if (frames.length === 2) process.nextTick(flush);
  };
  const flush = () => {
    const bytes = Buffer.concat(frames);
    frames = [];
    for (const socket of sockets) socket.write(bytes);
  };

  const client = createClient({ url });
  const subscriber = client.duplicate();
  await Promise.all([client.connect(), subscriber.connect()]);
  await subscriber.subscribe(TOPIC, (message) => {
    if (!message.startsWith(own)) deliver(message.slice(own.length));
  });

  const http = createServer();
  http.on('upgrade', (request, socket) => {
    const accept = createHash('sha1')
      .update(request.headers['sec-websocket-key'] + GUID)
      .digest('base64');
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.setNoDelay();
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    sockets.add(socket);
  });
  http.listen(0, HOST);
  await once(http, 'listening');
  return {
    port: http.address().port,
    async publish(text) {
      deliver(text);
      await client.publish(TOPIC, own + text);
    },
  };
}
