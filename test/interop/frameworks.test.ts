import { createServer as createHttpServer, get as httpGet, type Server } from 'node:http';
import { createServer as createHttpsServer, get as httpsGet } from 'node:https';
import { serve } from 'bothways';
import express from 'express';
import fastify from 'fastify';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { openByConnect } from '../peers/bothways-client.js';
import { createCertificate } from '../peers/certificate.js';
import { portOf } from '../peers/start.js';

/** An HTTP server with the framework's routes /hello and /live, which is to have WebSockets beside them. */
interface Site extends AsyncDisposable {
  readonly server: Server;
  readonly scheme: 'http' | 'https';
}

const certificate = await createCertificate();
const open = openByConnect({ tls: { ca: certificate.cert }, handshakeTimeout: 3_000 });

const sites: Readonly<Record<string, () => Promise<Site>>> = {
  'Express 5': () => listen(createHttpServer(expressApp()), 'http'),
  'Express 5 with https': () => listen(createHttpsServer(certificate, expressApp()), 'https'),
  'Fastify 5': () => startFastify('http'),
  'Fastify 5 with https': () => startFastify('https'),
};

describe.each(Object.entries(sites))('WebSockets beside %s on one port', (_, start) => {
  let site: Site;
  let web: string;
  let webSocket: string;

  beforeAll(async () => {
    site = await start();
    web = `${site.scheme}://127.0.0.1:${portOf(site.server)}`;
    webSocket = web.replace('http', 'ws');
  });

  afterAll(() => site?.[Symbol.asyncDispose]());

  test('HTTP routes answer before, while and after a WebSocket is open, at its path as well', async () => {
    await attach('/live', (message) => message);
    expect(await get(`${web}/hello`)).toBe('200 Hello');
    const talk = await open(`${webSocket}/live`, []);
    expect(await get(`${web}/hello`)).toBe('200 Hello');
    expect(await get(`${web}/live`)).toBe('200 A page');
    talk.send('still echoing');
    expect(await talk.receive()).toBe('still echoing');
    talk.close(1000, 'done');
    expect(await talk.closed).toMatchObject({ code: 1000 });
    expect(await get(`${web}/hello`)).toBe('200 Hello');
  });

  test('a query does not keep a WebSocket from its path', async () => {
    await attach('/live', (message) => message);
    const talk = await open(`${webSocket}/live?room=1`, []);
    talk.send('hello');
    expect(await talk.receive()).toBe('hello');
    talk.close(1000, 'done');
    await talk.closed;
  });

  test('a WebSocket at a path that no server has is refused with 404, even where HTTP has a route', async () => {
    await attach('/live', (message) => message);
    await expect(open(`${webSocket}/elsewhere`, [])).rejects.toMatchObject({ status: 404 });
    await expect(open(`${webSocket}/hello`, [])).rejects.toMatchObject({ status: 404 });
    await expect(open(`${webSocket}/live/deeper`, [])).rejects.toMatchObject({ status: 404 });
  });

  test('two servers have a path each', async () => {
    await attach('/live', (message) => message);
    await attach('/shout', (message) => String(message).toUpperCase());
    const talks = [await open(`${webSocket}/live`, []), await open(`${webSocket}/shout`, [])] as const;
    for (const talk of talks) talk.send('hello');
    expect(await talks[0].receive()).toBe('hello');
    expect(await talks[1].receive()).toBe('HELLO');
    for (const talk of talks) talk.close(1000, 'done');
    await Promise.all(talks.map((talk) => talk.closed));
  });

  test('a WebSocket at a path that neither of two servers has is refused with 404', async () => {
    await attach('/live', (message) => message);
    await attach('/shout', (message) => String(message).toUpperCase());
    await expect(open(`${webSocket}/elsewhere`, [])).rejects.toMatchObject({ status: 404 });
  });

  test('closing the WebSocket server ends its connections with 1001 and leaves the HTTP server alone', async () => {
    const server = await attach('/live', (message) => message);
    const talk = await open(`${webSocket}/live`, []);
    await server.close();
    expect(await talk.closed).toMatchObject({ code: 1001 });
    expect(await get(`${web}/hello`)).toBe('200 Hello');
    await attach('/live', (message) => message);
    const another = await open(`${webSocket}/live`, []);
    another.send('again');
    expect(await another.receive()).toBe('again');
    another.close(1000, 'done');
    await another.closed;
  });

  /** A WebSocket server that lives until the test has ended. */
  async function attach(path: string, answer: (message: string | Buffer) => string | Buffer) {
    const server = await serve(
      { server: site.server, path },
      { message: (socket, message) => void socket.send(answer(message)) },
    );
    onTestFinished(() => server.close());
    return server;
  }
});

function expressApp() {
  const app = express();
  app.get('/hello', (_, response) => void response.send('Hello'));
  app.get('/live', (_, response) => void response.send('A page'));
  return app;
}

async function startFastify(scheme: Site['scheme']): Promise<Site> {
  const app = fastify({ https: scheme === 'https' ? certificate : null });
  app.get('/hello', () => 'Hello');
  app.get('/live', () => 'A page');
  await app.listen({ host: '127.0.0.1', port: 0 });
  return { server: app.server, scheme, [Symbol.asyncDispose]: () => app.close() };
}

async function listen(server: Server, scheme: Site['scheme']): Promise<Site> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const close = () => new Promise<void>((resolve) => void server.close(() => resolve()));
  return { server, scheme, [Symbol.asyncDispose]: close };
}

/** Status and body of one request on a connection of its own. */
function get(url: string): Promise<string> {
  const request = url.startsWith('https:') ? httpsGet : httpGet;
  return new Promise((resolve, reject) => {
    request(url, { agent: false, ca: certificate.cert }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve(`${response.statusCode} ${body}`));
    }).on('error', reject);
  });
}
