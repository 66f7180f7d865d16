// A client: sends each argument as a message, prints as many answers, and says how the connection ended.
//
//     node examples/client.ts ws://127.0.0.1:8080/ one two three
import { BothwaysError, connect } from 'bothways';

const [url = 'ws://127.0.0.1:8080/', ...messages] = process.argv.slice(2);

try {
  const socket = await connect(url);
  for (const message of messages) socket.send(message);
  let answers = 0;
  for await (const answer of socket) {
    console.log(answer);
    if (++answers === messages.length) socket.close();
  }
  const { code, initiator } = await socket.closed;
  console.log(`Closed with ${code}, by ${initiator === 'local' ? 'this end' : 'the other end'}`);
} catch (error) {
  if (!(error instanceof BothwaysError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
}
