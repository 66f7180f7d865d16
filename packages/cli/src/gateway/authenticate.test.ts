import { hashSync } from 'bcryptjs';
import { SignJWT } from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import { accepted, client, jwtConfig, refused, request, temporaryFile } from './auth/test-auth.js';
import {
  authenticate,
  authenticateRenewal,
  createAuthenticator,
  type Authenticator,
  type Identity,
} from './authenticate.js';
import type { AuthConfig } from './config/schema.js';

const SECRET = 'a secret of thirty-two characters, at least';

async function create(configs: Readonly<Record<string, AuthConfig>>): Promise<Authenticator[]> {
  const ways = await Promise.all(
    Object.entries(configs).map(([name, config]) => createAuthenticator(name, config)),
  );
  onTestFinished(() => {
    for (const way of ways) way.close();
  });
  return ways;
}

function sign(user: string): Promise<string> {
  return new SignJWT({ sub: user }).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(SECRET));
}

function jwt(): AuthConfig {
  return jwtConfig({ secret_file: temporaryFile(SECRET), token: ['header', 'query:token'] });
}

function basic(): AuthConfig {
  return { type: 'basic', realm: 'door', users_file: temporaryFile(`bob:${hashSync('secret', 4)}`) };
}

const BOB = `Basic ${Buffer.from('bob:secret').toString('base64')}`;

/** One that decides as it is told. */
function stub(parts: Partial<Authenticator>): Authenticator {
  return { challenge: undefined, authenticate: () => undefined, close() {}, ...parts };
}

describe('a route', () => {
  it('without authentication lets in anybody', async () => {
    expect(await accepted(authenticate([], request(), client()))).toEqual({
      user: '',
      method: 'none',
      key: '',
      expiresAt: undefined,
    });
  });

  it('takes the first kind of credentials that the request has', async () => {
    const ways = await create({ tokens: jwt(), users: basic(), cert: { type: 'certificate' } });
    const certificate = client({ isTrusted: true, names: ['eve'] });
    const headers = { authorization: BOB };
    const url = `/?token=${await sign('ada')}`;
    const seen: Identity[] = [];
    for (const each of [request({ url, headers }), request({ headers }), request()]) {
      seen.push(await accepted(authenticate(ways, each, certificate)));
    }
    expect(seen.map(({ user, method }) => `${user} ${method}`)).toEqual([
      'ada jwt',
      'bob basic',
      'eve certificate',
    ]);
  });

  it('does not look further when the first credentials are wrong', async () => {
    const ways = await create({ tokens: jwt(), users: basic() });
    const both = request({ url: '/?token=wrong', headers: { authorization: BOB } });
    expect(await refused(authenticate(ways, both, client()))).toMatchObject({ status: 401 });
  });

  it('tells who has no credentials which are taken', async () => {
    const ways = await create({ cert: { type: 'certificate' }, tokens: jwt(), users: basic() });
    expect(await refused(authenticate(ways, request(), client()))).toMatchObject({
      status: 401,
      body: 'Credentials are needed here.',
      headers: { 'WWW-Authenticate': 'Bearer realm="gateway", Basic realm="door", charset="UTF-8"' },
    });
  });

  it('that takes certificates alone refuses by 403, as there is nothing to ask for by HTTP', async () => {
    const ways = await create({ cert: { type: 'certificate' } });
    expect(await refused(authenticate(ways, request(), client()))).toMatchObject({
      status: 403,
      headers: {},
    });
  });

  it('lets nobody in when it fails to tell', async () => {
    const broken = stub({ authenticate: () => Promise.reject(new Error('bug')) });
    const refusal = await refused(authenticate([broken], request(), client()));
    expect(refusal).toMatchObject({ status: 500, why: 'authentication failed: bug' });
    expect(refusal.body).not.toContain('bug');
  });

  it('tells users of one name by two sections apart', async () => {
    const ways = await create({ one: jwt(), two: jwt() });
    const from = request({ headers: { authorization: `Bearer ${await sign('ada')}` } });
    const keys = await Promise.all(ways.map((way) => accepted(authenticate([way], from, client()))));
    expect(new Set(keys.map(({ key }) => key)).size).toBe(2);
  });
});

describe('a renewal', () => {
  it('is by a token in the header, whatever else is there', async () => {
    const ways = await create({ users: basic(), tokens: jwt() });
    const headers = { authorization: `Bearer ${await sign('ada')}` };
    expect(await accepted(authenticateRenewal(ways, request({ headers })))).toMatchObject({ user: 'ada' });
  });

  it('is not by a token in the URL, or by a password', async () => {
    const ways = await create({ users: basic(), tokens: jwt() });
    const url = `/?token=${await sign('ada')}`;
    const from = request({ url, headers: { authorization: BOB } });
    expect(await refused(authenticateRenewal(ways, from))).toMatchObject({ status: 401 });
  });
});
