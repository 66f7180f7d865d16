import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePorts, type Peer, start, temporaryDirectory } from './start.js';

/** A Mosquitto of this machine that lets everybody in. */
export interface Mosquitto extends AsyncDisposable {
  /** MQTT 3.1.1 and 5 by TCP. */
  readonly port: number;
  /** Its own listener for MQTT over WebSocket. */
  readonly webSocketUrl: string;
}

/** Mosquitto 2, which keeps nothing. */
export async function startMosquitto(): Promise<Mosquitto> {
  const directory = await temporaryDirectory();
  let peer: Peer | undefined;
  const stop = async () => {
    await peer?.stop();
    await directory[Symbol.asyncDispose]();
  };
  try {
    const [port, webSocketPort] = (await freePorts(2)) as [number, number];
    const file = join(directory.path, 'mosquitto.conf');
    await writeFile(
      file,
      `listener ${port} 127.0.0.1
listener ${webSocketPort} 127.0.0.1
protocol websockets
# Without this the WebSockets are at every address.
socket_domain ipv4
allow_anonymous true
persistence false
`,
    );
    peer = start({
      name: 'mosquitto',
      command: '/usr/sbin/mosquitto',
      args: ['-c', file],
      install: 'apt-get install -y --no-install-recommends mosquitto',
    });
    // It says so when all its ports are open.
    await peer.line('its ports', (line) => /mosquitto version \S+ running/.test(line) || undefined);
    return { port, webSocketUrl: `ws://127.0.0.1:${webSocketPort}/`, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
