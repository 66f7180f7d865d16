import { createServer, type IncomingMessage } from 'node:http';
import { connect as connectTcp, type Socket as TcpSocket } from 'node:net';
import type { Duplex } from 'node:stream';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { connect } from './connect.js';
import { Arrivals, deferred } from './test-arrivals.js';
import { createCertificate, type Certificate } from './test-certificate.js';
import { join, joinWatched, listening, start } from './test-server.js';
import { WireServer } from './test-wire.js';

let both: Certificate;
let nameOnly: Certificate;
let addressOnly: Certificate;

beforeAll(() => {
  both = createCertificate('DNS:localhost,IP:127.0.0.1');
  nameOnly = createCertificate('DNS:localhost');
  addressOnly = createCertificate('IP:127.0.0.1');
});

/** A proxy that leads every CONNECT to this machine, whatever its host is. */
async function startProxy(answer: (request: IncomingMessage, socket: Duplex) => boolean = () => false) {
  const http = await listening(createServer());
  const requests: IncomingMessage[] = [];
  const tunnels = new Arrivals<TcpSocket>();
  http.on('connect', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    requests.push(request);
    socket.on('error', () => {});
    onTestFinished(() => void socket.destroy());
    if (answer(request, socket)) return;
    const tunnel = connectTcp(Number(request.url!.split(':').at(-1)), '127.0.0.1');
    tunnel.on('error', () => socket.destroy());
    tunnel.on('close', () => socket.destroy());
    socket.on('close', () => tunnel.destroy());
    tunnels.push(tunnel);
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    tunnel.write(head);
    tunnel.pipe(socket).pipe(tunnel);
  });
  return { url: `http://127.0.0.1:${http.port}`, port: http.port, requests, tunnels };
}

async function echoes(url: string, options: object): Promise<unknown> {
  const { socket, messages } = await joinWatched(url, options);
  socket.send('through');
  return messages.next();
}

describe('connect() through a proxy', () => {
  it('asks it for a tunnel, and opens the connection in it', async () => {
    const server = await start({});
    const proxy = await startProxy();
    expect(await echoes(server.url, { proxy: proxy.url, headers: { Authorization: 'for the server' } })).toBe(
      'through',
    );
    const [request] = proxy.requests;
    expect([request!.method, request!.url]).toEqual(['CONNECT', `127.0.0.1:${server.port}`]);
    expect(request!.headers['host']).toBe(`127.0.0.1:${server.port}`);
    expect(request!.headers['proxy-authorization']).toBeUndefined();
    expect(request!.headers.authorization).toBeUndefined();
  });

  it('opens TLS inside of the tunnel', async () => {
    const server = await start({ tls: { cert: both.cert, key: both.key } });
    const proxy = await startProxy();
    const options = { proxy: new URL(proxy.url), tls: { ca: both.cert } };
    expect(await echoes(`wss://localhost:${server.port}`, options)).toBe('through');
    expect(proxy.requests[0]!.url).toBe(`localhost:${server.port}`);
  });

  it('does not resolve the host itself', async () => {
    const server = await start({});
    const proxy = await startProxy();
    expect(await echoes(`ws://only.the.proxy.knows.invalid:${server.port}`, { proxy: proxy.url })).toBe(
      'through',
    );
  });

  it('names the default port', async () => {
    const proxy = await startProxy((_request, socket) => Boolean(socket.end('HTTP/1.1 502 No\r\n\r\n')));
    await expect(connect('ws://a.example', { proxy: proxy.url })).rejects.toMatchObject({ status: 502 });
    await expect(connect('wss://a.example', { proxy: proxy.url })).rejects.toMatchObject({ status: 502 });
    await expect(connect('wss://[::1]:8443', { proxy: proxy.url })).rejects.toMatchObject({ status: 502 });
    expect(proxy.requests.map(({ url }) => url)).toEqual(['a.example:80', 'a.example:443', '[::1]:8443']);
  });

  it('gives it the credentials of its URL, and the server none of them', async () => {
    const server = await start({});
    const proxy = await startProxy();
    const url = proxy.url.replace('//', '//us%20er:pass%3Aword@');
    expect(await echoes(server.url, { proxy: url })).toBe('through');
    const credentials = Buffer.from('us er:pass:word').toString('base64');
    expect(proxy.requests[0]!.headers['proxy-authorization']).toBe(`Basic ${credentials}`);
    const { headers } = [...server.connections][0]!.request;
    expect(headers['proxy-authorization']).toBeUndefined();
    expect(headers['authorization']).toBeUndefined();
  });

  it.each([407, 403, 502, 302])('that answers %i fails with that', async (status) => {
    const server = await start({});
    const proxy = await startProxy((_request, socket) =>
      Boolean(socket.end(`HTTP/1.1 ${status} No\r\nLocation: /a\r\nContent-Length: 2\r\n\r\nno`)),
    );
    const attempt = connect(server.url, { proxy: proxy.url.replace('//', '//user:secret@') });
    const error = (await attempt.catch((thrown: unknown) => thrown)) as Error;
    expect(error).toMatchObject({ name: 'HandshakeError', code: 'ERR_PROXY', status });
    expect(error.message).not.toContain('secret');
    expect(proxy.requests).toHaveLength(1);
  });

  it('that sends bytes before the tunnel is used is not trusted', async () => {
    const proxy = await startProxy((_request, socket) =>
      socket.write('HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 '),
    );
    await expect(connect('ws://a.example', { proxy: proxy.url })).rejects.toMatchObject({
      code: 'ERR_PROXY',
    });
  });

  it('that is not there fails with ERR_CONNECT', async () => {
    const attempt = connect('ws://a.example', { proxy: 'http://127.0.0.1:1' });
    await expect(attempt).rejects.toMatchObject({ code: 'ERR_CONNECT', cause: { code: 'ECONNREFUSED' } });
  });

  it('that closes without an answer fails with ERR_CONNECT', async () => {
    const proxy = await startProxy((_request, socket) => Boolean(socket.destroy()));
    await expect(connect('ws://a.example', { proxy: proxy.url })).rejects.toMatchObject({
      code: 'ERR_CONNECT',
    });
  });

  it('that does not answer fails after connectTimeout', async () => {
    const proxy = await WireServer.listen();
    const attempt = connect('ws://a.example', {
      proxy: `http://127.0.0.1:${proxy.port}`,
      connectTimeout: 50,
    });
    const wire = await proxy.next();
    await expect(attempt).rejects.toMatchObject({ phase: 'connect', milliseconds: 50 });
    await wire.ended;
  });

  it('can be given up', async () => {
    const proxy = await WireServer.listen();
    const controller = new AbortController();
    const options = { proxy: `http://127.0.0.1:${proxy.port}`, signal: controller.signal };
    const attempt = connect('ws://a.example', options);
    const wire = await proxy.next();
    await wire.head();
    controller.abort(new Error('enough'));
    await expect(attempt).rejects.toThrow('enough');
    await wire.ended;
  });

  it('survives a tunnel that breaks during TLS', async () => {
    const server = await WireServer.listen();
    const proxy = await startProxy();
    const attempt = connect(`wss://localhost:${server.port}`, { proxy: proxy.url });
    const wire = await server.next();
    await wire.take(1);
    wire.reset();
    await expect(attempt).rejects.toMatchObject({ code: 'ERR_CONNECT' });
  });

  it('survives a tunnel that breaks later', async () => {
    const server = await start({});
    const proxy = await startProxy();
    const closed = deferred<number>();
    await join(server.url, { proxy: proxy.url }, { close: (_socket, code) => closed.resolve(code) });
    (await proxy.tunnels.next()).resetAndDestroy();
    expect(await closed.promise).toBe(1006);
  });
});

describe('TLS through a proxy to an address', () => {
  it('accepts a certificate for that address', async () => {
    const server = await start({ tls: { cert: addressOnly.cert, key: addressOnly.key } });
    const proxy = await startProxy();
    const options = { proxy: proxy.url, tls: { ca: addressOnly.cert } };
    expect(await echoes(`wss://127.0.0.1:${server.port}`, options)).toBe('through');
  });

  it('refuses a certificate that is only for localhost', async () => {
    const server = await start({ tls: { cert: nameOnly.cert, key: nameOnly.key } });
    const proxy = await startProxy();
    const attempt = join(`wss://127.0.0.1:${server.port}`, { proxy: proxy.url, tls: { ca: nameOnly.cert } });
    await expect(attempt).rejects.toMatchObject({ cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' } });
  });

  it('refuses a certificate that is only for the proxy’s name', async () => {
    const server = await start({ tls: { cert: nameOnly.cert, key: nameOnly.key } });
    const proxy = await startProxy();
    const options = { proxy: `http://localhost:${proxy.port}`, tls: { ca: nameOnly.cert } };
    const attempt = join(`wss://127.0.0.1:${server.port}`, options);
    await expect(attempt).rejects.toMatchObject({ cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' } });
  });
});
