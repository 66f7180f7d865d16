/** What it costs a server to open connections and sessions. */
import { Gate, closeClients, closeSessions, openClients, openSessions, until } from './clients.mjs';
import { costs } from './fleet.mjs';

const HANDSHAKES = 300;
const TLS_HANDSHAKES = 100;
const SESSIONS = 100;

export async function openHandshakes(fleet) {
  const plain = await fleet.server();
  const sessionServer = await fleet.server({ sessions: true });
  const ecdsa = await fleet.server({ tls: fleet.certificate('ecdsa') });
  const rsa = await fleet.server({ tls: fleet.certificate('rsa') });

  const openSome = async (gate, carrier) => {
    let sessions;
    const [cost] = await costs([sessionServer], async () => {
      sessions = await openSessions(gate.url, SESSIONS, carrier);
      return SESSIONS;
    });
    return { sessions, cost };
  };

  /** To go on with sessions after their WebSockets were lost, all at once. */
  const resume = async (gate, sessions) => {
    const [cost] = await costs([sessionServer], async () => {
      let count = 0;
      for (const { session } of sessions) {
        session.addEventListener('resume', () => count++, { once: true });
      }
      gate.turnTo(sessionServer);
      await until(() => count === SESSIONS, 'all sessions have resumed');
      return SESSIONS;
    });
    return cost;
  };

  const openAndResume = async () => {
    const gate = await Gate.open(sessionServer);
    const webSockets = await openSome(gate, 'websocket');
    const resumed = await resume(gate, webSockets.sessions);
    await closeSessions(webSockets.sessions);
    const polls = await openSome(gate, 'long-polling');
    await closeSessions(polls.sessions);
    gate.close();
    return { sessionOpened: webSockets.cost, sessionResumed: resumed, pollingOpened: polls.cost };
  };

  return {
    async round() {
      return {
        handshake: await handshake(plain, HANDSHAKES, false),
        handshakeEcdsa: await handshake(ecdsa, TLS_HANDSHAKES, true),
        handshakeRsa: await handshake(rsa, TLS_HANDSHAKES, true),
        ...(await openAndResume()),
      };
    },
    close: () => fleet.stop(plain, sessionServer, ecdsa, rsa),
  };
}

async function handshake(server, count, tls) {
  let clients;
  const [cost] = await costs([server], async () => {
    clients = await openClients(server, count, { tls });
    return count;
  });
  await closeClients(clients);
  await until(async () => (await server.order('counts')).connections === 0, 'all have left');
  return cost;
}
