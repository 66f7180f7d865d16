import type { Cell } from './matrix.js';
import { writeProblems, writeTable } from './table.js';

/** The matrix as a page of the documentation. */
export function writeDocument(cells: readonly Cell[]): string {
  const problems = writeProblems(cells);
  return `# The gateway with real clients and servers

\`npm run interop:gateway -- --write\` has written this page. It starts RabbitMQ, Mosquitto, Prosody and Redis, a gateway in front of them, and Chromium; then each client connects, logs in, subscribes, publishes what is below and waits until all of it has come back in order, and leaves as its protocol asks. The same script runs in Node and in a page, and without the gateway where the server has a listener for WebSockets of its own.

A cell has a ✓ when the client got what was published, bit by bit, with the subprotocol of its protocol, and when, through the gateway, the WebSocket ended with a goodbye. Beside it are how many messages came, and the close code: 1005 is a Close without a code, which some clients send; 1006 is a connection that was cut.

${writeTable(cells)}

${problems === '' ? 'All of it is as it should be.' : `Not as it should be:\n\n${problems}`}

- **Published** are texts and, where the protocol has bytes, bytes: empty ones, texts that are not ASCII or need escaping, every value of a byte, 100 KiB of each, and 20 small ones of each in a row.
- **Clients** are the libraries as npm has them: \`@stomp/stompjs\`, \`@cloudamqp/amqp-client\` (AMQP 0-9-1), \`rhea\` (AMQP 1.0), \`mqtt\` (3.1.1 and 5) and \`@xmpp/client\`. Redis has a few lines of our own, as a protocol of which the gateway knows nothing.
- A [session](guide/sessions.md#where-a-websocket-is-wanted) stands in place of the WebSocket, on the carrier that it likes best or on long polling alone; the clients do not know. Its Close always has a code.
- RabbitMQ has no WebSocket listener for AMQP, and Redis none at all. RabbitMQ 3.10 speaks MQTT 3.1.1.
- Mosquitto may cut the connection where it should close the WebSocket.
`;
}
