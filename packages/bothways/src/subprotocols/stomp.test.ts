import { describe, expect, it } from 'vitest';
import { stomp } from './stomp.js';
import { endsIn, endsInText } from './test-finding.js';

describe('STOMP', () => {
  it('has the tokens of the three versions, and does without', () => {
    expect(stomp).toMatchObject({
      name: 'stomp',
      protocols: ['v12.stomp', 'v11.stomp', 'v10.stomp'],
      isTokenOptional: true,
      sends: 'text-if-utf8',
      acceptsText: true,
    });
  });

  it.each([
    ['ends at NUL', ['CONNECT\naccept-version:1.2\n\n\0']],
    ['may have a body', ['SEND\ndestination:/q\n\nhello\0']],
    ['may have lines that end with CR and LF', ['SEND\r\ndestination:/q\r\n\r\nhello\0']],
    ['may have an empty header', ['SEND\n:\n\n\0']],
    ['may follow another at once', ['A\n\n\0', 'B\n\n\0']],
    ['has heart-beats around it, of LF or of CR and LF', ['\n', 'A\n\n\0', '\r\n', '\n']],
    ['goes on over NUL where content-length says so', ['SEND\ncontent-length:3\n\n\0\n\0\0', '\n']],
    ['may have a content-length of 0', ['SEND\ncontent-length:0\n\n\0', 'A\n\n\0']],
    ['may have spaces around the length, as in 1.0', ['SEND\ncontent-length:  3 \n\n\0\0\0\0']],
    ['may have a CR behind the length', ['SEND\r\ncontent-length:2\r\n\r\n\0\0\0']],
    ['heeds the first content-length only', ['A\ncontent-length:1\ncontent-length:x\n\n\0\0']],
    ['heeds no Content-Length: case matters', ['A\nContent-Length:9\n\nb\0']],
    ['heeds no longer name', ['A\ncontent-lengths:9\n\nb\0']],
    ['heeds no shorter name', ['A\ncontent-leng:9\n\nb\0']],
    ['heeds no name that is cut off by the end of the line', ['A\ncontent\n\nb\0', '\n']],
    ['heeds no value that looks like it', ['A\nb:content-length:9\n\nb\0']],
    ['heeds no command that looks like it', ['content-length:9\n\nb\0']],
    ['begins without the length of the one before', ['A\ncontent-length:1\n\n\0\0', 'B\n\nbb\0']],
  ])('%s', (_, messages) => {
    const ends = messages.map((_message, index) => messages.slice(0, index + 1).join('').length);
    expect(endsInText(stomp.fromServer(), messages.join(''))).toEqual({ ends, isWithin: false });
    expect(endsInText(stomp.fromClient(), messages.join(''))).toEqual({ ends, isWithin: false });
  });

  it('takes the largest length that is a safe integer', () => {
    const text = `A\ncontent-length:${Number.MAX_SAFE_INTEGER}\n\n`;
    expect(endsInText(stomp.fromServer(), text)).toEqual({ ends: [], isWithin: true });
  });

  it.each([
    ['a frame begins with NUL', '\0'],
    ['a CR between frames has no LF behind it', '\rA'],
    ['NUL is before the empty line that ends the headers', 'CONNECT\0'],
    ['NUL is before the empty line that ends the headers', 'CONNECT\na:b\n\0'],
    ['NUL is before the empty line that ends the headers', 'CONNECT\ncontent-\0'],
    ['a header begins with CR', 'A\n\ra:b\n\n\0'],
    ['content-length is no number', 'A\ncontent-length:\n\n\0'],
    ['content-length is no number', 'A\ncontent-length: \n\n\0'],
    ['content-length is no number', 'A\ncontent-length:\r\n\n\0'],
    ['content-length is no number', 'A\ncontent-length:-1\n\n\0'],
    ['content-length is no number', 'A\ncontent-length:1.5\n\n\0'],
    ['content-length is no number', 'A\ncontent-length:0x1\n\n\0'],
    ['content-length is no number', 'A\ncontent-length:1 2\n\n\0'],
    ['content-length is absurd', 'A\ncontent-length:9007199254740992\n\n\0'],
    ['content-length is absurd', `A\ncontent-length:${'9'.repeat(400)}\n\n\0`],
    ['no NUL is where content-length says that the body ends', 'A\ncontent-length:1\n\nab\0'],
    ['no NUL is where content-length says that the body ends', 'A\ncontent-length:0\n\na\0'],
  ])('refuses it when %s: %j', (what, text) => {
    expect(endsInText(stomp.fromServer(), text)).toMatchObject({
      error: { code: 'ERR_SUBPROTOCOL', closeCode: 1002, message: `This is not STOMP: ${what}` },
    });
  });

  it('reads these bytes as one frame', () => {
    // ERROR, message:no, an empty line, a body that is no UTF-8, NUL
    const bytes = '45 52 52 4f 52 0a 6d 65 73 73 61 67 65 3a 6e 6f 0a 0a ff fe 00';
    expect(endsIn(stomp.fromServer(), bytes)).toEqual({ ends: [21], isWithin: false });
  });
});
