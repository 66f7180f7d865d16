// Fastify and WebSockets on one port: what is posted to /news reaches everybody at ws://127.0.0.1:8080/live
//
//     curl --json '{ "text": "Hello" }' http://127.0.0.1:8080/news
import fastify from 'fastify';
import { serve } from 'bothways';

const app = fastify();

const live = await serve(
  { server: app.server, path: '/live' },
  {
    open(socket) {
      socket.subscribe('news');
    },
  },
);

app.post<{ Body: { text: string } }>('/news', async (request, reply) => {
  live.publish('news', request.body.text);
  return reply.status(204).send();
});

// The server's WebSockets end before Fastify waits for its connections.
app.addHook('preClose', () => live.close());

await app.listen({ port: Number(process.env['PORT'] ?? 8080) });
console.log(`Listening: ${live.url}`);
