import type { RequestListener } from 'node:http';
import {
  SignJWT,
  base64url,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  type CryptoKey,
  type JWK,
  type JWTPayload,
} from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Authenticator } from './contract.js';
import { createJwtAuthenticator } from './jwt.js';
import {
  accepted,
  bearer,
  client,
  jwtConfig,
  listen,
  nobodyListens,
  refused,
  request,
  shortenTimeouts,
  temporaryFile,
} from './test-auth.js';

const NOW = Date.parse('2026-06-01T12:00:00Z');
const SECONDS = NOW / 1_000;
const SECRET = 'a secret of thirty-two characters, at least';

const clock = (): number => NOW;

interface Signer {
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly jwk: JWK;
}

let rsa: Signer;
let otherRsa: Signer;
let ec: Signer;

async function createSigner(alg: string, kid: string): Promise<Signer> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

beforeAll(async () => {
  [rsa, otherRsa, ec] = await Promise.all([
    createSigner('RS256', 'rsa-1'),
    createSigner('RS256', 'rsa-2'),
    createSigner('ES256', 'ec-1'),
  ]);
});

const CLAIMS = { sub: 'ada', iss: 'https://issuer.example', aud: 'gateway', exp: SECONDS + 60 };

function sign(
  key: CryptoKey | Uint8Array,
  header: { alg: string; kid?: string },
  claims: JWTPayload = CLAIMS,
) {
  return new SignJWT(claims).setProtectedHeader(header).sign(key);
}

function byEc(claims: JWTPayload = CLAIMS): Promise<string> {
  return sign(ec.privateKey, { alg: 'ES256', kid: 'ec-1' }, claims);
}

function keySet(...signers: Signer[]): string {
  return JSON.stringify({ keys: signers.map(({ jwk }) => jwk) });
}

/** One that has the keys of `signers` in a file. */
function withKeys(signers: Signer[], parts: Parameters<typeof jwtConfig>[0] = {}): Promise<Authenticator> {
  const issued = { issuer: 'https://issuer.example', audience: ['gateway'] };
  return create({ jwks: temporaryFile(keySet(...signers)), ...issued, ...parts });
}

function create(parts: Parameters<typeof jwtConfig>[0]): Promise<Authenticator> {
  return createJwtAuthenticator('main', jwtConfig(parts), clock);
}

describe('a JSON Web Token', () => {
  it('says who somebody is, and for how long', async () => {
    const way = await withKeys([ec, rsa]);
    expect(await accepted(way.authenticate(bearer(await byEc()), client()))).toEqual({
      user: 'ada',
      method: 'jwt',
      key: 'main\nada\nhttps://issuer.example',
      // A token is taken for five seconds longer, so the connection lasts as long.
      expiresAt: NOW + 65_000,
    });
  });

  it('without an end is good for ever', async () => {
    const way = await withKeys([ec]);
    const { exp: _exp, ...claims } = CLAIMS;
    expect(await accepted(way.authenticate(bearer(await byEc(claims)), client()))).toMatchObject({
      expiresAt: undefined,
    });
  });

  it('that ends when no date can be written any more is good until the last one', async () => {
    const way = await withKeys([ec]);
    const token = await byEc({ ...CLAIMS, exp: 1e300 });
    expect(await accepted(way.authenticate(bearer(token), client()))).toMatchObject({ expiresAt: 8.64e15 });
  });

  it('names the user in the claim that the file names', async () => {
    const way = await withKeys([ec], { user_claim: 'email' });
    const token = await byEc({ ...CLAIMS, email: 'ada@example.com' });
    expect(await accepted(way.authenticate(bearer(token), client()))).toMatchObject({
      user: 'ada@example.com',
    });
  });

  it('that does not name its key is tried with all that fit', async () => {
    const way = await withKeys([otherRsa, rsa, ec]);
    const token = await sign(rsa.privateKey, { alg: 'RS256' });
    expect(await accepted(way.authenticate(bearer(token), client()))).toMatchObject({ user: 'ada' });
    const [stranger] = [await createSigner('RS256', 'x')];
    const forged = await sign(stranger.privateKey, { alg: 'RS256' });
    expect(await refused(way.authenticate(bearer(forged), client()))).toMatchObject({ status: 401 });
  });

  it('is not looked for where there is none', async () => {
    const way = await withKeys([ec]);
    expect(way.authenticate(request(), client())).toBeUndefined();
    expect(way.renew?.(request({ url: '/?token=x' }))).toBeUndefined();
  });

  it.each([
    ['has another audience', { ...CLAIMS, aud: 'other' }, /aud/],
    ['has no audience', { ...CLAIMS, aud: [] }, /aud/],
    ['is of another issuer', { ...CLAIMS, iss: 'https://issuer.example/' }, /iss/],
    ['has expired', { ...CLAIMS, exp: SECONDS - 6 }, /exp/],
    ['is not valid yet', { ...CLAIMS, nbf: SECONDS + 6 }, /nbf/],
    ['expires at no time', { ...CLAIMS, exp: 'tomorrow' as unknown as number }, /exp/],
    ['has no user', { ...CLAIMS, sub: '' }, /sub/],
    ['has a user who is no text', { ...CLAIMS, sub: 7 as unknown as string }, /sub/],
    ['has a user with a line feed', { ...CLAIMS, sub: 'a\nb' }, /sub/],
    ['has a user of 257 characters', { ...CLAIMS, sub: 'a'.repeat(257) }, /sub/],
  ])('that %s is refused', async (_, claims, why) => {
    const way = await withKeys([ec]);
    const refusal = await refused(way.authenticate(bearer(await byEc(claims)), client()));
    expect(refusal.status).toBe(401);
    expect(refusal.why).toMatch(why);
    expect(refusal.headers['WWW-Authenticate']).toMatch(/^Bearer realm="gateway", error="invalid_token"/);
  });

  it('that expired or began within the tolerance is taken', async () => {
    const way = await withKeys([ec]);
    for (const claims of [{ exp: SECONDS - 4 }, { nbf: SECONDS + 5 }]) {
      const token = await byEc({ ...CLAIMS, ...claims });
      expect(await accepted(way.authenticate(bearer(token), client()))).toMatchObject({ user: 'ada' });
    }
  });

  it('that has expired is told so, and is told nothing else', async () => {
    const way = await withKeys([ec]);
    const expired = await refused(way.authenticate(bearer(await byEc({ ...CLAIMS, exp: 1 })), client()));
    expect(expired.body).toBe('The token has expired: get a new one.');
    const foreign = await refused(way.authenticate(bearer(await byEc({ ...CLAIMS, aud: 'x' })), client()));
    expect(foreign.body).toBe('The token is not accepted: get a new one.');
  });

  it('by a key that is not in the set is refused', async () => {
    const way = await withKeys([rsa]);
    expect(await refused(way.authenticate(bearer(await byEc()), client()))).toMatchObject({ status: 401 });
  });

  it('that names the key of somebody else is refused', async () => {
    const way = await withKeys([rsa, otherRsa]);
    const token = await sign(rsa.privateKey, { alg: 'RS256', kid: 'rsa-2' });
    expect(await refused(way.authenticate(bearer(token), client()))).toMatchObject({ status: 401 });
  });

  it('that takes a public key for a shared secret is refused', async () => {
    const way = await withKeys([rsa]);
    const publicKey = await exportSPKI(rsa.publicKey);
    for (const secret of [publicKey, publicKey.trim(), JSON.stringify(rsa.jwk), rsa.jwk.n ?? '']) {
      const token = await sign(Buffer.from(secret), { alg: 'HS256', kid: 'rsa-1' });
      const refusal = await refused(way.authenticate(bearer(token), client()));
      expect([refusal.status, refusal.why]).toEqual([401, expect.stringMatching(/alg/)]);
    }
  });

  it('that is not signed is refused', async () => {
    const payload = base64url.encode(JSON.stringify(CLAIMS));
    for (const way of [await withKeys([ec]), await create({ secret_file: temporaryFile(SECRET) })]) {
      for (const alg of ['none', 'None', '']) {
        const header = base64url.encode(JSON.stringify({ alg }));
        const token = `${header}.${payload}.`;
        expect(await refused(way.authenticate(bearer(token), client()))).toMatchObject({ status: 401 });
      }
    }
  });

  it('brings no key of its own', async () => {
    const way = await withKeys([ec]);
    const stranger = await createSigner('ES256', 'ec-1');
    const token = await new SignJWT(CLAIMS)
      .setProtectedHeader({ alg: 'ES256', kid: 'ec-1', jwk: stranger.jwk, jku: 'http://127.0.0.1:9/' })
      .sign(stranger.privateKey);
    expect(await refused(way.authenticate(bearer(token), client()))).toMatchObject({ status: 401 });
  });

  it('whose header demands what nobody knows is refused', async () => {
    const way = await withKeys([ec]);
    const token = await new SignJWT(CLAIMS)
      .setProtectedHeader({ alg: 'ES256', crit: ['exp'], exp: 1 })
      .sign(ec.privateKey, { crit: { exp: true } });
    expect(await refused(way.authenticate(bearer(token), client()))).toMatchObject({ status: 401 });
  });

  it.each([
    ['is empty', ''],
    ['is of two parts', 'a.b'],
    ['is of a thousand parts', '.'.repeat(1_000)],
    ['is no base64', '§§.§§.§§'],
    ['is not JSON', 'AAAA.AAAA.AAAA'],
    ['is an array', `${base64url.encode('[]')}.${base64url.encode('[]')}.AAAA`],
    ['has a prototype', `${base64url.encode('{"__proto__":{"alg":"ES256"}}')}.e30.AAAA`],
    ['has 100 KB', 'a'.repeat(100_000)],
  ])('that %s is refused', async (_, token) => {
    const way = await withKeys([ec]);
    const refusal = await refused(way.authenticate(bearer(token), client()));
    expect(refusal.status).toBe(401);
    expect(refusal.why.length).toBeLessThan(200);
  });

  it('that is longer than all header fields may be is not looked at', async () => {
    const way = await withKeys([ec], { token: ['query:token'] });
    const url = `/?token=${await byEc({ ...CLAIMS, padding: 'x'.repeat(16_384) })}`;
    const refusal = await refused(way.authenticate(request({ url }), client()));
    expect(refusal.why).toBe('jwt main: it has more than 16384 characters');
  });

  it('is refused beside another one, and nothing that is said has it', async () => {
    const way = await withKeys([ec], { token: ['query:token'] });
    const [good, late] = [await byEc(), await byEc({ ...CLAIMS, exp: 1 })];
    const url = `/?token=${good}&token=${late}`;
    const refusal = await refused(way.authenticate(request({ url }), client()));
    expect(refusal.status).toBe(401);
    expect(JSON.stringify(refusal)).not.toContain(good.slice(0, 20));
    const expired = await refused(way.authenticate(request({ url: `/?token=${late}` }), client()));
    expect(JSON.stringify(expired)).not.toContain(late.slice(0, 20));
  });
});

describe('a shared secret', () => {
  it('is what tokens are signed with, without the newline at the end of its file', async () => {
    const way = await create({ secret_file: temporaryFile(`${SECRET}\n`) });
    const token = await sign(Buffer.from(SECRET), { alg: 'HS256' });
    expect(await accepted(way.authenticate(bearer(token), client()))).toMatchObject({ user: 'ada' });
    const forged = await sign(Buffer.from(`${SECRET}\n`), { alg: 'HS256' });
    expect(await refused(way.authenticate(bearer(forged), client()))).toMatchObject({ status: 401 });
  });

  it('takes no token by a public key', async () => {
    const way = await create({ secret_file: temporaryFile(SECRET) });
    expect(await refused(way.authenticate(bearer(await byEc()), client()))).toMatchObject({ status: 401 });
  });

  it('is used for the algorithms that it is long enough for', async () => {
    const way = await create({ secret_file: temporaryFile('x'.repeat(47)) });
    const token = await sign(Buffer.from('x'.repeat(47)), { alg: 'HS384' });
    expect(await refused(way.authenticate(bearer(token), client()))).toMatchObject({ status: 401 });
  });
});

describe('the configuration', () => {
  it.each([
    ['neither keys nor a secret', () => ({}), /either "jwks" or "secret_file"/],
    ['both', () => ({ jwks: 'a', secret_file: 'b' }), /either "jwks" or "secret_file"/],
    [
      'no such file',
      () => ({ jwks: '/nowhere/keys.json' }),
      /cannot read \/nowhere\/keys.json: there is no such/,
    ],
    ['no key set', () => ({ jwks: temporaryFile('{"keys":1}') }), /is no JSON Web Key Set/],
    ['no JSON', () => ({ jwks: temporaryFile('keys') }), /is no JSON Web Key Set/],
    [
      'a secret key in the set',
      () => ({ jwks: temporaryFile('{"keys":[{"kty":"oct","k":"AA"}]}') }),
      /secret: put only/,
    ],
    ['a short secret', () => ({ secret_file: temporaryFile('short') }), /too short/],
    [
      'an algorithm of secrets',
      () => ({ jwks: 'http://127.0.0.1/', algorithms: ['HS256'] }),
      /"HS256" is none for these/,
    ],
    ['no algorithm', () => ({ jwks: 'http://127.0.0.1/', algorithms: ['none'] }), /"none" is none for these/],
    ['one of keys', () => ({ secret_file: temporaryFile(SECRET), algorithms: ['RS256'] }), /"RS256" is none/],
  ])('is refused for %s', async (_, parts, message) => {
    await expect(create(parts())).rejects.toThrow(message);
  });

  it('may name fewer algorithms', async () => {
    const way = await withKeys([ec, rsa], { algorithms: ['RS256'] });
    expect(await refused(way.authenticate(bearer(await byEc()), client()))).toMatchObject({ status: 401 });
    const token = await sign(rsa.privateKey, { alg: 'RS256', kid: 'rsa-1' });
    expect(await accepted(way.authenticate(bearer(token), client()))).toMatchObject({ user: 'ada' });
  });
});

/** One whose keys come from there, and how often that is asked. */
async function withServer(listener: RequestListener): Promise<{ way: Authenticator; asked: () => number }> {
  let asked = 0;
  const jwks = await listen((incoming, response) => {
    asked++;
    listener(incoming, response);
  });
  return { way: await create({ jwks }), asked: () => asked };
}

describe('keys at a URL', () => {
  it('are fetched once for all who come', async () => {
    const { way, asked } = await withServer((_, response) => response.end(keySet(ec)));
    const token = await byEc();
    const all = Array.from({ length: 20 }, () => accepted(way.authenticate(bearer(token), client())));
    expect(new Set((await Promise.all(all)).map(({ user }) => user))).toEqual(new Set(['ada']));
    expect(asked()).toBe(1);
  });

  it('are not fetched again for every key that somebody invents', async () => {
    const { way, asked } = await withServer((_, response) => response.end(keySet(ec)));
    for (const kid of ['a', 'b', 'c']) {
      const token = await sign(ec.privateKey, { alg: 'ES256', kid });
      expect(await refused(way.authenticate(bearer(token), client()))).toMatchObject({ status: 401 });
    }
    expect(asked()).toBe(1);
  });

  it.each([
    ['fails', (_, response) => response.writeHead(500).end('at line 7 of secret.js'), /status 500/],
    ['sends elsewhere', (_, response) => response.writeHead(302, { location: '/' }).end(), /status 302/],
    ['sends no JSON', (_, response) => response.end('<html>'), /not JSON/],
    ['sends no keys', (_, response) => response.end('{}'), /Key Set/],
    ['hangs up', (incoming) => incoming.socket.destroy(), /no keys/],
    ['sends without an end', (_, response) => response.write(' '.repeat(2 ** 20 + 1)), /longer than/],
  ] satisfies [string, RequestListener, RegExp][])(
    'that are not there, because their server %s, refuse by 502, and nothing of it is told',
    async (_, listener, why) => {
      const { way } = await withServer(listener);
      const refusal = await refused(way.authenticate(bearer(await byEc()), client()));
      expect(refusal.status).toBe(502);
      expect(refusal.why).toMatch(why);
      expect(refusal.body).toBe('Tokens cannot be checked at the moment: try again later.');
      expect(refusal.headers).toEqual({ 'Retry-After': '5' });
    },
  );

  it('that nobody serves refuse by 502', async () => {
    const way = await create({ jwks: await nobodyListens() });
    const refusal = await refused(way.authenticate(bearer(await byEc()), client()));
    expect([refusal.status, refusal.why]).toEqual([502, expect.stringContaining('ECONNREFUSED')]);
  });

  it('that do not come in time refuse by 504', async () => {
    shortenTimeouts();
    const { way } = await withServer(() => {});
    expect(await refused(way.authenticate(bearer(await byEc()), client()))).toMatchObject({ status: 504 });
  });

  it('are not asked for by everybody while their server fails', async () => {
    const { way, asked } = await withServer((_, response) => response.writeHead(500).end());
    const token = await byEc();
    for (let count = 0; count < 5; count++) {
      expect(await refused(way.authenticate(bearer(token), client()))).toMatchObject({ status: 502 });
    }
    expect(asked()).toBe(1);
  });
});
