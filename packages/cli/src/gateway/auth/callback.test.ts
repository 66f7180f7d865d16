import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { AuthConfig } from '../config/schema.js';
import { createCallbackAuthenticator } from './callback.js';
import type { Authenticator } from './contract.js';
import {
  accepted,
  client,
  deferred,
  listen,
  nobodyListens,
  refused,
  request,
  shortenTimeouts,
} from './test-auth.js';

type CallbackConfig = Extract<AuthConfig, { type: 'callback' }>;

function create(url: string, parts: Partial<CallbackConfig> = {}): Authenticator {
  const forward = ['authorization', 'cookie', 'origin'];
  const way = createCallbackAuthenticator('ask', {
    type: 'callback',
    url,
    timeout: 5_000,
    forward,
    user_header: 'x-user',
    ...parts,
  });
  onTestFinished(() => way.close());
  return way;
}

async function createFor(
  listener: RequestListener,
  parts: Partial<CallbackConfig> = {},
): Promise<Authenticator> {
  return create(`${await listen(listener)}ask?by=gateway`, parts);
}

describe('a callback', () => {
  it('is told who comes, by what is handed on', async () => {
    let seen: IncomingMessage | undefined;
    const way = await createFor((incoming, response) => {
      seen = incoming;
      response.setHeader('X-User', 'ada').end('hello');
    });
    const headers = { authorization: 'Token abc', cookie: 'a=1', 'x-other': '1', host: 'gateway.example' };
    const identity = await accepted(way.authenticate(request({ url: '/stomp?room=1', headers }), client()));
    expect(identity).toEqual({ user: 'ada', method: 'callback', key: 'ask\nada\n', expiresAt: undefined });
    expect([seen?.method, seen?.url]).toEqual(['GET', '/ask?by=gateway']);
    expect(seen?.headers).toMatchObject({
      'x-original-uri': '/stomp?room=1',
      'x-original-method': 'GET',
      'x-forwarded-for': '192.0.2.7',
      authorization: 'Token abc',
      cookie: 'a=1',
    });
    expect(seen?.headers).not.toHaveProperty('x-other');
    expect(seen?.headers.host).toMatch(/^127/);
  });

  it('may let somebody in without a name, who has no key then', async () => {
    const way = await createFor((_, response) => response.writeHead(204).end());
    expect(await accepted(way.authenticate(request(), client()))).toMatchObject({ user: '', key: '' });
  });

  it('refuses by 401, and says how to do better', async () => {
    const way = await createFor((_, response) =>
      response.writeHead(401, { 'WWW-Authenticate': 'Token realm="us"' }).end('secret'),
    );
    const refusal = await refused(way.authenticate(request(), client()));
    expect(refusal).toMatchObject({ status: 401, headers: { 'WWW-Authenticate': 'Token realm="us"' } });
    expect(refusal.body).not.toContain('secret');
  });

  it('refuses by 401 with a challenge where it has none, as there must be one', async () => {
    const way = await createFor((_, response) => response.writeHead(401).end());
    expect((await refused(way.authenticate(request(), client()))).headers).toHaveProperty('WWW-Authenticate');
  });

  it('refuses by 403', async () => {
    const way = await createFor((_, response) => response.writeHead(403).end());
    expect(await refused(way.authenticate(request(), client()))).toMatchObject({ status: 403 });
  });

  it.each([
    ['fails', (_, response) => response.writeHead(500).end('at line 7'), /status 500/],
    ['sends elsewhere', (_, response) => response.writeHead(302, { location: '/yes' }).end(), /status 302/],
    ['does not know the path', (_, response) => response.writeHead(404).end(), /status 404/],
    ['hangs up', (incoming) => incoming.socket.destroy(), /the connection was reset|closed/],
    ['says nonsense', (incoming) => incoming.socket.end('nonsense\r\n\r\n'), /Parse Error/],
    ['goes on with another protocol', switchProtocols, /closed without an answer/],
    [
      'names nobody fit',
      (_, response) => response.setHeader('x-user', 'a'.repeat(257)).end(),
      /not the name/,
    ],
    [
      'has 100 KB of header fields',
      (_, response) => response.setHeader('x', 'a'.repeat(100_000)).end(),
      /Header overflow/,
    ],
  ] satisfies [string, RequestListener, RegExp][])(
    'that %s refuses by 502, and nothing of it is told',
    async (_, listener, why) => {
      const way = await createFor(listener);
      const refusal = await refused(way.authenticate(request(), client()));
      expect(refusal.status).toBe(502);
      expect(refusal.why).toMatch(why);
      expect(refusal.body).toBe('It cannot be told at the moment whether you may connect: try again later.');
    },
  );

  it('that is not there refuses by 502', async () => {
    const refusal = await refused(create(await nobodyListens()).authenticate(request(), client()));
    expect(refusal).toMatchObject({ status: 502, why: 'callback ask: nothing listens there' });
  });

  it('that does not answer in time refuses by 504', async () => {
    shortenTimeouts();
    const way = await createFor(() => {});
    expect(await refused(way.authenticate(request(), client()))).toMatchObject({ status: 504 });
  });

  it('is left when its answer does not end', async () => {
    const gone = deferred();
    const way = await createFor(
      (incoming, response) => {
        incoming.socket.on('close', gone.resolve);
        response.write('x'.repeat(1_000_000));
      },
      { timeout: 0 },
    );
    expect(await accepted(way.authenticate(request(), client()))).toMatchObject({ user: '' });
    await gone.promise;
  });

  it('is asked over the same connection again', async () => {
    const sockets = new Set<unknown>();
    const way = await createFor((incoming, response) => {
      sockets.add(incoming.socket);
      response.end('a body');
    });
    for (let count = 0; count < 5; count++) await accepted(way.authenticate(request(), client()));
    expect(sockets.size).toBe(1);
  });

  it('is asked again when the connection was closed meanwhile', async () => {
    let asked = 0;
    const way = await createFor((incoming, response) => {
      asked++;
      if (asked === 2) incoming.socket.resetAndDestroy();
      else response.end();
    });
    await accepted(way.authenticate(request(), client()));
    await accepted(way.authenticate(request(), client()));
    expect(asked).toBe(3);
  });

  it('is asked 64 questions at a time, and the others wait', async () => {
    const waiting: ServerResponse[] = [];
    const sockets = new Set<unknown>();
    let isOpen = false;
    const full = deferred();
    const way = await createFor((incoming, response) => {
      sockets.add(incoming.socket);
      if (isOpen) response.end();
      else if (waiting.push(response) === 64) full.resolve();
    });
    const decisions = Array.from({ length: 200 }, () => accepted(way.authenticate(request(), client())));
    await full.promise;
    isOpen = true;
    for (const response of waiting) response.end();
    expect(await Promise.all(decisions)).toHaveLength(200);
    expect(sockets.size).toBe(64);
  });

  it('has at most 4,096 questions wait, and refuses more by 503', async () => {
    shortenTimeouts();
    const way = await createFor(() => {});
    const asked = Array.from({ length: 64 + 4_096 + 1 }, () =>
      refused(way.authenticate(request(), client())),
    );
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 504)).toHaveLength(4_160);
    expect(statuses.at(-1)).toBe(503);
  });

  it('answers what it was asked before the file was loaded again, and then closes its connections', async () => {
    const gone = deferred();
    const way = await createFor((incoming, response) => {
      incoming.socket.on('close', gone.resolve);
      way.close();
      response.setHeader('X-User', 'ada').end();
    });
    expect(await accepted(way.authenticate(request(), client()))).toMatchObject({ user: 'ada' });
    await gone.promise;
  });

  it.each(['Connection', 'host', 'X-Forwarded-For'])('cannot be handed %s', (field) => {
    expect(() => create('http://127.0.0.1/', { forward: [field] })).toThrow(/cannot be handed on/);
  });
});

function switchProtocols(incoming: IncomingMessage): void {
  incoming.socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n');
}
