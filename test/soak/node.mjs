// A server of durable sessions, one of several: node node.mjs BROKER-URL PORT. Each client is in a room: what it says
// is published there. The process that has started it hears when it listens, and what goes wrong.
import { connect as connectNats } from '@nats-io/transport-node';
import { jetstream } from '@nats-io/jetstream';
import { serve } from 'bothways';
import { natsBroker } from 'bothways/nats';
import { redisBroker } from 'bothways/redis';
import { createClient } from 'redis';

const tell = (event) => process.send?.(event);

async function openBroker(url) {
  if (url.startsWith('redis:')) return redisBroker(createClient({ url }));
  const servers = url.replace('nats://', '');
  const nats = await connectNats({ servers, maxReconnectAttempts: -1, pingInterval: 10_000, timeout: 5_000 });
  return natsBroker(nats, { jetstream: jetstream(nats) });
}

const [, , brokerUrl, port] = process.argv;
const server = await serve(
  {
    port: Number(port),
    host: '127.0.0.1',
    broker: await openBroker(brokerUrl),
    history: { 'rooms/#': { messages: 10_000, age: 120_000 } },
    sessions: { secret: 'a secret of tests, of 32 characters', durable: true, heartbeat: 5_000 },
    accept: (request) => ({
      room: new URL(request.url, 'http://localhost').searchParams.get('room'),
      said: 0,
    }),
  },
  {
    open(socket) {
      socket.subscribe(`rooms/${socket.state.room}`);
      socket.send('open');
    },
    message(socket, data) {
      if (data.startsWith('echo')) {
        socket.send(data);
        return;
      }
      socket.state.said++;
      server.publish(`rooms/${socket.state.room}`, data);
      // Only to whoever has said it: how many there were.
      socket.send(`said ${socket.state.said}`);
    },
    close: (_socket, code) => code === 1012 && tell({ kind: 'moved' }),
    takeover: () => tell({ kind: 'takeover' }),
    missed: (socket, filters) => tell({ kind: 'missed', filters, room: socket.state.room }),
    error: (error) => tell({ kind: 'error', text: String(error.stack) }),
  },
);

process.on('message', (question) => {
  if (question === 'close') void server.close().then(() => process.exit());
  if (question === 'memory') tell({ kind: 'memory', bytes: process.memoryUsage().rss });
});
// With whoever has started it.
process.on('disconnect', () => process.exit());
tell({ kind: 'ready', port: server.port });
