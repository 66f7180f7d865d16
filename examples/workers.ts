// A chat in several processes: who connects is in one of them, and everybody hears everybody.
//
//     node examples/workers.ts            (PORT=8080 and WORKERS=2 unless they are set)
import cluster from 'node:cluster';
import { serve } from 'bothways';
import { clusterBroker, startWorkers } from 'bothways/cluster';

if (cluster.isPrimary) {
  let port = 0;
  cluster.on('listening', (_worker, address) => (port = address.port));
  const workers = await startWorkers({ count: Number(process.env['WORKERS'] ?? 2) });
  console.log(`Listening: ws://127.0.0.1:${port}/`);
  process.once('SIGINT', () => void workers.close());
  process.once('SIGTERM', () => void workers.close());
} else {
  const server = await serve(
    { port: Number(process.env['PORT'] ?? 8080), broker: clusterBroker() },
    {
      open(socket) {
        socket.subscribe('chat');
        socket.send(`You are in process ${process.pid}`);
      },
      message(socket, data) {
        server.publish('chat', data, { except: socket });
      },
    },
  );
  const close = async (): Promise<void> => {
    await server.close();
    process.exit();
  };
  process.once('SIGINT', () => void close());
  process.once('SIGTERM', () => void close());
}
