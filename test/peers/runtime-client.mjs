// Node 22, Node 24, Bun and Deno: their own global WebSocket. Bun's can also ping.
import { main, whatwg } from './conversations.mjs';

const extend = (socket) => ({
  ping: (payload) =>
    new Promise((resolve) => {
      socket.addEventListener('pong', (event) => resolve(new TextDecoder().decode(event.data)), {
        once: true,
      });
      socket.ping(payload);
    }),
});

const args = globalThis.Deno ? globalThis.Deno.args : process.argv.slice(2);
await main(whatwg(WebSocket, extend), args);
