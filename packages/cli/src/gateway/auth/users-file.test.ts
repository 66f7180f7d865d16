import { expect, it } from 'vitest';
import { parseUsers } from './users-file.js';

const HASH = `$2y$05$${'a'.repeat(53)}`;

it('the users of a file are read as htpasswd writes it', () => {
  const text = `# users\r\nada:${HASH}\r\n\nbob:${HASH.replace('2y', '2b')}\n`;
  expect([...parseUsers(text, 'users').keys()]).toEqual(['ada', 'bob']);
  expect(parseUsers(text, 'users').get('ada')).toBe(HASH);
});

it.each([
  ['no colon', 'ada', /users line 2: it must be USER:HASH/],
  ['no user', `:${HASH}`, /users line 2: it must be USER:HASH/],
  ['a user twice', `one:${HASH}`, /users line 2: this user is in the file already/],
  ['a password', 'ada:secret', /users line 2: the hash is not one of bcrypt/],
  ['a hash of MD5', 'ada:$apr1$zQO2.XMG$aCsnHmC5VPKsB2GMFBwHJ1', /the hash is not one of bcrypt/],
  ['a hash that takes for ever', `ada:${HASH.replace('05', '31')}`, /with a cost from 4 to 15/],
  ['a cost that is none', `ada:${HASH.replace('05', '03')}`, /with a cost from 4 to 15/],
  ['a short hash', `ada:${HASH.slice(0, -1)}`, /the hash is not one of bcrypt/],
])('a line with %s is refused without showing it', (_, line, message) => {
  const parse = (): unknown => parseUsers(`one:${HASH}\n${line}`, 'users');
  expect(parse).toThrow(message);
  expect(parse).not.toThrow(/secret|zQO2/);
});
