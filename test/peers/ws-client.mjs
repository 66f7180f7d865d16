// The `ws` package: its class has the WHATWG interface and can also ping and send fragments.
import { WebSocket } from 'ws';
import { main, whatwg } from './conversations.mjs';
import { sendFragments } from './ws-fragments.mjs';

const extend = (socket) => ({
  sendFragments: (message, count) => sendFragments(socket, message, count),
  ping: (payload) =>
    new Promise((resolve) => {
      socket.once('pong', (answer) => resolve(answer.toString()));
      socket.ping(payload);
    }),
});

const { DEFLATE } = process.env;
class Client extends WebSocket {
  constructor(url, protocols) {
    super(url, protocols, DEFLATE === undefined ? {} : { perMessageDeflate: JSON.parse(DEFLATE) });
  }
}

await main(whatwg(Client, extend), process.argv.slice(2));
