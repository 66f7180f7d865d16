import { describe, expect, it } from 'vitest';
import { CloseEvent, ErrorEvent } from './events.js';
import { turns } from './test-arrivals.js';
import { dial, dialOpen, watch } from './test-websocket.js';
import { closePayload, hex, serverFrame } from './test-wire.js';
import { WebSocket } from './websocket.js';

const CLEAN = { type: 'close', wasClean: true };
const LOST = { type: 'close', wasClean: false, code: 1006, reason: '' };

describe('The events of a WebSocket', () => {
  it('are open, then messages, then close, each with its state', async () => {
    const { socket, wire } = await dial();
    const log: unknown[] = [];
    for (const type of ['open', 'message', 'error', 'close'] as const) {
      socket.addEventListener(type, () => log.push([type, socket.readyState]));
    }
    const closed = new Promise((resolve) => socket.addEventListener('close', resolve));
    expect(socket.readyState).toBe(0);
    await wire.answerHandshake('', Buffer.concat([serverFrame(0x81, 'a'), serverFrame(0x82, 'b')]));
    wire.write(serverFrame(0x88, closePayload(1000)));
    wire.end();
    await closed;
    expect(log).toEqual([
      ['open', 1],
      ['message', 1],
      ['message', 1],
      ['close', 3],
    ]);
  });

  it('have the data and the origin in a message', async () => {
    const { socket, events, wire } = await dialOpen();
    wire.write(serverFrame(0x81, 'é'));
    const message = await events.next();
    expect(message).toBeInstanceOf(MessageEvent);
    expect(message).toMatchObject({ type: 'message', data: 'é', origin: new URL(socket.url).origin });
  });

  it.each([
    ['a code and a reason', closePayload(4000, 'é'), 4000, 'é'],
    ['a code', closePayload(1001), 1001, ''],
    ['no code', Buffer.alloc(0), 1005, ''],
  ])('have the code of the server: %s', async (_what, payload, code, reason) => {
    const { socket, events, wire } = await dialOpen();
    wire.write(serverFrame(0x88, payload));
    expect((await wire.frame()).payload).toEqual(payload);
    expect(socket.readyState).toBe(2);
    expect(events.items).toEqual([]);
    wire.end();
    const event = await events.next();
    expect(event).toBeInstanceOf(CloseEvent);
    expect(event).toMatchObject({ ...CLEAN, code, reason });
    expect(socket.readyState).toBe(3);
    await turns();
    expect(events.items).toEqual([]);
  });

  it.each([
    ['the end of TCP', (wire: { end(): void }) => wire.end()],
    ['a reset of TCP', (wire: { reset(): void }) => wire.reset()],
  ])('are error and close 1006 after %s', async (_what, lose) => {
    const { socket, events, wire } = await dialOpen();
    lose(wire);
    const [error, close] = await events.take(2);
    expect(error).toBeInstanceOf(ErrorEvent);
    expect(error).toMatchObject({ type: 'error', error: expect.any(Error) as Error });
    expect(close).toMatchObject(LOST);
    expect(socket.readyState).toBe(3);
  });

  it.each([
    ['a reserved opcode', serverFrame(0x83), 1002, 'ERR_RESERVED_OPCODE'],
    ['a masked frame', hex('818137fa213d56'), 1002, 'ERR_MASK_FORBIDDEN'],
    ['bad UTF-8', serverFrame(0x81, hex('ff')), 1007, 'ERR_UTF8'],
    ['close code 1005', serverFrame(0x88, closePayload(1005)), 1002, 'ERR_CLOSE_CODE'],
  ])(
    'are error and close 1006 for the page after %s, whatever the server is told',
    async (_what, bytes, code, why) => {
      const { events, wire } = await dialOpen();
      wire.write(bytes);
      expect((await wire.close()).code).toBe(code);
      wire.end();
      const [error, close] = await events.take(2);
      expect(error).toMatchObject({ type: 'error', error: { code: why } });
      expect((error as ErrorEvent).message).toBe((error as ErrorEvent).error.message);
      expect(close).toMatchObject(LOST);
      await turns();
      expect(events.items).toEqual([]);
    },
  );

  it.each([
    ['HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n', { code: 'ERR_HANDSHAKE_STATUS', status: 403 }],
    ['SSH-2.0\r\n', { code: 'ERR_HANDSHAKE_RESPONSE' }],
    ['', { code: 'ERR_HANDSHAKE_RESPONSE' }],
  ])('are error and close 1006 where the handshake is answered by %j', async (answer, expected) => {
    const { socket, events, wire } = await dial();
    await wire.head();
    wire.write(answer);
    wire.end();
    const [error, close] = await events.take(2);
    expect(error).toMatchObject({ type: 'error', error: expected });
    expect(close).toMatchObject(LOST);
    expect(socket.readyState).toBe(3);
  });

  it('are error and close 1006 where nobody listens, not before the constructor has returned', async () => {
    const socket = new WebSocket('ws://127.0.0.1:1');
    expect(socket.readyState).toBe(0);
    const [error, close] = await watch(socket).take(2);
    expect(error).toMatchObject({ type: 'error', error: { code: 'ERR_CONNECT' } });
    expect(close).toMatchObject(LOST);
  });

  it('are error and close 1006 where the subprotocol is not answered', async () => {
    const { events, wire } = await dial('a');
    await wire.answerHandshake();
    expect(await events.take(2)).toMatchObject([{ error: { code: 'ERR_HANDSHAKE_PROTOCOL' } }, LOST]);
  });
});

describe('close of a WebSocket', () => {
  it.each([
    ['nothing', [], undefined, '', 1005],
    ['a code', [4000], 4000, '', 4000],
    ['a code and a reason', [1000, 'done'], 1000, 'done', 1000],
    ['a reason alone', [undefined, 'done'], 1000, 'done', 1000],
    ['a string', ['3000'], 3000, '', 3000],
    ['a fraction', [1000.4], 1000, '', 1000],
    ['a fraction between two numbers', [1000.5], 1000, '', 1000],
    ['undefined twice', [undefined, undefined], undefined, '', 1005],
    ['a lone surrogate', [1000, '\ud800'], 1000, '\ufffd', 1000],
  ])('sends %s', async (_what, args, code, reason, seen) => {
    const { socket, events, wire } = await dialOpen();
    (socket.close as (...given: unknown[]) => void)(...args);
    expect(socket.readyState).toBe(2);
    const frame = await wire.frame();
    const payload = code === undefined ? Buffer.alloc(0) : closePayload(code, reason);
    expect([frame.opcode, frame.payload]).toEqual([8, payload]);
    wire.write(serverFrame(0x88, payload));
    wire.end();
    expect(await events.next()).toMatchObject({ ...CLEAN, code: seen, reason });
  });

  it.each([0, 999, 1001, 1005, 1006, 1011, 1015, 2_999, 5_000, 66_536, -1, NaN, null, 'a'])(
    'throws an InvalidAccessError for code %j, in any state',
    async (code) => {
      const { socket, wire } = await dial();
      const close = (): void => socket.close(code as number, 'a'.repeat(124));
      const expected = expect.objectContaining({ name: 'InvalidAccessError', code: 15 }) as Error;
      expect(close).toThrow(expected);
      expect(socket.readyState).toBe(0);
      await wire.answerHandshake();
      await new Promise((resolve) => socket.addEventListener('open', resolve));
      expect(close).toThrow(expected);
      expect(socket.readyState).toBe(1);
      socket.close();
      expect(close).toThrow(expected);
    },
  );

  it('throws a SyntaxError for a reason above 123 bytes', async () => {
    const { socket, wire } = await dialOpen();
    const expected = expect.objectContaining({ name: 'SyntaxError', code: 12 }) as Error;
    expect(() => socket.close(1000, 'é'.repeat(62))).toThrow(expected);
    expect(() => socket.close(undefined, 'a'.repeat(124))).toThrow(expected);
    expect(socket.readyState).toBe(1);
    socket.close(1000, 'a'.repeat(123));
    expect((await wire.close()).reason).toHaveLength(123);
  });

  it('a second time does nothing', async () => {
    const { socket, events, wire } = await dialOpen();
    socket.close(4000);
    socket.close(4001);
    expect((await wire.close()).code).toBe(4000);
    wire.write(serverFrame(0x88, closePayload(4000)));
    expect(wire.waiting).toBe(0);
    wire.end();
    await events.next();
    socket.close(4002);
    expect(socket.readyState).toBe(3);
    await turns();
    expect(events.items).toEqual([]);
  });

  it('lets no message through any more', async () => {
    const { socket, events, wire } = await dialOpen();
    socket.close();
    wire.write(Buffer.concat([serverFrame(0x81, 'late'), serverFrame(0x88)]));
    wire.end();
    expect((await events.next()).type).toBe('close');
  });

  it('while connecting ends in error and close 1006, and TCP ends', async () => {
    const { socket, events, wire } = await dial();
    await wire.head();
    socket.close(4000, 'never mind');
    expect(socket.readyState).toBe(2);
    const [error, close] = await events.take(2);
    expect(error).toMatchObject({ type: 'error', error: { name: 'AbortError' } });
    expect(close).toMatchObject(LOST);
    await wire.ended;
    await turns();
    expect(events.items).toEqual([]);
  });

  it('while connecting wins over an answer that is on its way', async () => {
    const { socket, events, wire } = await dial();
    await wire.answerHandshake('', serverFrame(0x81, 'a'));
    socket.close();
    expect((await events.take(2)).map(({ type }) => type)).toEqual(['error', 'close']);
    await wire.ended;
  });

  it('in the listener of open is clean', async () => {
    const { socket, events, wire } = await dial();
    Object.assign(socket, { onopen: () => socket.close(4000) });
    await wire.answerHandshake('', serverFrame(0x81, 'a'));
    expect((await wire.close()).code).toBe(4000);
    wire.write(serverFrame(0x88, closePayload(4000)));
    wire.end();
    expect((await events.take(2)).map(({ type }) => type)).toEqual(['open', 'close']);
  });
});
