/** Node's own sockets, which send back the bytes they get: what no server on Node's sockets can be below. */
import { createServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { HOST, control, mode, tlsOptions, unavailable } from './control.mjs';

if (!['echo', 'tls'].includes(mode())) unavailable('bare sockets have no topics');

const tls = tlsOptions();
const onConnection = (socket) => {
  socket.on('data', onData);
  socket.on('error', () => {});
};
const server =
  tls === undefined
    ? createServer({ noDelay: true }, onConnection)
    : createTlsServer({ ...tls, noDelay: true }, onConnection);

function onData(chunk) {
  this.write(chunk);
}

server.listen({ host: HOST, port: 0, backlog: 4096 }, () => {
  control({ name: 'net', version: process.versions.node, port: server.address().port });
});
