import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createSecureContext, type TLSSocket } from 'node:tls';
import { beforeAll, describe, expect, it } from 'vitest';
import { connect } from './connect.js';
import type { ConnectOptions } from './connect-options.js';
import { createCertificate, type Certificate } from './test-certificate.js';
import { join, listening, start } from './test-server.js';

let certificate: Certificate;
let client: Certificate;

beforeAll(() => {
  certificate = createCertificate('DNS:localhost,IP:127.0.0.1');
  client = createCertificate('DNS:client.example');
});

/** A server that answers every handshake with a redirect to `location`, and the requests it saw. */
async function redirecting(
  location: (request: IncomingMessage) => string | undefined,
  status = 302,
  tls?: object,
) {
  const http = await listening(tls === undefined ? createServer() : createHttpsServer(tls));
  const requests: IncomingMessage[] = [];
  const certificates: unknown[] = [];
  http.on('secureConnection', (socket: TLSSocket) => {
    certificates.push(socket.getPeerCertificate().subject?.CN);
  });
  http.on('upgrade', (request: IncomingMessage, socket) => {
    requests.push(request);
    // A client that gave up resets.
    socket.on('error', () => {});
    const target = location(request);
    const field = target === undefined ? '' : `Location: ${target}\r\n`;
    socket.end(`HTTP/1.1 ${status} Elsewhere\r\n${field}Content-Length: 0\r\n\r\n`);
  });
  const scheme = tls === undefined ? 'ws' : 'wss';
  return { url: `${scheme}://127.0.0.1:${http.port}/`, port: http.port, requests, certificates };
}

async function seen(options: ConnectOptions, from: string, to: ReturnType<typeof start>) {
  const [connection] = (await to).connections;
  expect(connection).toBeUndefined();
  await join(from, options);
  return [...(await to).connections][0]!.request;
}

describe('A redirect', () => {
  it.each([301, 302, 303, 307, 308])('with status %i is followed', async (status) => {
    const server = await start({});
    const { url } = await redirecting(() => `${server.url}there?a=b`, status);
    const socket = await join(url);
    expect(socket.request.url).toBe('/there?a=b');
    expect([...server.connections][0]!.request.url).toBe('/there?a=b');
  });

  it.each([300, 304, 305])('with status %i is none', async (status) => {
    const { url } = await redirecting(() => 'ws://127.0.0.1:1/', status);
    await expect(connect(url)).rejects.toMatchObject({ code: 'ERR_HANDSHAKE_STATUS', status });
  });

  it('may be relative, and to an http: URL', async () => {
    const server = await start({});
    const target = server.url.replace('ws:', 'http:');
    const hop = await redirecting(({ url }) => (url === '/two?x' ? `${target}end` : '/two?x'));
    expect((await join(hop.url)).request.url).toBe('/end');
    expect(hop.requests.map(({ url }) => url)).toEqual(['/', '/two?x']);
  });

  it('without a place to go is an ordinary answer', async () => {
    const { url } = await redirecting(() => undefined);
    await expect(connect(url)).rejects.toMatchObject({ code: 'ERR_HANDSHAKE_STATUS', status: 302 });
  });

  it.each([0, 1, 3])('is followed %i times and no more', async (maxRedirects) => {
    const hop = await redirecting(({ url }) => `${url}a`);
    await expect(connect(hop.url, { maxRedirects })).rejects.toMatchObject({
      code: 'ERR_HANDSHAKE_STATUS',
      status: 302,
    });
    expect(hop.requests).toHaveLength(maxRedirects + 1);
  });

  it('is followed 5 times by default', async () => {
    const hop = await redirecting(() => '/');
    await expect(connect(hop.url)).rejects.toMatchObject({ status: 302 });
    expect(hop.requests).toHaveLength(6);
  });

  it.each(['mailto:a@b.c', 'http://[::1', '/a#b', 'ftp://127.0.0.1/'])(
    'to %s is refused',
    async (location) => {
      const { url } = await redirecting(() => location);
      await expect(connect(url)).rejects.toMatchObject({
        code: 'ERR_REDIRECT',
        status: 302,
        headers: { location },
      });
    },
  );

  it('is under one handshakeTimeout with the first attempt', async () => {
    const hop = await redirecting(({ url }) => `${url}a`);
    const attempt = connect(hop.url, { maxRedirects: 1_000_000, handshakeTimeout: 100 });
    await expect(attempt).rejects.toMatchObject({ phase: 'handshake' });
  });
});

describe('A redirect to the same origin', () => {
  it('keeps all that the application sends', async () => {
    const hop = await redirecting(({ url }) => (url === '/' ? '/again' : undefined));
    const options = {
      headers: { Authorization: 'Bearer x', 'X-A': 'b' },
      protocols: 'p',
      origin: 'http://o',
    };
    await expect(connect(hop.url, options)).rejects.toMatchObject({ status: 302 });
    const expected = {
      authorization: 'Bearer x',
      'x-a': 'b',
      'sec-websocket-protocol': 'p',
      origin: 'http://o',
    };
    expect(hop.requests[1]!.headers).toMatchObject(expected);
    expect(hop.requests[1]!.headers['sec-websocket-key']).not.toBe(
      hop.requests[0]!.headers['sec-websocket-key'],
    );
  });
});

describe('A redirect to another origin', () => {
  it('does not bring it the header fields and the user', async () => {
    const server = start({ protocols: ['p'], origins: '*' });
    const { port } = await server;
    const hop = await redirecting(() => `ws://127.0.0.1:${port}/`);
    const headers = { Authorization: 'Bearer x', Cookie: 'a=b', 'X-Api-Key': 'k', Host: 'first.example' };
    const from = hop.url.replace('//', '//user:secret@');
    const request = await seen({ headers, protocols: 'p', origin: 'http://o' }, from, server);
    expect(hop.requests[0]!.headers).toMatchObject({ 'x-api-key': 'k', host: 'first.example' });
    expect(request.headers['host']).toBe(`127.0.0.1:${port}`);
    expect(Object.keys(request.headers).filter((name) => /authorization|cookie|x-/.test(name))).toEqual([]);
    expect(request.protocols).toEqual(['p']);
    expect(request.origin).toBe('http://o');
  });

  it('does not bring them back from there either', async () => {
    const second = await redirecting(() => undefined);
    const first = await redirecting(() => second.url);
    await expect(connect(first.url, { headers: { 'X-A': 'b' } })).rejects.toMatchObject({ status: 302 });
    expect(first.requests[0]!.headers['x-a']).toBe('b');
    expect(second.requests[0]!.headers['x-a']).toBeUndefined();
  });

  it('does not show it the client certificate that is in a context', async () => {
    const { cert, key } = certificate;
    const options = { cert, key, requestCert: true, rejectUnauthorized: false };
    const last = await redirecting(() => undefined, 302, options);
    const first = await redirecting(() => last.url, 302, options);
    const secureContext = createSecureContext({ cert: client.cert, key: client.key });
    const tls = { secureContext, rejectUnauthorized: false };
    await expect(connect(first.url, { tls })).rejects.toMatchObject({ status: 302 });
    expect([first.certificates, last.certificates]).toEqual([['bothways test'], [undefined]]);
  });

  it('does not show it the client certificate', async () => {
    const { cert, key } = certificate;
    const options = { cert, key, requestCert: true, rejectUnauthorized: false };
    const last = await redirecting(() => undefined, 302, options);
    const first = await redirecting(() => last.url, 302, options);
    const tls = { ca: cert, cert: client.cert, key: client.key };
    await expect(connect(first.url, { tls })).rejects.toMatchObject({ status: 302 });
    expect([first.certificates, last.certificates]).toEqual([['bothways test'], [undefined]]);
  });

  it('may lead from ws: to wss:', async () => {
    const { cert, key } = certificate;
    const server = await start({ tls: { cert, key } });
    const { url } = await redirecting(() => server.url);
    expect((await join(url, { tls: { ca: cert } })).readyState).toBe(1);
  });

  it.each(['ws:', 'http:'])('never leads from wss: to %s', async (scheme) => {
    const { cert, key } = certificate;
    const server = await start({});
    const { url } = await redirecting(() => server.url.replace('ws:', scheme), 302, { cert, key });
    const attempt = connect(url, { tls: { ca: cert } });
    await expect(attempt).rejects.toMatchObject({ code: 'ERR_REDIRECT', status: 302 });
    expect(server.metrics().acceptedHandshakes).toBe(0);
  });
});
