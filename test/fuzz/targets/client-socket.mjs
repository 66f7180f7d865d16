/** A server that breaks the standard, over TCP: `connect()` settles, and its connection ends. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { connect } from '../../../packages/bothways/dist/index.js';
import { BothwaysError } from '../../../packages/bothways/dist/protocol/errors.js';
import { randomCuts } from '../cuts.mjs';
import { must } from '../finding.mjs';
import { mutateFrames, mutateText } from '../mutate.mjs';
import { layOut, randomSetup, randomTalk } from '../talk.mjs';
import { Watch, inTime, writePieces } from '../tcp.mjs';

export const name = 'client-socket';

const DEFLATE = 'Sec-WebSocket-Extensions: permessage-deflate\r\n';

let server;
let watch;
/** What the server does with the connection that comes next. */
let onConnection;

export function generate(random) {
  const setup = {
    ...randomSetup(random),
    role: 'client',
    isCompressing: random.oneIn(2),
    reads: random.oneIn(2),
  };
  const { frames } = layOut(randomTalk(random), setup);
  const mutated = random.oneIn(4) ? frames : mutateFrames(random, frames, 'client');
  const extensions = setup.isCompressing ? DEFLATE : '';
  const head = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n${extensions}\r\n`;
  return {
    setup,
    head: random.oneIn(3) ? mutateText(random, head) : head,
    frames: mutated,
    cuts: randomCuts(random, mutated).slice(0, 40),
    ending: random.pick(['end', 'end', 'reset']),
  };
}

export async function check({ setup, head, frames, cuts, ending }) {
  await listen();
  const bytes = Buffer.concat(frames);
  const ends = [...cuts, bytes.length];
  const pieces = ends.map((end, index) => bytes.subarray(index === 0 ? 0 : ends[index - 1], end));
  const answered = new Promise((resolve) => {
    onConnection = (socket) => resolve(answer(socket, head, pieces, ending));
  });
  try {
    await talk(setup);
  } catch (error) {
    must(error instanceof BothwaysError, 'connect() rejects with another error', String(error?.stack));
  }
  await inTime(answered, 'writing to a client');
  watch.check();
}

async function talk({ isCompressing, reads }) {
  const handlers = reads ? undefined : { message: () => {}, error: (error) => watch.report(error) };
  const options = { compression: isCompressing, closeTimeout: 500, maxMessageSize: 1 << 20 };
  const { port } = server.address();
  const socket = await inTime(connect(`ws://127.0.0.1:${port}/`, options, handlers), 'connect()');
  if (reads) {
    for await (const message of socket.streams()) for await (const piece of message) void piece;
  }
  const { code } = await inTime(socket.closed, 'closing a connection');
  must(Number.isInteger(code), 'a connection closes without a code');
}

async function answer(socket, head, pieces, ending) {
  // Being reset is what such a server has to expect.
  socket.on('error', () => {});
  const [request] = await once(socket, 'data');
  const key = /^sec-websocket-key: *(.*)\r$/im.exec(String(request))?.[1] ?? '';
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  await writePieces(socket, [Buffer.from(head.replace('ACCEPT', accept), 'latin1'), ...pieces]);
  if (ending === 'reset') socket.resetAndDestroy();
  else socket.end();
}

async function listen() {
  if (server !== undefined) return;
  watch = new Watch();
  server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => onConnection(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
}

export async function stop() {
  watch?.stop();
  server?.close();
  server = undefined;
}
