import { describe, expect, it } from 'vitest';
import { parseWebSocketUrl } from './url.js';

const origin = (input: string): string => parseWebSocketUrl(input).origin;

describe('parseWebSocketUrl', () => {
  it('takes a URL apart', () => {
    expect(parseWebSocketUrl('wss://user:secret@example.com:8443/live/news?room=1&x=%20')).toEqual({
      href: 'wss://user:secret@example.com:8443/live/news?room=1&x=%20',
      secure: true,
      host: 'example.com:8443',
      hostname: 'example.com',
      port: 8443,
      resource: '/live/news?room=1&x=%20',
      username: 'user',
      password: 'secret',
      origin: 'wss://example.com:8443',
    });
  });

  it('gives ws port 80 and wss port 443, and leaves neither in the Host header', () => {
    expect(parseWebSocketUrl('ws://example.com/')).toMatchObject({
      secure: false,
      port: 80,
      host: 'example.com',
      origin: 'ws://example.com:80',
    });
    expect(parseWebSocketUrl('wss://example.com/')).toMatchObject({
      secure: true,
      port: 443,
      host: 'example.com',
      origin: 'wss://example.com:443',
    });
  });

  it.each([
    ['ws://example.com:80/', 'ws://example.com/', 80, 'example.com'],
    ['wss://example.com:443/', 'wss://example.com/', 443, 'example.com'],
    ['ws://example.com:443/', 'ws://example.com:443/', 443, 'example.com:443'],
    ['wss://example.com:80/', 'wss://example.com:80/', 80, 'example.com:80'],
    ['ws://example.com:/', 'ws://example.com/', 80, 'example.com'],
    ['ws://example.com:0080/', 'ws://example.com/', 80, 'example.com'],
    ['ws://example.com:0/', 'ws://example.com:0/', 0, 'example.com:0'],
  ])('reads the port of %s', (input, href, port, host) => {
    expect(parseWebSocketUrl(input)).toMatchObject({ href, port, host });
  });

  it.each([
    ['http://example.com/a', 'ws://example.com/a', false, 80],
    ['https://example.com/a', 'wss://example.com/a', true, 443],
    ['HTTPS://example.com:8443/a', 'wss://example.com:8443/a', true, 8443],
    ['WS://EXAMPLE.com/A', 'ws://example.com/A', false, 80],
    ['wSs:example.com', 'wss://example.com/', true, 443],
    ['ws:///example.com', 'ws://example.com/', false, 80],
    ['ws:\\\\example.com\\a', 'ws://example.com/a', false, 80],
  ])('understands the scheme and slashes of %s', (input, href, secure, port) => {
    expect(parseWebSocketUrl(input)).toMatchObject({ href, secure, port });
  });

  it.each([
    ['ws://example.com', '/'],
    ['ws://example.com?a=b', '/?a=b'],
    ['ws://example.com/?', '/'],
    ['ws://example.com/a/../b/./c', '/b/c'],
    ['ws://example.com/a b?c d', '/a%20b?c%20d'],
    ['ws://example.com/%zz', '/%zz'],
    ['ws://example.com/ü?ü', '/%C3%BC?%C3%BC'],
    ['ws://example.com/a%23b', '/a%23b'],
    ['ws://example.com/a\r\nb', '/ab'],
    ['  ws://example.com/a  ', '/a'],
  ])('reads the resource name of %j', (input, resource) => {
    expect(parseWebSocketUrl(input).resource).toBe(resource);
  });

  it('gives an IPv6 address without brackets to connect to and with them to the Host header', () => {
    expect(parseWebSocketUrl('ws://[0:0:0:0:0:0:0:1]:8080/')).toMatchObject({
      hostname: '::1',
      host: '[::1]:8080',
      origin: 'ws://[::1]:8080',
    });
  });

  it.each([
    ['ws://0x7f.1/', '127.0.0.1'],
    ['ws://bücher.example/', 'xn--bcher-kva.example'],
    ['ws://ex%41mple.com/', 'example.com'],
  ])('normalises the host of %s', (input, hostname) => {
    expect(parseWebSocketUrl(input).hostname).toBe(hostname);
  });

  it.each([
    ['ws://us%65r:p%40ss%3A@example.com/', 'user', 'p@ss:'],
    ['ws://m%C3%BCller@example.com/', 'müller', ''],
    ['ws://:only@example.com/', '', 'only'],
    ['ws://example.com/', '', ''],
    ['ws://%ff%zz:100%@example.com/', '%ff%zz', '100%'],
  ])('decodes the credentials of %s and leaves what is no UTF-8 as it is', (input, username, password) => {
    expect(parseWebSocketUrl(input)).toMatchObject({ username, password });
  });

  it('keeps credentials out of the Host header and the origin', () => {
    const url = parseWebSocketUrl('ws://user:secret@example.com/');
    expect(url.host + url.origin + url.resource).not.toContain('secret');
    expect(url.href).toBe('ws://user:secret@example.com/');
  });

  it.each([
    ['/live?a=b', 'https://example.com/page#top', 'wss://example.com/live?a=b'],
    ['live', 'http://example.com:8080/a/page', 'ws://example.com:8080/a/live'],
    ['//other.example/x', 'https://example.com/', 'wss://other.example/x'],
    ['?q', 'ws://example.com/a', 'ws://example.com/a?q'],
    ['', 'https://example.com/a', 'wss://example.com/a'],
    ['ws://other.example/', 'https://example.com/', 'ws://other.example/'],
  ])('resolves %j against the base %s', (input, base, href) => {
    expect(parseWebSocketUrl(input, base).href).toBe(href);
  });

  it('two URLs are of the same origin when scheme, host and port are the same', () => {
    expect(origin('ws://example.com/a')).toBe(origin('http://u@EXAMPLE.com:80/b?c'));
    expect(origin('ws://example.com/')).not.toBe(origin('wss://example.com/'));
    expect(origin('ws://example.com/')).not.toBe(origin('ws://example.com:81/'));
    expect(origin('ws://example.com/')).not.toBe(origin('ws://a.example.com/'));
  });

  it.each([
    '',
    ' ',
    '/relative',
    'example.com',
    'ws://',
    'ws://:80',
    'ws://user@/',
    'ws://exa mple.com/',
    'ws://example.com:99999/',
    'ws://example.com:8a/',
    'ws://[::1/',
    'ws://a%00b/',
    'ws://a<b/',
  ])('refuses %j and says how to write a URL', (input) => {
    expect(() => parseWebSocketUrl(input)).toThrow(SyntaxError);
    expect(() => parseWebSocketUrl(input)).toThrow('write an absolute one');
  });

  it('refuses what stays invalid with a base, and a base that is invalid', () => {
    expect(() => parseWebSocketUrl('ws://', 'https://example.com/')).toThrow(SyntaxError);
    expect(() => parseWebSocketUrl('/live', 'nonsense')).toThrow('or the base that it is relative to is not');
  });

  it.each([
    ['ftp://example.com/', 'ftp'],
    ['mailto:a@example.com', 'mailto'],
    ['javascript:alert(1)', 'javascript'],
    ['file:///etc/passwd', 'file'],
    ['about:blank', 'about'],
    ['localhost:8080', 'localhost'],
  ])('refuses the scheme of %s', (input, scheme) => {
    expect(() => parseWebSocketUrl(input)).toThrow(SyntaxError);
    expect(() => parseWebSocketUrl(input)).toThrow(`not "${scheme}"`);
  });

  it.each(['ws://example.com/#', 'ws://example.com/a?b#c', 'https://example.com#x'])(
    'refuses the fragment of %s',
    (input) => {
      expect(() => parseWebSocketUrl(input)).toThrow(SyntaxError);
      expect(() => parseWebSocketUrl(input)).toThrow('no fragment');
    },
  );

  it.each(['ws://user:secret@example.com:99999/', 'ftp://user:secret@a/', 'ws://user:secret@a/#b'])(
    'does not repeat the password of %s in the error, nor in a cause',
    (input) => {
      const silent = expect.objectContaining({ message: expect.not.stringContaining('secret') });
      const withCause = expect.objectContaining({ cause: expect.anything() });
      expect(() => parseWebSocketUrl(input)).toThrow(silent);
      expect(() => parseWebSocketUrl(input)).not.toThrow(withCause);
    },
  );
});
