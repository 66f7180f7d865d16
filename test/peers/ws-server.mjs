// The `ws` package as an echo server.
import { WebSocketServer } from 'ws';
import { chooseProtocol, createEcho, print } from './echo.mjs';
import { sendFragments } from './ws-fragments.mjs';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: 0,
  perMessageDeflate: JSON.parse(process.env.DEFLATE ?? 'false'),
  handleProtocols: (offered) => chooseProtocol([...offered]) || false,
});

server.on('connection', (socket, request) => {
  const echo = createEcho({
    send: (message) => socket.send(message),
    close: (code, reason) => socket.close(code, reason),
    ping: (payload) => socket.ping(payload),
    sendFragments: (text, count) => sendFragments(socket, text, count),
  });
  echo.open(request.url);
  socket.on('message', (bytes, isBinary) => echo.message(isBinary ? bytes : decoder.decode(bytes)));
  socket.on('pong', (payload) => echo.pong(payload.toString()));
  socket.on('close', (code, reason) => {
    void print(echo.transcript(request.url, socket.protocol, { code, reason: reason.toString() }));
  });
});

server.on('listening', () => console.log(`listening ${server.address().port}`));
