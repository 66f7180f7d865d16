import { describe, expect, it } from 'vitest';
import { start, wsJoin } from './test-server.js';
import { Wire, clientFrame, closePayload, hex, serverFrame } from './test-wire.js';

const KEY = '37fa213d';

/** What a client may not send, from a frame's first byte on, and the close code it gets. */
const MALFORMED: readonly (readonly [what: string, bytes: Buffer, code: number])[] = [
  ['an unmasked text', serverFrame(0x81, 'hello'), 1002],
  ['an unmasked binary message', serverFrame(0x82, 'hello'), 1002],
  ['an unmasked ping', serverFrame(0x89), 1002],
  ['an unmasked Close', serverFrame(0x88), 1002],
  ['RSV1 without an extension', clientFrame(0xc1, 'hello'), 1002],
  ['RSV2', clientFrame(0xa1, 'hello'), 1002],
  ['RSV3', clientFrame(0x91, 'hello'), 1002],
  ['RSV1 on a ping', clientFrame(0xc9), 1002],
  ['RSV1 on a continuation', Buffer.concat([clientFrame(0x01, 'a'), clientFrame(0xc0, 'b')]), 1002],
  ['opcode 3', clientFrame(0x83), 1002],
  ['opcode 7', clientFrame(0x87), 1002],
  ['opcode 11', clientFrame(0x8b), 1002],
  ['opcode 15', clientFrame(0x8f), 1002],
  ['a ping of 126 bytes', clientFrame(0x89, Buffer.alloc(126)), 1002],
  ['a ping of 64 KiB', clientFrame(0x89, Buffer.alloc(65_536)), 1002],
  ['a Close of 126 bytes', clientFrame(0x88, Buffer.alloc(126)), 1002],
  ['a fragmented ping', clientFrame(0x09), 1002],
  ['a fragmented Close', clientFrame(0x08), 1002],
  ['a length of 2^31', hex(`82 ff 0000000080000000 ${KEY}`), 1009],
  ['a length of 2^53 + 1', hex(`82 ff 0020000000000001 ${KEY}`), 1009],
  ['a length of 2^63 - 1', hex(`82 ff 7fffffffffffffff ${KEY}`), 1009],
  ['a length of 2^63', hex(`82 ff 8000000000000000 ${KEY}`), 1002],
  ['a length of 2^64 - 1', hex(`82 ff ffffffffffffffff ${KEY}`), 1002],
  ['one byte more than the limit', hex(`82 ff 0000000001000001 ${KEY}`), 1009],
  ['a length of 125 in 16 bits', hex(`82 fe 007d ${KEY}`), 1002],
  ['a length of 65535 in 64 bits', hex(`82 ff 000000000000ffff ${KEY}`), 1002],
  ['a Close of 1 byte', clientFrame(0x88, 'a'), 1002],
  ...[0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65_535].map(
    (code) => [`close code ${code}`, clientFrame(0x88, closePayload(code)), 1002] as const,
  ),
  ['a close reason that is not UTF-8', clientFrame(0x88, hex('03e8 c328')), 1007],
  ['a text with an invalid byte', clientFrame(0x81, hex('61 ff 62')), 1007],
  ['a text with a surrogate', clientFrame(0x81, hex('ed a0 80')), 1007],
  ['a text in overlong form', clientFrame(0x81, hex('c0 af')), 1007],
  ['a text that ends inside a character', clientFrame(0x81, hex('e2 82')), 1007],
  ['a text above U+10FFFF', clientFrame(0x81, hex('f4 90 80 80')), 1007],
  [
    'a character that a fragment breaks',
    Buffer.concat([clientFrame(0x01, hex('e2 82')), clientFrame(0x80, hex('28'))]),
    1007,
  ],
  [
    'a character that the last fragment does not end',
    Buffer.concat([clientFrame(0x01, hex('e2')), clientFrame(0x80, hex('82'))]),
    1007,
  ],
  ['a continuation of nothing', clientFrame(0x80, 'a'), 1002],
  ['a message inside of a message', Buffer.concat([clientFrame(0x01, 'a'), clientFrame(0x81, 'b')]), 1002],
];

describe('A client that sends', () => {
  it.each(MALFORMED)('%s is closed, and nobody else is', async (_what, bytes, code) => {
    const server = await start({});
    const { socket, messages } = await wsJoin(server);
    const wire = await Wire.upgraded(server.port);
    wire.write(clientFrame(0x81, 'good'));
    wire.write(bytes);
    expect(await wire.text()).toBe('good');
    const close = await wire.close();
    expect(close.code).toBe(code);
    expect(close.reason).not.toBe('');
    // The server ends TCP as well, and says nothing behind its Close frame.
    expect(await wire.rest()).toHaveLength(0);
    wire.end();
    socket.send('still here');
    expect(await messages.next()).toBe('still here');
  });

  it('the same byte by byte is closed the same', async () => {
    const server = await start({});
    for (const [, bytes, code] of MALFORMED.filter(([, { length }]) => length < 150)) {
      const wire = await Wire.upgraded(server.port);
      for (let at = 0; at < bytes.length; at++) wire.write(bytes.subarray(at, at + 1));
      expect((await wire.close()).code).toBe(code);
      wire.end();
    }
    await wsJoin(server);
  });

  it('a malformed frame and then megabytes is closed all the same', async () => {
    const server = await start({});
    const wire = await Wire.upgraded(server.port);
    wire.write(clientFrame(0x83));
    wire.write(Buffer.alloc(4 << 20));
    expect((await wire.close()).code).toBe(1002);
    wire.end();
    await wire.gone;
    expect(wire.error).toBeUndefined();
  });

  it('a malformed frame is told about in closed', async () => {
    const server = await start({});
    const wire = await Wire.upgraded(server.port);
    const [connection] = server.connections;
    wire.write(clientFrame(0x83));
    await wire.close();
    wire.end();
    expect(await connection!.closed).toEqual({
      code: 1002,
      reason: 'The opcode is reserved',
      wasClean: false,
      initiator: 'local',
      error: expect.objectContaining({ name: 'ProtocolError', code: 'ERR_RESERVED_OPCODE', closeCode: 1002 }),
    });
  });

  it('a malformed frame and never ends TCP is cut after closeTimeout', async () => {
    const server = await start({ closeTimeout: 50 });
    const wire = await Wire.upgraded(server.port);
    const [connection] = server.connections;
    wire.write(clientFrame(0x83));
    await wire.close();
    expect(await connection!.closed).toMatchObject({ code: 1002, wasClean: false, initiator: 'local' });
    expect(server.connections.size).toBe(0);
  });
});
