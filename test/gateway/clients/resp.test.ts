import { expect, test } from 'vitest';
import { readReply } from './resp.js';

const bytesOf = (text: string) => new TextEncoder().encode(text);

test.each([
  ['+OK\r\n', 'OK'],
  [':12\r\n', '12'],
  ['$3\r\na\r\n\r\n', bytesOf('a\r\n')],
  ['$0\r\n\r\n', bytesOf('')],
  ['%1\r\n+a\r\n*2\r\n:1\r\n:2\r\n', ['a', ['1', '2']]],
])('reads %j, wherever it is cut', (text, value) => {
  const bytes = bytesOf(`${text}+more\r\n`);
  for (let length = 0; length < text.length; length++) {
    expect(readReply(bytes.subarray(0, length), 0)).toBeUndefined();
  }
  expect(readReply(bytes, 0)).toEqual({ value, end: text.length, isPush: false });
});

test('tells what is pushed from what is an answer, and errors from values', () => {
  expect(readReply(bytesOf('>1\r\n+a\r\n'), 0)).toMatchObject({ isPush: true, value: ['a'] });
  expect(readReply(bytesOf('-ERR no\r\n'), 0)!.value).toEqual(new Error('Redis: ERR no'));
});
