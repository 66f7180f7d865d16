import { expect, it } from 'vitest';
import { listenFailure, reasonOf } from './failure.js';

const withCode = (code: string, cause?: unknown): Error =>
  Object.assign(new Error('system message', { cause }), { code });

it('says in words what the operating system says in codes', () => {
  expect(reasonOf(withCode('ECONNREFUSED'))).toBe('nothing listens there');
});

it('looks for the cause behind an error', () => {
  expect(reasonOf(new Error('failed', { cause: withCode('ENOENT') }))).toBe(
    'there is no such file or folder',
  );
});

it('falls back on the message', () => {
  expect(reasonOf(new Error('Something else'))).toBe('Something else');
  expect(reasonOf('thrown text')).toBe('thrown text');
});

it('says what to try when an address cannot be listened on', () => {
  expect(listenFailure(withCode('EADDRINUSE'), '127.0.0.1', 80).message).toBe(
    'Cannot listen on 127.0.0.1 port 80: another program listens there. Choose another port with --port, or --port 0 for any free one.',
  );
});
