// An echo server of sessions: `node server.mjs bothways|socketio|sockjs`. Prints its port; `memory` asks for its memory.
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { residentBytes } from '../proc.mjs';

const starts = {
  async bothways(http) {
    const { serve } = await import('bothways');
    await serve(
      { server: http, path: '/live', sessions: true },
      {
        message(socket, data) {
          socket.send(data);
        },
      },
    );
  },
  async socketio(http) {
    const { Server } = await import('socket.io');
    const io = new Server(http, { path: '/live', serveClient: false });
    io.on('connection', (socket) => socket.on('m', (data) => socket.emit('m', data)));
  },
  async sockjs(http) {
    const { default: sockjs } = await import('sockjs');
    const echo = sockjs.createServer({ log: () => {} });
    echo.on('connection', (socket) => socket.on('data', (data) => socket.write(data)));
    echo.installHandlers(http, { prefix: '/live' });
  },
};

const http = createServer({ keepAliveTimeout: 30_000 });
await starts[process.argv[2]](http);
http.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: http.address().port })));
createInterface({ input: process.stdin })
  .on('line', () => {
    globalThis.gc?.();
    console.log(JSON.stringify({ memory: residentBytes('self') }));
  })
  .on('close', () => process.exit(0));
