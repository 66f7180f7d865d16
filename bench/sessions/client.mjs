// Clients that send and are echoed: `node client.mjs bothways|socketio|sockjs CARRIER PORT`. Each line on standard input
// is `{ messages, inFlight }`; the answer says how long it took. `{ connect: N }` opens N more that stay silent.
import { createInterface } from 'node:readline';

const PAYLOAD = 'x'.repeat(64);
const [peer, carrier, port] = process.argv.slice(2);
const url = `http://127.0.0.1:${port}/live`;

const connects = {
  async bothways() {
    const { Session } = await import('bothways/session');
    return (onMessage) =>
      new Promise((resolve) => {
        const session = new Session(url, { carriers: [carrier], pollInterval: 10 });
        session.addEventListener('message', onMessage);
        session.addEventListener('open', () => resolve((data) => session.send(data)));
      });
  },
  async socketio() {
    const { io } = await import('socket.io-client');
    const transports = [carrier === 'websocket' ? 'websocket' : 'polling'];
    return (onMessage) =>
      new Promise((resolve) => {
        const socket = io(`http://127.0.0.1:${port}`, {
          path: '/live',
          transports,
          upgrade: false,
          forceNew: true,
        });
        socket.on('m', onMessage);
        socket.on('connect', () => resolve((data) => socket.emit('m', data)));
      });
  },
  async sockjs() {
    const { default: SockJS } = await import('sockjs-client');
    const names = { websocket: 'websocket', streaming: 'xhr-streaming', 'long-polling': 'xhr-polling' };
    return (onMessage) =>
      new Promise((resolve) => {
        const socket = new SockJS(url, null, { transports: [names[carrier]] });
        socket.addEventListener('message', onMessage);
        socket.addEventListener('open', () => resolve((data) => socket.send(data)));
      });
  },
};

const connect = await connects[peer]();
let left = 0;
let onMessage = () => {};
const send = await connect(() => onMessage());
console.log('{}');

/** Sends so many messages, `inFlight` of them at a time. */
function run({ messages, inFlight }) {
  return new Promise((resolve) => {
    const start = performance.now();
    let unsent = messages;
    left = messages;
    let batch = 0;
    const sendBatch = () => {
      batch = Math.min(inFlight, unsent);
      unsent -= batch;
      for (let count = batch; count > 0; count--) send(PAYLOAD);
    };
    onMessage = () => {
      if (--left === 0) resolve(performance.now() - start);
      else if (--batch === 0) sendBatch();
    };
    sendBatch();
  });
}

const lines = createInterface({ input: process.stdin });
lines.on('close', () => process.exit(0));
for await (const line of lines) {
  const order = JSON.parse(line);
  if (order.connect === undefined) console.log(JSON.stringify({ milliseconds: await run(order) }));
  else {
    for (let count = 0; count < order.connect; count++) await connect(() => {});
    console.log('{}');
  }
}
