import { expect, it } from 'vitest';
import { decodeStomp } from './stomp.js';

function decode(frame: string): ReturnType<typeof decodeStomp> {
  return decodeStomp(new TextEncoder().encode(frame));
}

it('tells command, headers without their escapes, and body', () => {
  const frame = decode('SEND\ndestination:/queue/a\nnote:one\\c two\\nthree\\\\four\n\nhello\0');
  expect(frame).toMatchObject({
    name: 'SEND',
    summary: 'SEND destination=/queue/a note=one: two\\nthree\\four 5 bytes',
    fields: [
      ['destination', '/queue/a'],
      ['note', 'one: two\\nthree\\four'],
    ],
  });
  expect(new TextDecoder().decode(frame.payload)).toBe('hello');
});

it('does not take escapes in CONNECT and CONNECTED for such (STOMP 1.2, "Value Encoding")', () => {
  expect(decode('CONNECT\nlogin:a\\cb\n\n\0').fields).toEqual([['login', 'a\\cb']]);
});

it('takes the body to be as long as content-length says, whatever is in it, and lines that end with CR LF', () => {
  const frame = decode('MESSAGE\r\ncontent-length:3\r\nid:1\r\n\r\na\0b\0');
  expect(frame.summary).toBe('MESSAGE id=1 3 bytes');
  expect(frame.payload).toEqual(Uint8Array.of(0x61, 0, 0x62));
});

it('tells a heart-beat', () => {
  expect(decode('\n').name).toBe('heart-beat');
  expect(decode('\r\n').name).toBe('heart-beat');
});

it.each([
  ['SEND\ndestination:/a\n', 'malformed: no empty line ends the headers (20 bytes)'],
  ['SEND\n\nbody', 'malformed: no NUL is where its body ends (10 bytes)'],
  ['SEND\ncontent-length:99\n\nbody\0', 'malformed: no NUL is where its body ends (29 bytes)'],
  ['SEND\ncontent-length:x\n\nbody\0', 'malformed: no NUL is where its body ends (28 bytes)'],
  ['send\n\n\0', 'malformed: it does not begin with a command (7 bytes)'],
  ['SEND\nno colon\n\n\0', 'malformed: a header has no colon: no colon (16 bytes)'],
])('says what is wrong with %j', (frame, summary) => {
  expect(decode(frame).summary).toBe(summary);
});

it('prints no control character of a header', () => {
  expect(decode('SEND\nx:\u001B]0;owned\u0007\u202E\n\n\0').summary).toBe('SEND x=\\e]0;owned\\x07\\u202e');
});
