// Sends 64 MiB to every client as fast as it takes them, and never holds more than a little of it: when `send`
// returns false, it waits for `ready` before it makes the next chunk.
import { ReadyState, serve } from 'bothways';

const CHUNK = 16 * 1024;
const COUNT = 4096;

const server = await serve({ port: Number(process.env['PORT'] ?? 8080) }, async (socket) => {
  let mostWaiting = 0;
  for (let index = 0; index < COUNT && socket.readyState === ReadyState.OPEN; index++) {
    const chunk = Buffer.alloc(CHUNK, index);
    const isBelow = socket.send(chunk);
    mostWaiting = Math.max(mostWaiting, socket.bufferedAmount);
    if (!isBelow) await socket.ready;
  }
  console.log(`At most ${mostWaiting} bytes waited`);
});
console.log(`Listening: ${server.url}`);
