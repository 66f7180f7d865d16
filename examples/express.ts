// Express and WebSockets on one port: what is posted to /news reaches everybody at ws://127.0.0.1:8080/live
//
//     curl --data 'text=Hello' http://127.0.0.1:8080/news
import express from 'express';
import { serve } from 'bothways';

const app = express();
const httpServer = app.listen(Number(process.env['PORT'] ?? 8080), () => {
  console.log(`Listening: ${live.url}`);
});

const live = await serve(
  { server: httpServer, path: '/live' },
  {
    open(socket) {
      socket.subscribe('news');
    },
  },
);

app.post('/news', express.urlencoded({ extended: false }), (request, response) => {
  live.publish('news', String(request.body.text));
  response.status(204).end();
});
