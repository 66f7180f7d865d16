import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jwtConfig, request } from './test-auth.js';
import { findTokens, redactUrl, renewalSources, withoutTokens } from './token-sources.js';

const byQuery = [jwtConfig({ token: ['query:token', 'query:access.key'] })];

describe('a token', () => {
  it.each([
    ['header', request({ headers: { authorization: 'Bearer a.b.c' } })],
    ['header', request({ headers: { authorization: 'bearer   a.b.c ' } })],
    ['query:token', request({ url: '/x?a=1&token=a.b.c' })],
    ['query:token', request({ url: '/x?%74oken=a%2Eb.c' })],
    ['cookie:id', request({ headers: { cookie: 'x=1; id=a.b.c; y' } })],
    ['cookie:id', request({ headers: { cookie: 'id="a.b.c"' } })],
    ['protocol:bearer', request({ protocols: ['v12.stomp', 'bearer.a.b.c'] })],
    ['protocol:bearer.', request({ protocols: ['bearer.a.b.c', 'v12.stomp'] })],
  ])('is found in %s', (source, from) => {
    expect(findTokens([source], from)).toEqual(['a.b.c']);
  });

  it.each([
    ['header', request({ headers: { authorization: 'Basic YTpi' } })],
    ['header', request({ headers: { authorization: 'BearerToken' } })],
    ['query:token', request({ url: '/token=a.b.c?Token=a&tokens=b' })],
    ['cookie:id', request({ headers: { cookie: 'ID=1; sid=2; ; = ; =id; id' } })],
    ['protocol:bearer', request({ protocols: ['bearer', 'Bearer.a'] })],
  ])('is not found in %s where there is none', (source, from) => {
    expect(findTokens([source], from)).toEqual([]);
  });

  it('is found in the first source that has one', () => {
    const from = request({ url: '/?token=b', headers: { cookie: 'id=c' } });
    expect(findTokens(['header', 'cookie:id', 'query:token'], from)).toEqual(['c']);
  });

  it.each([
    ['query:token', request({ url: '/?token=a&token=b' })],
    ['cookie:id', request({ headers: { cookie: 'id=a; id=b' } })],
    ['protocol:bearer', request({ protocols: ['bearer.a', 'bearer.b'] })],
  ])('that is there twice in %s is found twice', (source, from) => {
    expect(findTokens([source], from)).toEqual(['a', 'b']);
  });

  it('is renewed by the header or a cookie, whatever else is configured', () => {
    expect(renewalSources(['query:token', 'cookie:id', 'protocol:bearer'])).toEqual(['header', 'cookie:id']);
  });
});

describe('a URL', () => {
  it.each([
    ['/x', '/x'],
    ['/x?a=1&b=2', '/x?a=1&b=2'],
    ['/x?token=secret', '/x'],
    ['/x?a=1&token=secret&b=2', '/x?a=1&b=2'],
    ['/x?token=secret&token=secret', '/x'],
    ['/x?%74oke%6E=secret', '/x'],
    ['/x??token=secret', '/x'],
    ['/x?access.key=secret&token', '/x'],
    ['/x?tokens=1&a=token', '/x?tokens=1&a=token'],
    ['/x?%E0%A4%A=1', '/x?%E0%A4%A=1'],
  ])('%s is shown as %s', (url, shown) => {
    expect(redactUrl(url, byQuery)).toBe(shown);
  });

  it('shows no token that would be found in it', () => {
    const piece = fc.constantFrom('token', '%74oken', 'a', '=', '&', '?', '+', '%', '#', ';', 'secret');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const url = redactUrl(`/x?${pieces.join('')}`, byQuery);
        expect(findTokens(['query:token'], request({ url }))).toEqual([]);
      }),
    );
  });

  it('is shown as it is where no token is in the query', () => {
    expect(redactUrl('/x?header=1&token=2', [jwtConfig({ token: ['header'] })])).toBe('/x?header=1&token=2');
  });
});

it('a subprotocol that is a token is agreed on with nobody', () => {
  const auths = [jwtConfig({ token: ['protocol:bearer'] })];
  expect(withoutTokens(['bearer.a.b.c', 'v12.stomp', 'bearer'], auths)).toEqual(['v12.stomp', 'bearer']);
});
