// An echo server that slows down a peer who sends faster than it reads.
//
//     node examples/echo-server.ts        (PORT=8080 unless it is set)
import { serve } from 'bothways';

const server = await serve(
  { port: Number(process.env['PORT'] ?? 8080) },
  {
    message(socket, data) {
      if (!socket.send(data)) socket.pause();
    },
    drain(socket) {
      socket.resume();
    },
  },
);
console.log(`Listening: ${server.url}`);

process.once('SIGINT', () => void server.close());
process.once('SIGTERM', () => void server.close());
