// A server whose clients never lose a message: it says what each of them said to all.
//
//     node examples/session-server.ts     (PORT=8080 unless it is set)
import { serve } from 'bothways';

const server = await serve(
  { port: Number(process.env['PORT'] ?? 8080), sessions: true },
  {
    open(socket) {
      socket.subscribe('everybody');
    },
    message(_socket, data) {
      server.publish('everybody', data);
    },
  },
);
console.log(`Listening: ${server.url}`);

process.once('SIGINT', () => void server.close());
process.once('SIGTERM', () => void server.close());
