import { connect, createServer } from 'node:net';
import { portOf } from './start.js';

/** What went through a tap on one connection, behind the opening handshake. */
export interface Tapped {
  /** The request-target of the handshake. */
  readonly path: string;
  readonly bytesToServer: number;
  readonly bytesToClient: number;
}

/** A way to a server of this machine that counts bytes and changes nothing. */
export interface Tap extends AsyncDisposable {
  readonly port: number;
  readonly connections: readonly Tapped[];
}

export async function openTap(serverPort: number): Promise<Tap> {
  const connections: Tapped[] = [];
  const relay = createServer({ noDelay: true }, (client) => {
    const server = connect({ port: serverPort, host: '127.0.0.1', noDelay: true });
    const [request, response] = [new Half(), new Half()];
    connections.push({
      get path() {
        return request.head.split(' ')[1] ?? '';
      },
      get bytesToServer() {
        return request.bytes;
      },
      get bytesToClient() {
        return response.bytes;
      },
    });
    client.on('data', (chunk: Buffer) => request.count(chunk));
    server.on('data', (chunk: Buffer) => response.count(chunk));
    client.on('error', () => server.destroy());
    server.on('error', () => client.destroy());
    client.pipe(server).pipe(client);
  });
  await new Promise<void>((resolve) => {
    relay.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: portOf(relay),
    connections,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => relay.close(resolve));
    },
  };
}

class Half {
  head = '';
  bytes = 0;

  count(chunk: Buffer): void {
    if (this.head.endsWith('\r\n\r\n')) {
      this.bytes += chunk.length;
      return;
    }
    const all = this.head + chunk.toString('latin1');
    const end = all.indexOf('\r\n\r\n') + 4;
    this.head = end < 4 ? all : all.slice(0, end);
    this.bytes = all.length - this.head.length;
  }
}
