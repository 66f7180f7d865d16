// A server among several that share a broker: node node.mjs BROKER-URL. nodes.test.ts tells it what to do, and is told
// what happens, over the channel between the two processes.
import { connect as connectNats } from '@nats-io/transport-node';
import { serve } from 'bothways';
import { natsBroker } from 'bothways/nats';
import { redisBroker } from 'bothways/redis';
import { createClient } from 'redis';

const tell = (event) => process.send(event);

async function openBroker(url) {
  if (url.startsWith('redis:')) return redisBroker(createClient({ url }));
  const servers = url.replace('nats://', '');
  // As docs/guide/brokers.md has it.
  return natsBroker(
    await connectNats({ servers, maxReconnectAttempts: -1, pingInterval: 10_000, timeout: 5_000 }),
  );
}

const server = await serve(
  {
    port: 0,
    host: '127.0.0.1',
    broker: await openBroker(process.argv[2]),
    presenceGrace: 500,
    accept(request) {
      const { pathname, searchParams } = new URL(request.url, 'ws://localhost');
      return { id: pathname.slice(1), filters: searchParams.getAll('filter') };
    },
  },
  {
    open(socket) {
      for (const filter of socket.state.filters) socket.subscribe(filter);
      socket.join('hall', socket.state.id);
    },
    join: (_topic, { id }) => tell({ kind: 'join', id }),
    leave: (_topic, { id }) => tell({ kind: 'leave', id }),
    missed: (socket) => tell({ kind: 'missed', id: socket.state.id }),
    error: (error) => tell({ kind: 'error', id: String(error) }),
  },
);

process.on('message', ({ publish, look }) => {
  for (const [topic, text] of publish ?? []) server.publish(topic, text);
  if (look !== undefined) {
    const members = server.members('hall').map(({ id }) => id);
    tell({ kind: 'look', number: look, members: members.toSorted(), nodes: server.nodes });
  }
});
// With the test, whatever ended that.
process.on('disconnect', () => process.exit());
tell({ kind: 'ready', url: server.url });
