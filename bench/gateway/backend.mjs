// What is behind the proxies: what comes by TCP goes back as it is, and what comes by WebSocket as a message of its own.
// Prints the ports of both.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { serve } from 'bothways';

const tcp = createServer({ noDelay: true }, (socket) => {
  socket.on('data', (bytes) => socket.write(bytes));
  socket.on('error', () => {});
});
tcp.listen(0, '127.0.0.1');
await once(tcp, 'listening');
const webSocket = await serve(
  { port: 0, host: '127.0.0.1', pingInterval: 0 },
  { message: (socket, data) => void socket.send(data) },
);
console.log(JSON.stringify({ tcp: tcp.address().port, webSocket: webSocket.port }));
process.stdin.on('end', () => process.exit(0)).resume();
