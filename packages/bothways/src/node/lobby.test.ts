import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server as HttpServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { connect as connectTls } from 'node:tls';
import type { AddressInfo, Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { HandshakeRequest } from '../protocol/handshake-server-request.js';
import { Lobby, type OnHandshake } from './lobby.js';
import { Arrivals, turns, until } from './test-arrivals.js';
import { createCertificate } from './test-certificate.js';
import { start, startWatched } from './test-server.js';
import { Wire, clientFrame, upgradeRequest } from './test-wire.js';

/** An HTTP server behind a lobby: who is read there, and what comes to the server. */
async function open(timeout = 0, http: HttpServer = createServer()) {
  const read = new Arrivals<{ request: HandshakeRequest; socket: Socket; head: string }>();
  const upgraded = new Arrivals<{ message: IncomingMessage; head: string }>();
  const requested = new Arrivals<IncomingMessage>();
  const failed = new Arrivals<NodeJS.ErrnoException>();
  const sockets = new Arrivals<Socket>();
  const late = new Arrivals<Socket>();
  const onHandshake: OnHandshake = (request, socket, head) => {
    read.push({ request, socket, head: head.toString('latin1') });
  };
  const lobby = new Lobby(http, timeout, onHandshake, late.push);
  http.on('connection', sockets.push);
  http.on('upgrade', (message: IncomingMessage, _socket, head: Buffer) => {
    upgraded.push({ message, head: head.toString('latin1') });
  });
  http.on('request', (message, response) => {
    requested.push(message);
    response.end('answered');
  });
  http.on('clientError', (error, socket) => {
    failed.push(error);
    socket.destroy();
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  onTestFinished(() => {
    http.close();
    http.closeAllConnections();
    lobby.close();
  });
  return {
    http,
    lobby,
    sockets,
    read,
    upgraded,
    requested,
    failed,
    late,
    port: (http.address() as AddressInfo).port,
  };
}

const HANDSHAKE = upgradeRequest();

describe('A lobby', () => {
  it('reads a handshake that comes in one piece, and hands over what came behind it, paused', async () => {
    const { port, read, upgraded } = await open();
    const wire = await Wire.connect(port);
    wire.write(`${HANDSHAKE}behind`);
    const { request, socket, head } = await read.next();
    expect(request).toMatchObject({ method: 'GET', url: '/', remoteAddress: '127.0.0.1' });
    expect([head, socket.isPaused(), socket.listenerCount('data'), socket.listenerCount('error')]).toEqual([
      'behind',
      true,
      0,
      0,
    ]);
    expect(upgraded.items).toEqual([]);
  });

  it('leaves to Node a handshake that comes in two pieces, wherever it is cut', async () => {
    const { port, sockets, read, upgraded } = await open();
    for (let at = 1; at < HANDSHAKE.length; at += 7) {
      const wire = await Wire.connect(port);
      const socket = await sockets.next();
      wire.write(HANDSHAKE.slice(0, at));
      await until(() => socket.bytesRead === at);
      wire.write(HANDSHAKE.slice(at));
      const { message } = await upgraded.next();
      expect(message.headers).toMatchObject({ upgrade: 'websocket', 'sec-websocket-version': '13' });
    }
    expect(read.items).toEqual([]);
  });

  it.each([
    ['is refused', upgradeRequest({ 'Sec-WebSocket-Version': '12' })],
    ['is longer than 8 KiB', upgradeRequest({ Cookie: 'x'.repeat(9_000) })],
    [
      'is written in a form of its own',
      HANDSHAKE.replace('GET / HTTP', 'GET  / HTTP')
        .replace('GET  /', 'GET /')
        .replace('Upgrade: websocket', 'Upgrade: websocket\r\n\tfolded'),
    ],
  ])('leaves to Node a handshake that %s', async (_what, text) => {
    const { port, read, upgraded, failed } = await open();
    const wire = await Wire.connect(port);
    wire.write(text);
    await Promise.race([upgraded.next(), failed.next()]);
    expect(read.items).toEqual([]);
  });

  it('leaves to Node what is another request, and all that follows on the connection', async () => {
    const { port, requested, read } = await open();
    const wire = await Wire.connect(port);
    for (let i = 0; i < 3; i++) {
      wire.write(`POST /${i} HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody`);
      expect((await requested.next()).url).toBe(`/${i}`);
    }
    expect(read.items).toEqual([]);
  });

  it('leaves to Node what is no HTTP', async () => {
    const { port, failed } = await open();
    const wire = await Wire.connect(port);
    wire.write('nonsense\r\n\r\n');
    expect((await failed.next()).code).toBe('HPE_INVALID_METHOD');
  });

  it('lets go of those who come and leave without a word', async () => {
    const { port, sockets, failed } = await open(60_000);
    const [ends, resets] = [await Wire.connect(port), await Wire.connect(port)];
    const arrived = await sockets.take(2);
    ends.stream.end();
    (resets.stream as Socket).resetAndDestroy();
    await until(() => arrived.every(({ closed }) => closed));
    await ends.gone;
    expect(failed.items).toEqual([]);
  });

  it('tells of those who are silent for too long', async () => {
    const { port, late } = await open(150);
    const began = performance.now();
    const wire = await Wire.connect(port);
    const socket = await late.next();
    expect(performance.now() - began).toBeGreaterThanOrEqual(149);
    socket.destroy();
    await wire.ended;
  });

  it('drops the silent ones when it is closed', async () => {
    const { lobby, port, sockets } = await open();
    const wires = [await Wire.connect(port), await Wire.connect(port)];
    const arrived = await sockets.take(2);
    lobby.close();
    await Promise.all(wires.map(({ ended }) => ended));
    expect(arrived.map(({ destroyed }) => destroyed)).toEqual([true, true]);
  });

  it('reads handshakes over TLS', async () => {
    const certificate = createCertificate('IP:127.0.0.1');
    const { port, read } = await open(0, createSecureServer(certificate));
    const client = connectTls({ port, host: '127.0.0.1', ca: certificate.cert });
    onTestFinished(() => void client.destroy());
    client.write(HANDSHAKE);
    expect((await read.next()).request.url).toBe('/');
  });
});

describe('A server with a port of its own', () => {
  it('opens a handshake in one piece and one in many alike, and loses no frame', async () => {
    const { server, messages } = await startWatched();
    const frames = Buffer.concat([
      clientFrame(0x81, Buffer.from('one')),
      clientFrame(0x81, Buffer.from('two')),
    ]);
    const whole = Buffer.concat([Buffer.from(HANDSHAKE), frames]);
    for (const at of [0, 1, 30, HANDSHAKE.length - 2, HANDSHAKE.length, HANDSHAKE.length + 3]) {
      const wire = await Wire.connect(server.port);
      wire.write(whole.subarray(0, at));
      await turns();
      wire.write(whole.subarray(at));
      expect(await wire.head()).toMatch(/^HTTP\/1\.1 101 /);
      expect(await messages.take(2)).toEqual(['one', 'two']);
    }
  });

  it('keeps what comes while accept decides', async () => {
    let decide!: () => void;
    const asked = new Promise<void>((resolve) => (decide = resolve));
    const { server, messages } = await startWatched({ accept: () => asked });
    const wire = await Wire.connect(server.port);
    wire.write(Buffer.concat([Buffer.from(HANDSHAKE), clientFrame(0x81, Buffer.from('behind it'))]));
    for (let i = 0; i < 20; i++) {
      wire.write(clientFrame(0x81, Buffer.from(`${i}`)));
      await turns();
    }
    expect(messages.items).toEqual([]);
    decide();
    expect(await messages.take(21)).toEqual(['behind it', ...Array.from({ length: 20 }, (_, i) => `${i}`)]);
  });

  it('answers those who are silent with 408', async () => {
    const server = await start({ handshakeTimeout: 150 });
    const wire = await Wire.connect(server.port);
    expect((await wire.rest()).toString()).toMatch(
      /^HTTP\/1\.1 408 .*\r\n\r\nThe request was not complete in time\.$/s,
    );
  });

  it('is closed though somebody has connected and said nothing', async () => {
    const server = await start({});
    const wire = await Wire.connect(server.port);
    await turns();
    await server.close({ timeout: 60_000 });
    await expect(wire.ended).resolves.toBeUndefined();
  });
});
