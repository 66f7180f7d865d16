import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RequestReader, closingHead, type RequestHead, type RequestPart } from './request-reader.js';

/** What a reader makes of bytes that come in these chunks. */
function readAll(chunks: readonly Buffer[], reader = new RequestReader()): RequestPart[] {
  const parts: RequestPart[] = [];
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) {
      const part = reader.read(chunk, at);
      expect(part.length).toBeGreaterThan(0);
      parts.push(part);
      at += part.length;
    }
  }
  return parts;
}

function read(text: string): RequestPart[] {
  return readAll([Buffer.from(text, 'latin1')]);
}

function onlyHead(text: string): RequestHead | undefined {
  const [part] = read(text);
  return part?.kind === 'head' ? part.head : undefined;
}

const GET = 'GET /path?query HTTP/1.1\r\nHost: example.com\r\n\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: example.com\r\ncontent-LENGTH:  5 \r\n\r\nhello';

test('a request without a body ends with its head', () => {
  const head = { text: GET, bodyLength: 0, isUpgrade: false };
  expect(read(GET)).toEqual([{ kind: 'head', length: GET.length, head }]);
});

test('a body is as long as Content-Length says, and then comes another request', () => {
  expect(read(POST + GET).map(({ kind, length }) => [kind, length])).toEqual([
    ['head', POST.length - 5],
    ['body', 5],
    ['head', GET.length],
  ]);
});

test('the last part of a body is told', () => {
  const [, first, last] = readAll([Buffer.from(POST.slice(0, -2)), Buffer.from(POST.slice(-2))]);
  expect(first).toEqual({ kind: 'body', length: 3, isLast: false });
  expect(last).toEqual({ kind: 'body', length: 2, isLast: true });
});

test('requests are found however the bytes are split', () => {
  const bytes = Buffer.from(POST + GET + POST + GET, 'latin1');
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: bytes.length })), (cuts) => {
      const ends = [...cuts.toSorted((a, b) => a - b), bytes.length];
      const parts = readAll(ends.map((end, at) => bytes.subarray(ends[at - 1] ?? 0, end)));
      const heads = parts.filter((part) => part.kind === 'head').map(({ head }) => head.text);
      expect(heads).toEqual([POST.slice(0, -5), GET, POST.slice(0, -5), GET]);
      expect(parts.reduce((sum, { length }) => sum + length, 0)).toBe(bytes.length);
      expect(parts.filter((part) => part.kind === 'body' && part.isLast)).toHaveLength(2);
    }),
  );
});

test('a reader is at a beginning only between requests', () => {
  const reader = new RequestReader();
  expect(reader.isAtBeginning).toBe(true);
  readAll([Buffer.from('G')], reader);
  expect(reader.isAtBeginning).toBe(false);
  readAll([Buffer.from(POST.replace('POST', 'ET').slice(0, -1))], reader);
  expect(reader.isAtBeginning).toBe(false);
  readAll([Buffer.from('o')], reader);
  expect(reader.isAtBeginning).toBe(true);
});

test.each([
  ['an Upgrade field', 'GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n'],
  ['CONNECT', 'CONNECT example.com:443 HTTP/1.1\r\n\r\n'],
])('what follows %s is opaque, even if it looks like a request', (_, head) => {
  expect(onlyHead(head)?.isUpgrade).toBe(true);
  expect(read(head + GET).map(({ kind }) => kind)).toEqual(['head', 'opaque']);
});

test.each([
  ['a transfer coding', 'Transfer-Encoding: chunked'],
  ['a transfer coding and a length', 'Content-Length: 5\r\nTransfer-Encoding: chunked'],
  ['two lengths', 'Content-Length: 5\r\nContent-Length: 6'],
  ['a length that is no number', 'Content-Length: 5, 5'],
])('the end of a body with %s is not known, and all that follows is opaque', (_, field) => {
  const head = `POST / HTTP/1.1\r\n${field}\r\n\r\n`;
  expect(onlyHead(head)?.bodyLength).toBeUndefined();
  expect(read(`${head}5\r\nhello`).map(({ kind }) => kind)).toEqual(['head', 'opaque']);
});

test.each([
  ['another protocol', 'hello'],
  ['a TLS record', '\x16\x03\x01'],
  ['a method in lower case', 'get / HTTP/1.1'],
  ['another version', 'GET / HTTP/1.0\r\n'],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['a line feed alone', 'GET / HTTP/1.1\n'],
  ['a second space', 'GET  / HTTP/1.1\r\n'],
  ['a field without a colon', 'GET / HTTP/1.1\r\nHost\r\n\r\n'],
  ['a folded line', 'GET / HTTP/1.1\r\nA: b\r\n c: d\r\n\r\n'],
])('%s is opaque as soon as it can be told', (_, text) => {
  expect(read(text)).toEqual([{ kind: 'opaque', length: text.length }]);
});

test('every beginning of a request line may become a request', () => {
  for (let end = 1; end < GET.length; end++) {
    expect(read(GET.slice(0, end))).toEqual([{ kind: 'beginning', length: end }]);
  }
});

test('a head of 64 KiB is not read', () => {
  const reader = new RequestReader();
  const beginning = Buffer.from(`GET / HTTP/1.1\r\nLong: `);
  const parts = readAll([beginning, ...Array.from({ length: 65 }, () => Buffer.alloc(1024, 'x'))], reader);
  expect(parts.at(-1)?.kind).toBe('opaque');
  expect(parts.at(-3)?.kind).toBe('beginning');
});

test('a head that closes has one Connection field, and all others as they were', () => {
  const head =
    'GET / HTTP/1.1\r\nCONNECTION: keep-alive\r\nHost: a\r\nconnection:x\r\nX-Connection: y\r\n\r\n';
  expect(closingHead(head)).toBe('GET / HTTP/1.1\r\nHost: a\r\nX-Connection: y\r\nConnection: close\r\n\r\n');
  expect(closingHead('GET / HTTP/1.1\r\n\r\n')).toBe('GET / HTTP/1.1\r\nConnection: close\r\n\r\n');
});
