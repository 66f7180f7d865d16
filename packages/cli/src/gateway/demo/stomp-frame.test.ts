import fc from 'fast-check';
import { MessageSplitter, stomp } from 'bothways/subprotocols';
import { describe, expect, it } from 'vitest';
import { encodeFrame, parseFrame } from './stomp-frame.js';

const bytesOf = (text: string): Buffer => Buffer.from(text);

describe('a frame of STOMP', () => {
  it('is read: its command, its headers and its body', () => {
    const frame = parseFrame(bytesOf('\n\nSEND\r\ndestination:/topic/a\nx\\c:1\\n2\n\nHello\0'));
    expect(frame?.command).toBe('SEND');
    expect([...frame!.headers]).toEqual([
      ['destination', '/topic/a'],
      ['x:', '1\n2'],
    ]);
    expect(bytesOf('Hello').equals(frame!.body)).toBe(true);
  });

  it('may be no more than ends of line: a heart-beat', () => {
    expect(parseFrame(bytesOf('\r\n\n'))).toBeUndefined();
  });

  it('has the first of several headers of one name', () => {
    expect(parseFrame(bytesOf('SEND\na:1\na:2\n\n\0'))?.headers.get('a')).toBe('1');
  });

  it('has no escapes in CONNECT', () => {
    expect(parseFrame(bytesOf('CONNECT\npasscode:a\\nb\n\n\0'))?.headers.get('passcode')).toBe('a\\nb');
  });

  it.each([
    ['SEND\ndestination:/a\n', 'No empty line'],
    ['SEND\nnothing\n\n\0', 'no name or no colon'],
    ['SEND\n:value\n\n\0', 'no name or no colon'],
    ['SEND\na:\\t\n\n\0', 'unknown escape'],
    ['SEND\na:\\\n\n\0', 'unknown escape'],
    ['SEND\ncontent-length:4\n\nHello\0', 'No NUL'],
  ])('is refused when it is wrong: %j', (text, why) => {
    expect(() => parseFrame(bytesOf(text))).toThrow(why);
  });

  it('is refused when a header is no UTF-8', () => {
    expect(() => parseFrame(Buffer.from('53454e440a613aff0a0a00', 'hex'))).toThrow('no UTF-8');
  });

  it('comes out as it went in, whatever is in it', () => {
    const text = fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\0'));
    const header = fc.tuple(
      text.filter((name) => name !== '' && name !== 'content-length'),
      text,
    );
    const headers = fc.uniqueArray(header, { selector: ([name]) => name });
    fc.assert(
      fc.property(headers, fc.uint8Array(), (given, body) => {
        const messages: Uint8Array[] = [];
        new MessageSplitter(stomp.fromServer(), 2 ** 20).push(
          encodeFrame('MESSAGE', given, body),
          (message) => messages.push(message),
        );
        expect(messages).toHaveLength(1);
        const frame = parseFrame(messages[0]!)!;
        expect([...frame.headers].filter(([name]) => name !== 'content-length')).toEqual(given);
        expect([...frame.body]).toEqual([...body]);
      }),
    );
  });
});
