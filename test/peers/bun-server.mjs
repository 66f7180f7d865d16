// Bun.serve as an echo server.
import { chooseProtocol, createEcho, print } from './echo.mjs';

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch(request, self) {
    const offered = request.headers.get('sec-websocket-protocol')?.split(/, */) ?? [];
    const protocol = chooseProtocol(offered);
    const headers = protocol ? { 'Sec-WebSocket-Protocol': protocol } : {};
    const data = { path: new URL(request.url).pathname, protocol };
    return self.upgrade(request, { data, headers })
      ? undefined
      : new Response('no handshake', { status: 400 });
  },
  websocket: {
    open(socket) {
      socket.data.echo = createEcho({
        send: (message) => void socket.send(message),
        close: (code, reason) => socket.close(code, reason),
        ping: (payload) => void socket.ping(payload),
      });
      socket.data.echo.open(socket.data.path);
    },
    message: (socket, message) => socket.data.echo.message(message),
    pong: (socket, payload) => socket.data.echo.pong(payload.toString()),
    close: (socket, code, reason) =>
      print(socket.data.echo.transcript(socket.data.path, socket.data.protocol, { code, reason })),
  },
});

console.log(`listening ${server.port}`);
