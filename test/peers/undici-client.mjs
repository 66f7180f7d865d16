// The `undici` package, which has a function to ping and tells of pongs on a diagnostics channel.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { ping, WebSocket } from 'undici';
import { main, whatwg } from './conversations.mjs';

const extend = (socket) => ({
  ping: (payload) =>
    new Promise((resolve) => {
      function onPong(message) {
        unsubscribe('undici:websocket:pong', onPong);
        resolve(Buffer.from(message.payload).toString());
      }
      subscribe('undici:websocket:pong', onPong);
      ping(socket, Buffer.from(payload));
    }),
});

await main(whatwg(WebSocket, extend), process.argv.slice(2));
