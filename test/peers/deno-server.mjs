// Deno.upgradeWebSocket as an echo server.
import { chooseProtocol, createEcho, print } from './echo.mjs';

Deno.serve({
  hostname: '127.0.0.1',
  port: 0,
  onListen: ({ port }) => console.log(`listening ${port}`),
  handler(request) {
    const offered = request.headers.get('sec-websocket-protocol')?.split(/, */) ?? [];
    const protocol = chooseProtocol(offered);
    const { socket, response } = Deno.upgradeWebSocket(request, protocol ? { protocol } : {});
    const echo = createEcho(socket);
    const { pathname } = new URL(request.url);
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('open', () => echo.open(pathname));
    socket.addEventListener('message', ({ data }) =>
      echo.message(typeof data === 'string' ? data : new Uint8Array(data)),
    );
    socket.addEventListener('close', ({ code, reason }) =>
      print(echo.transcript(pathname, protocol, { code, reason })),
    );
    return response;
  },
});
