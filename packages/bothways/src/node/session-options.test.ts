import { expect, it } from 'vitest';
import { serve } from './server.js';
import { checkSessions } from './session-options.js';

const SHORT = 'a secret that is too short';

it.each([
  ['a text', SHORT],
  ['bytes', new Uint8Array(31)],
  ['nothing', ''],
  ['a number', 7 as unknown as string],
  ['null', null as unknown as string],
  ['an array', Array.from({ length: 40 }, () => 1) as unknown as string],
])('a secret that is %s of less than 32 is refused, and is not shown', (_what, secret) => {
  const message = "The option 'secret' must be a string or bytes, at least 32 characters or bytes";
  const check = (): void => checkSessions({ secret });
  expect(check).toThrow(TypeError);
  expect(check).toThrow(new TypeError(message));
});

it('a secret of 32 characters or bytes is taken', async () => {
  for (const secret of ['x'.repeat(32), new Uint8Array(32), undefined]) {
    const server = await serve({ port: 0, sessions: { secret } }, {});
    await server.close();
    expect(server.port).toBe(0);
  }
});

it('an option of sessions that there is not is named, and the secret is not', () => {
  const options = { secret: SHORT.repeat(2), secrets: 'x' };
  expect(() => checkSessions(options)).toThrow(/secrets/);
  expect(() => checkSessions(options)).not.toThrow(/too short/);
});
