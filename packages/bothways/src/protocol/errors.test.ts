import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  BothwaysError,
  BrokerError,
  ConnectionClosedError,
  HandshakeError,
  LimitError,
  ProtocolError,
  TimeoutError,
} from './errors.js';

/** Each class with its name and what it carries beside its message. */
const TREE: readonly (readonly [name: string, error: BothwaysError, fields: Record<string, unknown>])[] = [
  ['BothwaysError', new BothwaysError('ERR_ANY', 'Any'), { code: 'ERR_ANY' }],
  [
    'HandshakeError',
    new HandshakeError('ERR_REFUSED', 'Refused', {
      status: 403,
      headers: { server: 'x' },
      body: 'no',
      cause: 'why',
    }),
    { code: 'ERR_REFUSED', status: 403, headers: { server: 'x' }, body: 'no', cause: 'why' },
  ],
  ['ProtocolError', new ProtocolError('ERR_MASK', 'Mask', 1002), { code: 'ERR_MASK', closeCode: 1002 }],
  [
    'LimitError',
    new LimitError('ERR_BIG', 'Big', 'maxMessageSize', 10),
    { code: 'ERR_BIG', limit: 'maxMessageSize', value: 10 },
  ],
  [
    'ConnectionClosedError',
    new ConnectionClosedError('Closed', 1000, 1005, 'remote'),
    { code: 'ERR_CONNECTION_CLOSED', received: 1000, sent: 1005, initiator: 'remote' },
  ],
  [
    'TimeoutError',
    new TimeoutError('ping', 20_000, 'Late'),
    { code: 'ERR_TIMEOUT', phase: 'ping', milliseconds: 20_000 },
  ],
  [
    'BrokerError',
    new BrokerError('ERR_BROKER', 'Gone', { cause: 'why' }),
    { code: 'ERR_BROKER', cause: 'why' },
  ],
];

describe.each(TREE)('%s', (name, error, fields) => {
  it('is an Error and a BothwaysError of its own name', () => {
    expect(error).toBeInstanceOf(Error);
    expect(error).toBeInstanceOf(BothwaysError);
    expect(error.name).toBe(name);
    expect(error.constructor.name).toBe(name);
  });

  it('carries its code and its details', () => {
    expect(error).toMatchObject(fields);
  });

  it('shows its name, message and code where it is printed', () => {
    expect(String(error)).toBe(`${name}: ${error.message}`);
    expect(inspect(error)).toContain(`${name}: ${error.message}`);
    expect(inspect(error)).toContain(error.code);
  });
});

describe('HandshakeError without details', () => {
  it('says that there was no response', () => {
    const error = new HandshakeError('ERR_HANDSHAKE', 'No response');
    expect(error).toMatchObject({ status: 0, headers: {}, body: '' });
    expect(error.message).toBe('No response');
  });

  it('has no cause, not even an undefined one', () => {
    expect(Object.hasOwn(new HandshakeError('ERR_HANDSHAKE', 'No response'), 'cause')).toBe(false);
    expect(Object.hasOwn(new HandshakeError('ERR_HANDSHAKE', 'No', { status: 500 }), 'cause')).toBe(false);
  });
});

describe('a subclass of the application', () => {
  it('is named after itself', () => {
    class TopicError extends BothwaysError {}
    expect(new TopicError('ERR_TOPIC', 'No such topic').name).toBe('TopicError');
  });
});
