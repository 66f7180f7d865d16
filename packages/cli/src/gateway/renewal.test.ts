import type { IncomingMessage } from 'node:http';
import { SignJWT } from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createOriginCheck } from 'bothways/protocol';
import { jwtConfig, listen, temporaryFile } from './auth/test-auth.js';
import { createAuthenticator, type Authenticator, type Identity } from './authenticate.js';
import type { AuthConfig } from './config/schema.js';
import { Expirations } from './expirations.js';
import { answerRenewal, isRenewal } from './renewal.js';

const SECRET = 'a secret of thirty-two characters, at least';
const PAGE = 'https://page.example';

function sign(user: string, seconds: number): Promise<string> {
  const claims = { sub: user, iss: 'us', exp: Math.floor(Date.now() / 1_000) + seconds };
  return new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(SECRET));
}

interface Setup {
  readonly url: string;
  readonly expirations: Expirations;
  /** Why requests were refused. */
  readonly refusals: (string | undefined)[];
}

/** A server with one route, `stomp`, of which two connections of Ada and one of Bob are there. */
async function start(config?: AuthConfig): Promise<Setup> {
  const tokens = jwtConfig({ secret_file: temporaryFile(SECRET), token: ['query:token', 'cookie:id'] });
  const ways: Authenticator[] = [await createAuthenticator('main', config ?? tokens)];
  const expirations = new Expirations();
  onTestFinished(() => expirations.close());
  for (const user of ['ada', 'ada', 'bob']) expirations.add('stomp', until(user), () => {});
  const route = { name: 'stomp', ways, isWelcome: createOriginCheck([PAGE]) };
  const refusals: (string | undefined)[] = [];
  const url = await listen((request, response) => {
    void answerRenewal(request, response, route, expirations).then((why) => refusals.push(why));
  });
  return { url, expirations, refusals };
}

function until(user: string): Identity {
  return { user, method: 'jwt', key: `main\n${user}\nus`, expiresAt: Date.now() + 60_000 };
}

function post(url: string, headers: Readonly<Record<string, string>>): Promise<Response> {
  return fetch(url, { method: 'POST', headers });
}

describe('a renewal', () => {
  it('lets the connections of whom the token is for last as long as it does', async () => {
    const { url } = await start();
    const response = await post(url, { authorization: `Bearer ${await sign('ada', 600)}` });
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const { renewed, expires } = (await response.json()) as { renewed: number; expires: string };
    expect(renewed).toBe(2);
    const left = Date.parse(expires) - Date.now();
    expect(left).toBeGreaterThan(540_000);
    expect(left).toBeLessThan(606_000);
  });

  it('takes a cookie, and a body that nobody reads', async () => {
    const { url } = await start();
    const cookie = `id=${await sign('bob', 600)}`;
    const response = await fetch(url, { method: 'POST', headers: { cookie }, body: 'x'.repeat(1_000_000) });
    expect([response.status, await response.json()]).toEqual([
      200,
      { renewed: 1, expires: expect.any(String) as string },
    ]);
  });

  it('is for ever with a token that is', async () => {
    const { url } = await start();
    const token = await new SignJWT({ sub: 'ada', iss: 'us' })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(Buffer.from(SECRET));
    expect(await (await post(url, { authorization: `Bearer ${token}` })).json()).toEqual({
      renewed: 2,
      expires: null,
    });
  });

  it.each([
    ['without a token', () => '', 401, 'there were no credentials'],
    ['by an expired token', () => sign('ada', -60), 401, 'jwt main: "exp" claim timestamp check failed'],
    ['by nonsense', () => 'nonsense', 401, 'jwt main: Invalid Compact JWS'],
    ['by who has no connection', () => sign('eve', 60), 404, 'there is no connection'],
  ])('%s is refused', async (_, createToken, status, why) => {
    const { url, refusals } = await start();
    const token = await createToken();
    const response = await post(url, token === '' ? {} : { authorization: `Bearer ${token}` });
    await response.text();
    expect([response.status, refusals]).toEqual([status, [why]]);
  });

  it('by a token in the URL is refused', async () => {
    const { url } = await start();
    const response = await post(`${url}?token=${await sign('ada', 60)}`, {});
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Bearer realm="gateway"');
  });

  it('at a route that takes no tokens is refused', async () => {
    const { url } = await start({ type: 'certificate' });
    const response = await post(url, {});
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET']);
  });
});

describe('a page of another origin', () => {
  it('may renew when the route welcomes it, and read the answer', async () => {
    const { url } = await start();
    const preflight = await fetch(url, {
      method: 'OPTIONS',
      headers: { origin: PAGE, 'access-control-request-method': 'POST' },
    });
    expect(preflight.status).toBe(204);
    expect(Object.fromEntries(preflight.headers)).toMatchObject({
      'access-control-allow-origin': PAGE,
      'access-control-allow-credentials': 'true',
      'access-control-allow-headers': 'Authorization, Content-Type',
      vary: 'Origin',
    });
    const authorization = `Bearer ${await sign('ada', 600)}`;
    for (const [headers, status] of [
      [{ origin: PAGE, authorization }, 200],
      [{ origin: PAGE }, 401],
    ] as const) {
      const response = await post(url, headers);
      expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([status, PAGE]);
    }
  });

  it('may not when the route does not, even with a good cookie', async () => {
    const { url, refusals } = await start();
    const headers = { origin: 'https://evil.example', cookie: `id=${await sign('ada', 600)}` };
    for (const method of ['POST', 'OPTIONS']) {
      const response = await fetch(url, { method, headers });
      await response.text();
      expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([403, null]);
    }
    expect(refusals).toEqual(['the origin is not welcome', 'the origin is not welcome']);
  });
});

it.each([
  ['POST', {}, true],
  ['POST', { 'content-type': 'text/plain' }, true],
  ['POST', { 'content-type': 'application/vnd.bothways' }, false],
  ['OPTIONS', { 'access-control-request-method': 'POST' }, true],
  ['OPTIONS', {}, false],
  ['GET', {}, false],
])('a %s with %j is a renewal: %s', (method, headers, isOne) => {
  expect(isRenewal({ method, headers } as IncomingMessage)).toBe(isOne);
});
