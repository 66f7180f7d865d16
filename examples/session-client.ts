// A client that goes on through any trouble of the network, on whatever carrier gets through.
//
//     node examples/session-client.ts ws://localhost:8080/ Hello [CARRIER ...]
import { Session, type CarrierName } from 'bothways/session';

const [url = 'ws://localhost:8080/', text = 'Hello', ...carriers] = process.argv.slice(2);
const session = new Session(url, carriers.length > 0 ? { carriers: carriers as CarrierName[] } : {});
session.addEventListener('statechange', () => console.error(session.state, session.carrier ?? ''));
session.send(text);
for await (const message of session) {
  console.log(message);
  break;
}
session.close();
