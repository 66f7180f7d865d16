import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readHandshakeRequest } from './handshake-server-request.js';
import { RequestText } from './request-head.js';

const LINE = 'GET /chat?a=b HTTP/1.1';
const FIELDS = 'Host: example.com\r\nUpgrade:websocket\r\nX-Empty:\r\nx-spaced: \t a b \t\r\n';

function parse(text: string): RequestText | undefined {
  return RequestText.parse(text, '192.0.2.1');
}

describe('A request head', () => {
  it('is read with its fields as they came, without the space around them', () => {
    const head = parse(`${LINE}\r\n${FIELDS}\r\n`)!;
    expect(head).toMatchObject({
      method: 'GET',
      httpVersion: '1.1',
      url: '/chat?a=b',
      remoteAddress: '192.0.2.1',
    });
    expect(head.rawHeaders).toEqual(
      [
        ['Host', 'example.com'],
        ['Upgrade', 'websocket'],
        ['X-Empty', ''],
        ['x-spaced', 'a b'],
      ].flat(),
    );
  });

  it('may have no field at all', () => {
    expect(parse(`${LINE}\r\n\r\n`)!.rawHeaders).toEqual([]);
  });

  it('keeps what ISO 8859-1 has above ASCII, also the space that breaks no line', () => {
    expect(parse(`${LINE}\r\nX: \xa0caf\xe9\xa0 \r\n\r\n`)!.rawHeaders).toEqual(['X', '\xa0caf\xe9\xa0']);
  });

  it.each([
    ['another method', 'POST / HTTP/1.1\r\n\r\n'],
    ['a method in lower case', 'get / HTTP/1.1\r\n\r\n'],
    ['another version', 'GET / HTTP/1.0\r\n\r\n'],
    ['a version in lower case', 'GET / http/1.1\r\n\r\n'],
    ['no target', 'GET  HTTP/1.1\r\n\r\n'],
    ['neither target nor the space behind it', 'GET HTTP/1.1\r\n\r\n'],
    ['two spaces', 'GET /  HTTP/1.1\r\n\r\n'],
    ['a space behind the version', 'GET / HTTP/1.1 \r\n\r\n'],
    ['a tab in the target', 'GET /\ta HTTP/1.1\r\n\r\n'],
    ['a target that is not ASCII', 'GET /\xe9 HTTP/1.1\r\n\r\n'],
    ['DEL in the target', 'GET /\x7f HTTP/1.1\r\n\r\n'],
    ['an empty line first', `\r\n${LINE}\r\n\r\n`],
    ['lines that end with LF', 'GET / HTTP/1.1\nHost: a\n\n'],
    ['a field whose line ends with LF', `${LINE}\r\nA: b\nC: d\r\n\r\n`],
    ['a CR in a value', `${LINE}\r\nA: b\rc\r\n\r\n`],
    ['a NUL in a value', `${LINE}\r\nA: b\0\r\n\r\n`],
    ['a field without a colon', `${LINE}\r\nA\r\n\r\n`],
    ['a field without a name', `${LINE}\r\n: b\r\n\r\n`],
    ['a space before the colon', `${LINE}\r\nA : b\r\n\r\n`],
    ['a folded line', `${LINE}\r\nA: b\r\n c\r\n\r\n`],
    ['a name that is no token', `${LINE}\r\nA(b): c\r\n\r\n`],
    ['no empty line', `${LINE}\r\nA: b\r\n`],
    ['no end of its last line', `${LINE}\r\nA: b`],
    ['something behind it', `${LINE}\r\n\r\nmore`],
    ['nothing', ''],
    ['only an empty line', '\r\n\r\n'],
  ])('with %s is left to others', (_what, text) => {
    expect(parse(text)).toBeUndefined();
  });

  const name = fc.stringMatching(/^[\w!#$%&'*+.^`|~-]{1,12}$/);
  const value = fc.stringMatching(/^([!-~\x80-\xff]([ \t!-~\x80-\xff]{0,20}[!-~\x80-\xff])?)?$/);
  const space = fc.stringMatching(/^[ \t]{0,3}$/);

  it('is what was formatted, whatever that was', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(name, space, value, space), { maxLength: 20 }), (fields) => {
        const lines = fields.map(
          ([each, before, content, after]) => `${each}:${before}${content}${after}\r\n`,
        );
        const head = parse(`${LINE}\r\n${lines.join('')}\r\n`);
        expect(head?.rawHeaders).toEqual(fields.flatMap(([each, , content]) => [each, content]));
      }),
    );
  });

  it('is no other after a byte of it was changed, or it is none', () => {
    const text = `${LINE}\r\n${FIELDS}\r\n`;
    const known = parse(text)!;
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.nat(255), (at, code) => {
        const changed = text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1);
        const head = parse(changed);
        if (head === undefined || changed === text) return;
        const before = [known.url, ...known.rawHeaders].join('').length;
        const after = [head.url, ...head.rawHeaders].join('').length;
        // White space or a colon may have come or gone; nothing else is dropped.
        expect(Math.abs(before - after)).toBeLessThanOrEqual(4);
      }),
    );
  });

  it('is kept as it is for whoever asks later', () => {
    const text = `${LINE}\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nCookie: a=b\r\n\r\n`;
    const request = readHandshakeRequest(parse(text)!);
    expect(request).toMatchObject({
      host: 'h',
      key: 'dGhlIHNhbXBsZSBub25jZQ==',
      extensions: [],
      headers: { host: 'h', cookie: 'a=b' },
    });
  });
});
