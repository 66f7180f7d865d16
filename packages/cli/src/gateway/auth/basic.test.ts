import { hashSync } from 'bcryptjs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { RequestInfo } from 'bothways';
import { createBasicAuthenticator } from './basic.js';
import type { Authenticator } from './contract.js';
import { PasswordChecks } from './password-checks.js';
import { accepted, client, refused, request, temporaryFile } from './test-auth.js';

/** The cheapest there is. */
const COST = 4;

function basic(user: string, password: string): RequestInfo {
  const credentials = Buffer.from(`${user}:${password}`).toString('base64');
  return request({ headers: { authorization: `Basic ${credentials}` } });
}

/** One that knows these users, and a clock that can be set. */
async function create(
  users: Readonly<Record<string, string>>,
): Promise<{ way: Authenticator; clock: { now: number } }> {
  const lines = Object.entries(users).map(([user, hash]) => `${user}:${hash}\n`);
  const clock = { now: 0 };
  const config = { type: 'basic', realm: 'the "door"', users_file: temporaryFile(lines.join('')) } as const;
  const way = await createBasicAuthenticator('door', config, () => clock.now);
  onTestFinished(() => way.close());
  return { way, clock };
}

/** Sees what is compared. */
function watchChecks() {
  const compare = vi.spyOn(PasswordChecks.prototype, 'compare');
  onTestFinished(() => compare.mockRestore());
  return compare;
}

describe('a user and a password', () => {
  it('are let in when the file knows them', async () => {
    const { way } = await create({ ada: hashSync('pässword: long', COST) });
    expect(await accepted(way.authenticate(basic('ada', 'pässword: long'), client()))).toEqual({
      user: 'ada',
      method: 'basic',
      key: 'door\nada\n',
      expiresAt: undefined,
    });
  });

  it('are let in by a hash of htpasswd', async () => {
    const { way } = await create({ ada: hashSync('secret', COST).replace('$2b$', '$2y$') });
    expect(await accepted(way.authenticate(basic('ada', 'secret'), client()))).toMatchObject({ user: 'ada' });
  });

  it.each([
    ['the password is another', 'ada', 'Secret'],
    ['the password is empty', 'ada', ''],
    ['the user is not there', 'eve', 'secret'],
    ['the user is of the language', 'constructor', 'secret'],
    ['the user is empty', '', 'secret'],
  ])('are refused when %s', async (_, user, password) => {
    const { way } = await create({ ada: hashSync('secret', COST) });
    const refusal = await refused(way.authenticate(basic(user, password), client()));
    expect(refusal).toMatchObject({ status: 401, body: 'The user or the password is wrong.' });
    expect(refusal.headers).toEqual({ 'WWW-Authenticate': 'Basic realm="the \\"door\\"", charset="UTF-8"' });
  });

  it('are refused when bcrypt would look at a part of the password only', async () => {
    const { way } = await create({ ada: hashSync('x'.repeat(72), COST) });
    expect(await accepted(way.authenticate(basic('ada', 'x'.repeat(72)), client()))).toBeDefined();
    const refusal = await refused(way.authenticate(basic('ada', 'x'.repeat(73)), client()));
    expect(refusal.why).toMatch(/longer than the 72 bytes/);
  });

  it.each([
    ['no base64', 'Basic §'],
    ['nothing', 'Basic'],
    ['no colon', `Basic ${Buffer.from('ada').toString('base64')}`],
    ['a control character', `Basic ${Buffer.from('ada:a\0b').toString('base64')}`],
    ['100 KB', `Basic ${'A'.repeat(100_000)}`],
    ['more than 2 KiB', `Basic ${Buffer.from(`ada:${'x'.repeat(1_600)}`).toString('base64')}`],
    ['two of them', 'Basic YTpi, Basic YTpi'],
  ])('are malformed when there is %s', async (_, authorization) => {
    const { way } = await create({ ada: hashSync('secret', COST) });
    const refusal = await refused(way.authenticate(request({ headers: { authorization } }), client()));
    expect(refusal).toMatchObject({ status: 401, why: 'basic door: the credentials are malformed' });
  });

  it('are looked for in no other credentials', async () => {
    const { way } = await create({});
    const headers = { authorization: 'Bearer a.b.c' };
    expect(way.authenticate(request({ headers }), client())).toBeUndefined();
    expect(way.authenticate(request(), client())).toBeUndefined();
  });

  it('that are unknown are checked as those that are known, so that nobody can tell them apart', async () => {
    const hash = hashSync('secret', COST);
    const { way } = await create({ ada: hash });
    const compare = watchChecks();
    await refused(way.authenticate(basic('eve', 'secret'), client()));
    expect(compare.mock.calls).toEqual([['secret', hash]]);
  });
});

describe('a check', () => {
  it('is made once for clients that come back, and again after five minutes', async () => {
    const { way, clock } = await create({ ada: hashSync('secret', 8) });
    await accepted(way.authenticate(basic('ada', 'secret'), client()));
    // So many at once would be too many to check.
    const many = Array.from({ length: 1_000 }, () =>
      accepted(way.authenticate(basic('ada', 'secret'), client())),
    );
    expect(await Promise.all(many)).toHaveLength(1_000);
    clock.now += 5 * 60_000;
    const again = Array.from({ length: 1_000 }, () =>
      accepted(way.authenticate(basic('ada', 'secret'), client())),
    );
    expect(await Promise.all(again)).toHaveLength(1_000);
  });

  it('that fails is not remembered', async () => {
    const { way } = await create({ ada: hashSync('secret', COST) });
    const compare = watchChecks();
    for (let count = 0; count < 3; count++) {
      expect(await refused(way.authenticate(basic('ada', 'guess'), client()))).toMatchObject({ status: 401 });
    }
    expect(compare).toHaveBeenCalledTimes(3);
    expect(await accepted(way.authenticate(basic('ada', 'secret'), client()))).toMatchObject({ user: 'ada' });
  });

  it('is refused by 503 while 64 others wait, and the others are made', async () => {
    const { way } = await create({ ada: hashSync('secret', COST) });
    const guesses = Array.from({ length: 70 }, (_, index) =>
      refused(way.authenticate(basic('ada', `guess ${index}`), client())),
    );
    const statuses = (await Promise.all(guesses)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(64);
    expect(statuses.filter((status) => status === 503)).toHaveLength(6);
    expect(await accepted(way.authenticate(basic('ada', 'secret'), client()))).toMatchObject({ user: 'ada' });
  });

  it('that has begun is finished when the file is loaded again', async () => {
    const { way } = await create({ ada: hashSync('secret', COST) });
    const decision = accepted(way.authenticate(basic('ada', 'secret'), client()));
    way.close();
    expect(await decision).toMatchObject({ user: 'ada' });
  });
});

it('a file that is not there is refused', async () => {
  const config = { type: 'basic', realm: 'door', users_file: '/nowhere/users' } as const;
  await expect(createBasicAuthenticator('door', config, Date.now)).rejects.toThrow(
    'auth.door: cannot read /nowhere/users: there is no such file or folder.',
  );
});

it('a realm that no header field can have is refused', async () => {
  const config = { type: 'basic', realm: 'T\u00fcr', users_file: temporaryFile('') } as const;
  await expect(createBasicAuthenticator('door', config, Date.now)).rejects.toThrow(
    'has to be of printable ASCII',
  );
});
