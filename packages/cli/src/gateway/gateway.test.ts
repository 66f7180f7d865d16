import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { SignJWT } from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Session } from 'bothways/session';
import { createCertificate, type Certificate } from '../../../bothways/src/node/test-certificate.js';
import { gatewayConfig } from './config/schema.js';
import { writeProxyHeader } from './proxy-protocol.js';
import { closing, connectionsAre, join, Queue, startGateway, startUpstream } from './test-gateway.js';

const STOMP = { protocols: ['v12.stomp'] };

/** A folder with files that goes with the test. @returns what finds one. */
function files(contents: Readonly<Record<string, string>>): (name: string) => string {
  const folder = mkdtempSync(joinPath(tmpdir(), 'bothways-gateway-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const find = (name: string): string => joinPath(folder, name);
  for (const [name, content] of Object.entries(contents)) writeFileSync(find(name), content);
  return find;
}

function certificateFiles({ cert, key }: Certificate) {
  const find = files({ 'cert.pem': cert, 'key.pem': key });
  return { find, tls: { cert: find('cert.pem'), key: find('key.pem') } };
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** What an HTTP server answers. */
function ask(
  url: string,
  options: { method?: string; headers?: Record<string, string>; path?: string } = {},
): Promise<Answer> {
  const target = new URL(url);
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: target.hostname, port: target.port, path: target.pathname, agent: false, ...options },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => (body += text));
        response.on('end', () => resolve({ status: response.statusCode!, body }));
      },
    );
    request.on('error', reject);
    request.end();
  });
}

/** All that a server answers to some bytes. */
function say(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connectTcp(Number(port), hostname, () => socket.write(bytes));
    let text = '';
    socket.setEncoding('latin1').on('data', (piece: string) => (text += piece));
    socket.on('error', reject).on('close', () => resolve(text));
  });
}

describe('A gateway', () => {
  it('speaks TLS on both sides, and takes another certificate without a connection dropped', async () => {
    const [first, second] = [createCertificate('IP:127.0.0.1'), createCertificate('IP:127.0.0.1')];
    const behind = createCertificate('DNS:broker.example.com');
    const upstream = await startUpstream(createTlsServer({ cert: behind.cert, key: behind.key }));
    const { find, tls } = certificateFiles(first);
    writeFileSync(find('ca.pem'), behind.cert);
    const config = {
      listen: [{ address: '127.0.0.1:0', tls }],
      routes: [
        {
          path: '/',
          protocol: 'raw',
          upstream: upstream.url.replace('tcp', 'tls'),
          upstream_tls: { ca: find('ca.pem'), server_name: 'broker.example.com' },
        },
      ],
    };
    const { gateway, socketUrl } = await startGateway(config);
    const open = async (ca: string) => {
      const client = await join(`${socketUrl}/`, { tls: { ca } });
      return { ...client, peer: await upstream.peers.next() };
    };
    const one = await open(first.cert);
    writeFileSync(find('cert.pem'), second.cert);
    writeFileSync(find('key.pem'), second.key);
    await gateway.reload(gatewayConfig.parse({ log: { level: 'silent' }, ...config }));
    const two = await open(second.cert);
    for (const { socket, peer } of [one, two]) {
      socket.send(Buffer.from('secret'));
      await peer.receives('secret');
    }
    await expect(join(`${socketUrl}/`, { tls: { ca: first.cert } })).rejects.toMatchObject({
      code: 'ERR_CONNECT',
    });
    expect(gateway.connections).toBe(2);
  });

  it('does not trust a server whose certificate nobody has signed', async () => {
    const { cert, key } = createCertificate('IP:127.0.0.1');
    const upstream = await startUpstream(createTlsServer({ cert, key }));
    const { socketUrl } = await startGateway({
      routes: [{ path: '/', protocol: 'raw', upstream: upstream.url.replace('tcp', 'tls') }],
    });
    const { closed } = await join(`${socketUrl}/`);
    expect(await closing(closed)).toEqual([1014, 'The server behind the gateway cannot be trusted']);
  });

  it('asks for client certificates, and knows whose they are', async () => {
    const { cert, key } = createCertificate('IP:127.0.0.1');
    const upstream = await startUpstream();
    const { tls } = certificateFiles({ cert, key });
    const { socketUrl } = await startGateway({
      listen: [{ address: '127.0.0.1:0', tls: { ...tls, client_ca: tls.cert } }],
      auth: { machines: { type: 'certificate', names: ['bothways test'] } },
      routes: [{ path: '/', protocol: 'raw', upstream: upstream.url, auth: 'machines', sessions: true }],
    });
    await join(`${socketUrl}/`, { tls: { ca: cert, cert, key } });
    await expect(join(`${socketUrl}/`, { tls: { ca: cert } })).rejects.toMatchObject({ status: 403 });
    const stranger = createCertificate('IP:127.0.0.1');
    const shown = { ca: cert, cert: stranger.cert, key: stranger.key };
    await expect(join(`${socketUrl}/`, { tls: shown })).rejects.toMatchObject({ status: 403 });
  });

  it.each([1, 2] as const)(
    'hands on what a proxy says of the client, by the PROXY protocol, version %i',
    async (version) => {
      const upstream = await startUpstream();
      const { url } = await startGateway({
        listen: [{ address: '127.0.0.1:0', proxy_protocol: true }],
        routes: [{ path: '/', protocol: 'raw', upstream: upstream.url, proxy_protocol: version }],
      });
      const addresses = {
        source: { address: '192.0.2.7', port: 1234 },
        destination: { address: '192.0.2.8', port: 443 },
      };
      const { hostname, port } = new URL(url);
      const socket = connectTcp(Number(port), hostname);
      onTestFinished(() => void socket.destroy());
      const handshake = `GET / HTTP/1.1\r\nHost: ${hostname}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`;
      const bytes = Buffer.concat([writeProxyHeader(version, addresses), Buffer.from(handshake)]);
      // In two pieces, the first of which ends within the header.
      socket.write(bytes.subarray(0, 5));
      socket.write(bytes.subarray(5));
      const expected = writeProxyHeader(version, addresses).toString('latin1');
      const peer = await upstream.peers.next();
      await peer.receives(expected);
      expect(peer.text).toBe(expected);
    },
  );

  it('cuts who speaks to it without the PROXY header that is due', async () => {
    const { url } = await startGateway({
      listen: [{ address: '127.0.0.1:0', proxy_protocol: true }],
      routes: [{ path: '/', protocol: 'raw', upstream: 'tcp://127.0.0.1:1' }],
    });
    expect(await say(url, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')).toBe('');
  });

  it('carries sessions on any carrier', async () => {
    const upstream = await startUpstream();
    const { url } = await startGateway({
      routes: [{ path: '/s', protocol: 'stomp', upstream: upstream.url, sessions: true }],
    });
    const session = new Session(`${url}/s`, { carriers: ['long-polling'], protocols: ['v12.stomp'] });
    onTestFinished(() => session.close());
    const messages = new Queue<unknown>();
    session.addEventListener('message', ({ data }) => messages.push(data));
    session.send('SEND\n\none\0');
    const peer = await upstream.peers.next();
    await peer.receives('SEND\n\none\0');
    peer.socket.write('MESSAGE\n\ntwo\0\n');
    expect(await messages.next()).toBe('MESSAGE\n\ntwo\0\n');
    expect(session.protocol).toBe('v12.stomp');
    session.close();
    await peer.ended;
  });
});

describe('A connection with a token', () => {
  it('is closed with 4401 when the token lapses, unless another one came', async () => {
    const secret = Buffer.alloc(32, 7);
    const find = files({ secret: secret.toString('latin1') });
    const upstream = await startUpstream();
    const { url, socketUrl } = await startGateway({
      auth: {
        main: { type: 'jwt', secret_file: find('secret'), token: ['query:token'], clock_tolerance: '1ms' },
      },
      routes: [{ path: '/', protocol: 'raw', upstream: upstream.url, auth: 'main' }],
    });
    const sign = (user: string, seconds: number) =>
      new SignJWT({ sub: user })
        .setProtectedHeader({ alg: 'HS256' })
        .setExpirationTime(Math.floor(Date.now() / 1_000) + seconds)
        .sign(secret);
    await expect(join(`${socketUrl}/`)).rejects.toMatchObject({ status: 401 });
    const [ada, bob] = [
      await join(`${socketUrl}/?token=${await sign('ada', 3)}`),
      await join(`${socketUrl}/?token=${await sign('bob', 3)}`),
    ];
    const headers = { Authorization: `Bearer ${await sign('bob', 600)}` };
    const renewed = await ask(`${url}/`, { method: 'POST', headers });
    expect([renewed.status, JSON.parse(renewed.body)]).toEqual([
      200,
      expect.objectContaining({ renewed: 1 }),
    ]);
    expect(await closing(ada.closed)).toEqual([4401, 'The token has expired']);
    expect(bob.socket.readyState).toBe(1);
  });
});

describe('Limits', () => {
  it('refuse connections beyond them, and have room again when one has gone', async () => {
    const upstream = await startUpstream();
    const { gateway, socketUrl } = await startGateway({
      max_connections: 3,
      routes: [
        { path: '/one', protocol: 'raw', upstream: upstream.url, limits: { connections: 1 } },
        { path: '/two', protocol: 'raw', upstream: upstream.url, limits: { connections_per_address: 2 } },
      ],
    });
    const one = await join(`${socketUrl}/one`);
    await expect(join(`${socketUrl}/one`)).rejects.toMatchObject({ status: 503 });
    await join(`${socketUrl}/two`);
    await join(`${socketUrl}/two`);
    await expect(join(`${socketUrl}/two`)).rejects.toMatchObject({ status: 503 });
    one.socket.close();
    await connectionsAre(gateway, 2);
    await expect(join(`${socketUrl}/two`)).rejects.toMatchObject({ status: 429 });
    await join(`${socketUrl}/one`);
    expect(gateway.connections).toBe(3);
  });

  it('slow down who sends faster than it may, and lose nothing', async () => {
    const upstream = await startUpstream();
    const { socketUrl } = await startGateway({
      routes: [{ path: '/', protocol: 'raw', upstream: upstream.url, limits: { messages_per_second: 100 } }],
    });
    const { socket } = await join(`${socketUrl}/`);
    const peer = await upstream.peers.next();
    const begun = performance.now();
    // The first hundred come at once, and half a second later the others have.
    for (let index = 0; index < 150; index++) socket.send(Buffer.from(`${index};`));
    await peer.receives('149;');
    expect(performance.now() - begun).toBeGreaterThan(450);
    expect(peer.text.split(';').length).toBe(151);
  });
});

describe('A reload', () => {
  it('changes what comes, and nothing of what is there', async () => {
    const [before, after] = [await startUpstream(), await startUpstream()];
    const route = { path: '/', protocol: 'stomp', sessions: true };
    const { gateway, url, socketUrl } = await startGateway({ routes: [{ ...route, upstream: before.url }] });
    const one = await join(`${socketUrl}/`, STOMP);
    const session = new Session(`${url}/`, { carriers: ['long-polling'], protocols: ['v12.stomp'] });
    onTestFinished(() => session.close());
    const heard = new Queue<unknown>();
    session.addEventListener('message', ({ data }) => heard.push(data));
    session.send('SEND\n\nfirst\0');
    const [peer, sessionPeer] = [await before.peers.next(), await before.peers.next()];
    await sessionPeer.receives('first\0');
    // Another upstream, and what needs another server of WebSockets.
    const config = gatewayConfig.parse({
      log: { level: 'silent' },
      listen: [{ address: '127.0.0.1:0' }],
      routes: [{ ...route, upstream: after.url, max_message_size: 2_000, compression: true }],
    });
    await gateway.reload(config);
    const two = await join(`${socketUrl}/`, STOMP);
    two.socket.send('SEND\n\nto the new one\0');
    await (await after.peers.next()).receives('to the new one');
    one.socket.send('SEND\n\nto the old one\0');
    await peer.receives('to the old one');
    session.send('SEND\n\nsecond\0');
    await sessionPeer.receives('second\0');
    sessionPeer.socket.write('MESSAGE\n\nback\0');
    expect(await heard.next()).toBe('MESSAGE\n\nback\0');
    // A route that is gone takes nobody any more, and keeps whom it has.
    await gateway.reload({ ...config, routes: config.routes.map((each) => ({ ...each, path: '/other' })) });
    await expect(join(`${socketUrl}/`, STOMP)).rejects.toMatchObject({ status: 404 });
    one.socket.send('SEND\n\nstill\0');
    await peer.receives('still');
    session.send('SEND\n\nthird\0');
    await sessionPeer.receives('third\0');
    const metrics = await gateway.metrics.registry.metrics();
    expect(metrics).toContain('bothways_gateway_connections{route="/"} 3');
    expect(gateway.connections).toBe(3);
  });

  it('that cannot be done changes nothing', async () => {
    const upstream = await startUpstream();
    const { gateway, socketUrl } = await startGateway({
      routes: [{ path: '/', protocol: 'raw', upstream: upstream.url }],
    });
    const broken = {
      path: '/other',
      protocol: 'raw',
      upstream: upstream.url,
      upstream_tls: { ca: '/nowhere/ca.pem' },
    };
    const config = gatewayConfig.parse({ listen: [{ address: '127.0.0.1:0' }], routes: [broken] });
    await expect(gateway.reload(config)).rejects.toThrow('/nowhere/ca.pem');
    await join(`${socketUrl}/`);
    expect(gateway.connections).toBe(1);
  });
});

describe('A reload of listeners', () => {
  it('opens those that are new, and stops those that are gone', async () => {
    const upstream = await startUpstream();
    const routes = [{ path: '/', protocol: 'raw', upstream: upstream.url }];
    const { gateway, socketUrl } = await startGateway({ routes });
    const { socket } = await join(`${socketUrl}/`);
    const listen = [{ address: 'localhost:0' }];
    await gateway.reload(gatewayConfig.parse({ log: { level: 'silent' }, listen, routes }));
    const [url = ''] = gateway.urls;
    await join(`${url.replace('http', 'ws')}/`);
    await expect(join(`${socketUrl}/`)).rejects.toMatchObject({ code: 'ERR_CONNECT' });
    socket.send(Buffer.from('still here'));
    await (await upstream.peers.next()).receives('still here');
    const { port } = new URL(url);
    const change = [{ address: `localhost:${port}`, proxy_protocol: true }];
    await gateway.reload(gatewayConfig.parse({ log: { level: 'silent' }, listen, routes }));
    expect(gateway.urls).toEqual([url]);
    await expect(gateway.reload(gatewayConfig.parse({ listen: change, routes }))).rejects.toThrow(
      'another program',
    );
  });

  it('refuses to change what cannot be changed while it listens', async () => {
    const routes = [{ path: '/', protocol: 'raw', upstream: 'tcp://127.0.0.1:1' }];
    const first = await startGateway({ routes });
    const address = new URL(first.url).host;
    await first.gateway.close(0, 0);
    const { gateway } = await startGateway({ listen: [{ address }], routes });
    const config = gatewayConfig.parse({ listen: [{ address, proxy_protocol: true }], routes });
    await expect(gateway.reload(config)).rejects.toThrow('change with a restart only');
  });
});

describe('A drain', () => {
  it('tells all clients by 1001 over its window, and refuses others with 503', async () => {
    const upstream = await startUpstream();
    const { gateway, url, socketUrl } = await startGateway({
      admin: { address: '127.0.0.1:0' },
      routes: [{ path: '/', protocol: 'raw', upstream: upstream.url }],
    });
    const clients = await Promise.all(Array.from({ length: 10 }, () => join(`${socketUrl}/`)));
    expect(await ask(`${gateway.adminUrl}/readyz`)).toMatchObject({ status: 200 });
    const times: number[] = [];
    const begun = performance.now();
    const codes = Promise.all(
      clients.map(async ({ closed }) => {
        const [code] = await closing(closed);
        times.push(performance.now() - begun);
        return code;
      }),
    );
    const { hostname, port } = new URL(url);
    const idle = connectTcp(Number(port), hostname);
    await new Promise((resolve) => idle.once('connect', resolve));
    const closed = gateway.close(400, 1_000);
    expect(await ask(`${gateway.adminUrl}/readyz`)).toMatchObject({ status: 503 });
    expect(await codes).toEqual(clients.map(() => 1001));
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(250);
    await closed;
    await expect(ask(`${url}/`)).rejects.toThrow('ECONNREFUSED');
  });

  it('cuts after its timeout whoever has not left', async () => {
    const upstream = await startUpstream();
    const { gateway, socketUrl } = await startGateway({
      routes: [{ path: '/', protocol: 'raw', upstream: upstream.url }],
    });
    const { socket } = await join(`${socketUrl}/`);
    const peer = await upstream.peers.next();
    // It does not read, so it does not see that it is to leave.
    socket.pause();
    peer.socket.write(Buffer.alloc(32 * 1024 * 1024));
    await gateway.close(0, 100);
    expect(gateway.connections).toBe(0);
    await peer.ended;
  });
});

describe('Health and metrics', () => {
  it('are on a port of their own', async () => {
    const upstream = await startUpstream();
    const { gateway, url, socketUrl } = await startGateway({
      admin: { address: '127.0.0.1:0' },
      routes: [{ name: 'broker', path: '/', protocol: 'raw', upstream: upstream.url }],
    });
    const { socket } = await join(`${socketUrl}/`);
    const peer = await upstream.peers.next();
    socket.send(Buffer.alloc(10));
    await peer.receives('\0'.repeat(10));
    await expect(join(`${socketUrl}/`, { origin: 'http://evil.example' })).rejects.toMatchObject({
      status: 403,
    });
    await expect(join(`${socketUrl}/nowhere`)).rejects.toMatchObject({ status: 404 });
    expect(await ask(`${gateway.adminUrl}/healthz`)).toEqual({ status: 200, body: 'alive\n' });
    const { body } = await ask(`${gateway.adminUrl}/metrics`);
    expect(body).toContain('bothways_gateway_connections{route="broker"} 1');
    expect(body).toContain('bothways_gateway_bytes_total{route="broker",from="client"} 10');
    expect(body).toContain('bothways_gateway_messages_total{route="broker",from="client"} 1');
    expect(body).toContain('bothways_gateway_upstream_connect_seconds_count{route="broker"} 1');
    expect(body).toContain('bothways_gateway_connections_refused_total{route="",status="404"} 1');
    expect(body).toContain('process_resident_memory_bytes');
    expect(await ask(`${url}/metrics`)).toMatchObject({ status: 404 });
    socket.close();
    await connectionsAre(gateway, 0);
    const after = await ask(`${gateway.adminUrl}/metrics`);
    expect(after.body).toContain(
      'bothways_gateway_connections_closed_total{route="broker",code="1000",by="client"} 1',
    );
    expect(after.body).toContain('bothways_gateway_bytes_total{route="broker",from="client"} 10');
  });
});

describe('A route that records', () => {
  it('writes what passes into a file for each connection, without passwords, also after a reload', async () => {
    const upstream = await startUpstream();
    const find = files({});
    const route = { path: '/', protocol: 'stomp', upstream: upstream.url };
    const recording = { directory: find('recordings') };
    const { gateway, socketUrl } = await startGateway({ routes: [{ ...route, recording }] });
    const { socket, messages } = await join(`${socketUrl}/`, STOMP);
    socket.send('CONNECT\nlogin:ada\npasscode:secret\n\n\0');
    const peer = await upstream.peers.next();
    await peer.receives('secret');
    const listen = [{ address: '127.0.0.1:0' }];
    const routes = [{ ...route, recording, stall_timeout: '5s' }];
    await gateway.reload(gatewayConfig.parse({ log: { level: 'silent' }, listen, routes }));
    peer.socket.write('CONNECTED\nversion:1.2\n\n\0');
    await messages.next();
    await gateway.close(0, 1_000);
    const [name = ''] = readdirSync(find('recordings'));
    const text = readFileSync(joinPath(find('recordings'), name), 'utf8');
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map(({ from }) => from)).toEqual([undefined, 'client', 'server', undefined]);
    expect(text).toContain('login:ada');
    expect(text).not.toContain('secret');
  });
});

describe('The gateway is no open proxy:', () => {
  const upgrade =
    'Upgrade: websocket\r\nConnection: Upgrade, close\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';

  it.each([
    [
      'an absolute URL',
      (target: string) => `GET http://${target}/ HTTP/1.1\r\nHost: ${target}\r\nConnection: close\r\n\r\n`,
    ],
    [
      'an absolute URL of a WebSocket',
      (target: string) => `GET http://${target}/ HTTP/1.1\r\nHost: ${target}\r\n${upgrade}\r\n`,
    ],
    [
      'CONNECT',
      (target: string) => `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\nConnection: close\r\n\r\n`,
    ],
    ['another host', (target: string) => `GET /${target} HTTP/1.1\r\nHost: ${target}\r\n${upgrade}\r\n`],
    [
      'X-Forwarded-Host',
      (target: string) => `GET /x HTTP/1.1\r\nHost: a\r\nX-Forwarded-Host: ${target}\r\n${upgrade}\r\n`,
    ],
    ['an encoded path', () => `GET /%6cive HTTP/1.1\r\nHost: a\r\n${upgrade}\r\n`],
    ['a path with dots', () => `GET /x/../live HTTP/1.1\r\nHost: a\r\n${upgrade}\r\n`],
    ['two slashes', () => `GET //live HTTP/1.1\r\nHost: a\r\n${upgrade}\r\n`],
    [
      'a server in the query',
      (target: string) => `GET /x?upstream=tcp://${target} HTTP/1.1\r\nHost: a\r\n${upgrade}\r\n`,
    ],
  ])('%s leads nowhere', async (_name, request) => {
    const [upstream, other] = [await startUpstream(), await startUpstream()];
    const { url } = await startGateway({
      routes: [{ path: '/live', protocol: 'raw', upstream: upstream.url }],
    });
    const answer = await say(url, request(`127.0.0.1:${other.port}`));
    expect(answer).toMatch(/^(HTTP\/1\.1 4\d\d |$)/);
    expect([upstream.peers.length, other.peers.length]).toEqual([0, 0]);
  });

  it('a route whose server is chosen goes to those of its list only', async () => {
    const [one, other] = [await startUpstream(), await startUpstream()];
    const { socketUrl } = await startGateway({
      routes: [{ path: '/live', protocol: 'raw', choose_upstream: { allow: [one.url] } }],
    });
    const { socket } = await join(`${socketUrl}/live?upstream=${one.url}`);
    socket.send(Buffer.from('hello'));
    await (await one.peers.next()).receives('hello');
    await expect(join(`${socketUrl}/live?upstream=${other.url}`)).rejects.toMatchObject({ status: 403 });
    await expect(join(`${socketUrl}/live?upstream=tcp://localhost:${one.port}`)).rejects.toMatchObject({
      status: 403,
    });
    await expect(join(`${socketUrl}/live`)).rejects.toMatchObject({ status: 400 });
    expect(other.peers.length).toBe(0);
  });
});
