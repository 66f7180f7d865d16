import { once } from 'node:events';
import { createServer as createHttpServer, type ServerResponse } from 'node:http';
import { connect as connectTcp, createServer, type AddressInfo, type Socket } from 'node:net';
import { Session } from 'bothways/session';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { gatewayConfig } from './config/schema.js';
import { Gateway } from './gateway.js';
import { closing, connectionsAre, join, startGateway, startUpstream } from './test-gateway.js';

const NOWHERE = { path: '/x', protocol: 'raw', upstream: 'tcp://127.0.0.1:1' };

const UPGRADE =
  'GET /nothing HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

/** A client that speaks TCP and says a byte every 50 ms, whatever it hears, until it is cut. */
async function isCut(url: string, first: string, more: string): Promise<void> {
  const { hostname, port } = new URL(url);
  const socket = connectTcp({ host: hostname, port: Number(port), allowHalfOpen: true });
  socket.on('error', () => {});
  socket.write(first);
  let said = 0;
  const timer = setInterval(() => socket.write(more[said++ % more.length]!), 50);
  onTestFinished(() => {
    clearInterval(timer);
    socket.destroy();
  });
  socket.resume();
  await new Promise((resolve) => socket.once('close', resolve));
  clearInterval(timer);
}

describe('A client', () => {
  it('that is refused, and neither leaves nor is silent, is cut', { timeout: 15_000 }, async () => {
    const { url } = await startGateway({ routes: [NOWHERE] });
    await expect(isCut(url, UPGRADE, 'x')).resolves.toBeUndefined();
  });

  it('that never ends its PROXY header is cut after handshake_timeout', { timeout: 15_000 }, async () => {
    const listen = { address: '127.0.0.1:0', proxy_protocol: true };
    const { url } = await startGateway({ handshake_timeout: '300ms', listen, routes: [NOWHERE] });
    await expect(isCut(url, 'PROXY TCP4 ', '1')).resolves.toBeUndefined();
  });
});

describe('A server', () => {
  it('that talks on when its client has gone is cut in the end', async () => {
    const upstream = await startUpstream(createServer({ allowHalfOpen: true }));
    const { gateway, socketUrl } = await startGateway({ routes: [{ ...NOWHERE, upstream: upstream.url }] });
    const { socket, messages } = await join(`${socketUrl}/x`);
    const { socket: server, ended } = await upstream.peers.next();
    const timer = setInterval(() => server.write('x'), 500);
    onTestFinished(() => clearInterval(timer));
    await messages.next();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const told = once(server, 'end');
    socket.close();
    await told;
    vi.advanceTimersByTime(30_000);
    await ended;
    await connectionsAre(gateway, 0);
    expect(gateway.connections).toBe(0);
  });

  it('that agrees to STARTTLS and then says nothing has no longer than connect_timeout', async () => {
    const upstream = await startUpstream();
    const route = { ...NOWHERE, protocol: 'xmpp', upstream: upstream.url, connect_timeout: '200ms' };
    const { gateway, socketUrl } = await startGateway({ admin: { address: '127.0.0.1:0' }, routes: [route] });
    const { socket, closed } = await join(`${socketUrl}/x`, { protocols: ['xmpp'] });
    socket.send("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>");
    const peer = await upstream.peers.next();
    await peer.receives('stream:stream');
    peer.socket.write(
      "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1' version='1.0'>" +
        "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>",
    );
    await peer.receives('<starttls');
    peer.socket.write("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    expect(await closing(closed)).toEqual([1014, 'The server behind the gateway does not answer']);
    await connectionsAre(gateway, 0);
  });

  it('of TLS that leaves at once is not said to be one that cannot be trusted', async () => {
    const upstream = await startUpstream(createServer((socket: Socket) => void socket.destroy()));
    const route = { ...NOWHERE, upstream: upstream.url.replace('tcp:', 'tls:') };
    const { socketUrl } = await startGateway({
      routes: [route, { ...route, path: '/p', proxy_protocol: 1 }],
    });
    for (const path of ['/x', '/p']) {
      const { closed } = await join(socketUrl + path);
      expect(await closing(closed)).toEqual([1014, 'The server behind the gateway cannot be reached']);
    }
  });
});

describe('The metrics', () => {
  it('have no line of their own for each close code that a client thinks of', async () => {
    const upstream = await startUpstream();
    const { gateway, socketUrl } = await startGateway({ routes: [{ ...NOWHERE, upstream: upstream.url }] });
    for (const code of [3000, 3999, 4000, 4242, 4999, 1000]) {
      const { socket } = await join(`${socketUrl}/x`);
      socket.close(code);
    }
    await connectionsAre(gateway, 0);
    const text = await gateway.metrics.registry.getSingleMetricAsString(
      'bothways_gateway_connections_closed_total',
    );
    expect(
      [...text.matchAll(/code="(\w+)",by="client"\} (\d)/g)].map(([, code, count]) => `${code} ${count}`),
    ).toEqual(['3xxx 2', '4xxx 3', '1000 1']);
  });
});

describe('A gateway that cannot start', () => {
  it('says what can be mended, and how in its own words', async () => {
    const { url } = await startGateway({ routes: [NOWHERE] });
    const { host, port } = new URL(url);
    const config = gatewayConfig.parse({
      log: { level: 'silent' },
      listen: { address: host },
      routes: [NOWHERE],
    });
    await expect(Gateway.start(config)).rejects.toThrow(
      `Cannot listen on 127.0.0.1 port ${port}: another program listens there. Choose another port, or 0 for any free one.`,
    );
  });
});

describe('A long handshake_timeout', () => {
  it('is as good as a short one', async () => {
    const { gateway } = await startGateway({ handshake_timeout: '10m', routes: [NOWHERE] });
    expect(gateway.urls).toHaveLength(1);
  });
});

describe('A reload', () => {
  it('refuses nobody about whom is being decided', async () => {
    const upstream = await startUpstream();
    const callback = createHttpServer().listen(0, '127.0.0.1');
    await once(callback, 'listening');
    onTestFinished(() => {
      callback.closeAllConnections();
      callback.close();
    });
    const { port } = callback.address() as AddressInfo;
    const configure = (size: number) => ({
      log: { level: 'silent' },
      listen: [{ address: '127.0.0.1:0' }],
      auth: { ask: { type: 'callback', url: `http://127.0.0.1:${port}/` } },
      routes: [{ ...NOWHERE, upstream: upstream.url, auth: 'ask', max_message_size: size }],
    });
    const { gateway, socketUrl } = await startGateway(configure(10));
    const asked = once(callback, 'request');
    const joining = join(`${socketUrl}/x`);
    const [, response] = (await asked) as [unknown, ServerResponse];
    await gateway.reload(gatewayConfig.parse(configure(20)));
    response.writeHead(204).end();
    const { socket } = await joining;
    socket.close();
    await connectionsAre(gateway, 0);
    expect(gateway.connections).toBe(0);
  });
});

describe('A drain', () => {
  it('is told to sessions on long polling too', async () => {
    const upstream = await startUpstream();
    const { gateway, url } = await startGateway({
      drain: { window: '100ms', timeout: '10s' },
      routes: [{ ...NOWHERE, upstream: upstream.url, sessions: true }],
    });
    const sessions = await Promise.all([joinByPolling(`${url}/x`), joinByPolling(`${url}/x`)]);
    const closed = gateway.close();
    for (const { code } of await Promise.all(sessions.map(({ ended }) => ended))) expect(code).toBe(1001);
    await closed;
    await connectionsAre(gateway, 0);
    expect(gateway.connections).toBe(0);
  });
});

async function joinByPolling(url: string) {
  const session = new Session(url, { carriers: ['long-polling'], renew: false });
  onTestFinished(() => session.close());
  const ended = new Promise<{ readonly code: number }>((resolve) =>
    session.addEventListener('close', resolve),
  );
  await new Promise((resolve) => session.addEventListener('open', resolve));
  return { ended };
}
