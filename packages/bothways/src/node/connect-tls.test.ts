import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { connect } from './connect.js';
import { Arrivals } from './test-arrivals.js';
import { createCertificate, type Certificate } from './test-certificate.js';
import { join, start } from './test-server.js';
import { Wire, serverFrame } from './test-wire.js';

let good: Certificate;
let otherName: Certificate;
let client: Certificate;

beforeAll(() => {
  good = createCertificate('DNS:localhost,IP:127.0.0.1');
  otherName = createCertificate('DNS:other.example');
  client = createCertificate('DNS:client.example');
});

/** A TLS server whose connections the test talks by itself. */
async function listenTls(options: TlsOptions) {
  const server = createTlsServer({ ALPNProtocols: ['h2', 'http/1.1'], ...options });
  const sockets = new Arrivals<TLSSocket>();
  server.on('secureConnection', (socket) => {
    socket.on('error', () => {});
    sockets.push(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, sockets };
}

describe('connect() over TLS', () => {
  it('trusts the certificate authority it is given', async () => {
    const server = await start({ tls: { cert: good.cert, key: good.key } });
    const received: unknown[] = [];
    const socket = await join(server, { tls: { ca: good.cert } });
    socket.send('secret');
    socket.send(Buffer.alloc(300_000, 1));
    for await (const message of socket) if (received.push(message) === 2) break;
    expect(received[0]).toBe('secret');
    expect(Buffer.alloc(300_000, 1).equals(received[1] as Buffer)).toBe(true);
    socket.close(4000);
    expect(await socket.closed).toMatchObject({ code: 4000, wasClean: true });
  });

  it.each([
    ['an untrusted certificate', () => good, {}, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    [
      'a certificate for another name',
      () => otherName,
      () => ({ ca: otherName.cert }),
      'ERR_TLS_CERT_ALTNAME_INVALID',
    ],
  ])('refuses %s', async (_what, certificate, tls, code) => {
    const { cert, key } = certificate();
    const server = await start({ tls: { cert, key } });
    const attempt = connect(server.url, { tls: typeof tls === 'function' ? tls() : tls });
    await expect(attempt).rejects.toMatchObject({ code: 'ERR_CONNECT', cause: { code } });
    expect(server.metrics().acceptedHandshakes).toBe(0);
  });

  it('sends nothing to a server it does not trust', async () => {
    const { port, sockets } = await listenTls({ cert: good.cert, key: good.key });
    await expect(connect(`wss://127.0.0.1:${port}`)).rejects.toMatchObject({ code: 'ERR_CONNECT' });
    for (const socket of sockets.items) expect(socket.bytesRead).toBe(0);
  });

  it('trusts anybody where it is told to', async () => {
    const server = await start({ tls: { cert: otherName.cert, key: otherName.key } });
    const socket = await join(server, { tls: { rejectUnauthorized: false } });
    expect(socket.readyState).toBe(1);
  });

  it('names the host, and speaks HTTP/1.1', async () => {
    const { port, sockets } = await listenTls({ cert: good.cert, key: good.key });
    const joining = join(`wss://localhost:${port}`, { tls: { ca: good.cert } });
    const socket = await sockets.next();
    expect([socket.servername, socket.alpnProtocol]).toEqual(['localhost', 'http/1.1']);
    const wire = new Wire(socket);
    await wire.answerHandshake('', serverFrame(0x81, 'over TLS'));
    const { value } = (await (await joining)[Symbol.asyncIterator]().next()) as { value: string };
    expect(value).toBe('over TLS');
  });

  it('shows its own certificate', async () => {
    const options = { cert: good.cert, key: good.key, requestCert: true, ca: client.cert };
    const { port, sockets } = await listenTls(options);
    const tls = { ca: good.cert, cert: client.cert, key: client.key };
    const joining = join(`wss://127.0.0.1:${port}`, { tls });
    const socket = await sockets.next();
    expect(socket.authorized).toBe(true);
    await new Wire(socket).answerHandshake();
    expect((await joining).readyState).toBe(1);
  });

  it('fails where no TLS is spoken', async () => {
    const server = await start({});
    const attempt = connect(`wss://127.0.0.1:${server.port}`);
    await expect(attempt).rejects.toMatchObject({ code: 'ERR_CONNECT' });
  });

  it('is slowed by a server that does not read, and loses nothing', async () => {
    const received: number[] = [];
    const { cert, key } = good;
    const server = await start({ tls: { cert, key } }, async (socket) => {
      for await (const message of socket) {
        received.push(message.length);
        await socket.ready;
      }
    });
    const socket = await join(server, { tls: { ca: cert } });
    for (let index = 0; index < 200; index++)
      if (!socket.send(Buffer.alloc(50_000 + index))) await socket.ready;
    socket.close();
    await socket.closed;
    expect(received).toEqual(Array.from({ length: 200 }, (_, index) => 50_000 + index));
  });
});
