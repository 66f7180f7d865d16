/** Node's own sockets, which send back the bytes they get: what no server on Node's sockets can be below. */
import { createServer } from 'node:net';
import { HOST, control, mode, unavailable } from './control.mjs';

if (mode() !== 'echo') unavailable('bare sockets have no topics');

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('data', onData);
  socket.on('error', () => {});
});

function onData(chunk) {
  this.write(chunk);
}

server.listen({ host: HOST, port: 0, backlog: 4096 }, () => {
  control({ name: 'net', version: process.versions.node, port: server.address().port });
});
