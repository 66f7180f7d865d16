// A chat with rooms: each room is a topic. Open ws://127.0.0.1:8080/ROOM?name=NAME, for instance twice with
//
//     node packages/cli/dist/main.js connect 'ws://127.0.0.1:8080/kitchen?name=Ada'
import { reject, serve } from 'bothways';

const server = await serve(
  {
    port: Number(process.env['PORT'] ?? 8080),
    maxMessageSize: 4096,
    accept(request) {
      const { pathname, searchParams } = new URL(request.url, 'ws://localhost');
      const room = pathname.slice(1);
      const name = searchParams.get('name') ?? '';
      if (room === '' || name === '') return reject(400, 'Connect to /ROOM?name=NAME');
      return { room, name };
    },
  },
  {
    open(socket) {
      const { room, name } = socket.state;
      socket.subscribe(room);
      server.publish(room, `${name} is here`);
    },
    message(socket, data) {
      const { room, name } = socket.state;
      if (typeof data === 'string') server.publish(room, `${name}: ${data}`, { except: socket });
    },
    close(socket) {
      const { room, name } = socket.state;
      server.publish(room, `${name} has left`);
    },
  },
);
console.log(`Listening: ${server.url}`);
