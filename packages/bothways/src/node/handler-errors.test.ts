import { describe, expect, it } from 'vitest';
import { Arrivals, turns } from './test-arrivals.js';
import type { Handlers } from './handlers.js';
import { flood, join, joinWire, nextWarning, start, startWatched, type Socket } from './test-server.js';
import { Wire, clientFrame, closePayload, serverFrame } from './test-wire.js';

const BROKEN = new Error('The application is broken');

const HOWS: readonly (readonly [how: string, fail: () => Promise<void> | never])[] = [
  [
    'throws',
    () => {
      throw BROKEN;
    },
  ],
  ['rejects', async () => Promise.reject(BROKEN)],
];

/** What makes each handler run, at a peer that is a wire. */
const CAUSES: Readonly<Record<string, (wire: Wire) => void>> = {
  open: () => {},
  message: (wire) => wire.write(clientFrame(0x81, 'hello')),
  ping: (wire) => wire.write(clientFrame(0x89)),
  pong: (wire) => wire.write(clientFrame(0x8a)),
};

/** The Close frame, after whatever else comes before it. */
async function closeOf(wire: Wire): Promise<number> {
  for (;;) {
    const { opcode, payload } = await wire.frame();
    if (opcode === 8) return payload.readUInt16BE();
  }
}

describe.each(HOWS)('A handler that %s', (_how, fail) => {
  it.each(Object.keys(CAUSES))('in %s closes that connection with 1011, and is told', async (name) => {
    const errors = new Arrivals<[Error, Socket | undefined]>();
    const closes = new Arrivals<number>();
    const server = await start(
      {},
      {
        [name]: (socket: Socket) => (socket.request.url === '/bad' ? fail() : undefined),
        error: (...told) => errors.push(told),
        close: (_socket, code) => closes.push(code),
      },
    );
    const good = await Wire.upgraded(server.port, {}, '/good');
    const bad = await Wire.upgraded(server.port, {}, '/bad');
    const [, connection] = server.connections;
    CAUSES[name]!(bad);
    expect(await closeOf(bad)).toBe(1011);
    expect(await bad.rest()).toHaveLength(0);
    bad.end();
    expect(await errors.next()).toEqual([BROKEN, connection]);
    expect(await connection!.closed).toEqual({
      code: 1011,
      reason: 'This end failed to handle the connection',
      wasClean: false,
      initiator: 'local',
      error: BROKEN,
    });
    expect(await closes.next()).toBe(1011);
    good.write(clientFrame(0x89, 'alive'));
    expect(await good.frame()).toMatchObject({ opcode: 10 });
    expect(errors.items).toEqual([]);
  });

  it('in drain closes that connection with 1011, and is told', async () => {
    const errors = new Arrivals<Error>();
    const { server, opened } = await startWatched({}, { drain: fail, error: errors.push });
    const wire = await Wire.upgraded(server.port);
    wire.pause();
    await flood(await opened.next(), () => Buffer.alloc(65_536));
    wire.resume();
    expect(await errors.next()).toBe(BROKEN);
    expect(await closeOf(wire)).toBe(1011);
  });

  it('in close is told, and changes nothing of how the connection ended', async () => {
    const errors = new Arrivals<Error>();
    const { server, opened } = await startWatched({}, { close: fail, error: errors.push });
    const wire = await Wire.upgraded(server.port);
    const socket = await opened.next();
    wire.write(clientFrame(0x88, closePayload(4000)));
    wire.end();
    expect(await socket.closed).toEqual({ code: 4000, reason: '', wasClean: true, initiator: 'remote' });
    expect(await errors.next()).toBe(BROKEN);
    expect(server.connections.size).toBe(0);
  });

  it('is a warning of the process where there is no error handler', async () => {
    const server = await start({}, { message: fail });
    const wire = await Wire.upgraded(server.port);
    const warning = nextWarning();
    wire.write(clientFrame(0x81, 'hello'));
    expect((await wire.close()).code).toBe(1011);
    expect(await warning).toBe(BROKEN);
  });

  it('at a client closes that connection with 1011, and is told', async () => {
    const errors = new Arrivals<Error>();
    const { wire, socket } = await joinWire({}, { message: fail, error: errors.push });
    wire.write(serverFrame(0x81, 'hello'));
    expect((await wire.close()).code).toBe(1011);
    wire.end();
    expect(await errors.next()).toBe(BROKEN);
    expect(await socket.closed).toMatchObject({ code: 1011, error: BROKEN });
  });

  it('and is the function of the connection closes it with 1011', async () => {
    const server = await start({}, async (socket) => {
      for await (const message of socket) if (message === 'break') await fail();
    });
    const [good, bad] = [await Wire.upgraded(server.port), await Wire.upgraded(server.port)];
    const warning = nextWarning();
    bad.write(clientFrame(0x81, 'break'));
    expect((await bad.close()).code).toBe(1011);
    expect(await warning).toBe(BROKEN);
    good.write(clientFrame(0x89));
    expect((await good.frame()).opcode).toBe(10);
  });

  it('and is the function of the connection may do so before its first await', async () => {
    const server = await start({}, fail);
    const warning = nextWarning();
    const wire = await Wire.upgraded(server.port);
    expect((await wire.close()).code).toBe(1011);
    expect(await warning).toBe(BROKEN);
  });
});

describe('The error handler', () => {
  it('that throws itself becomes a warning of the process', async () => {
    const handlers: Handlers = {
      message() {
        throw BROKEN;
      },
      error() {
        throw new Error('Even the error handler is broken');
      },
    };
    const server = await start({}, handlers);
    const wire = await Wire.upgraded(server.port);
    const warning = nextWarning();
    wire.write(clientFrame(0x81, 'hello'));
    expect((await wire.close()).code).toBe(1011);
    expect(await warning).toMatchObject({ message: 'Even the error handler is broken' });
  });

  it.each([
    ['a string', 'broken', 'broken'],
    ['nothing', undefined, 'undefined'],
    ['an object', {}, '[object Object]'],
  ])('gets an Error where %s was thrown', async (_what, thrown, message) => {
    const errors = new Arrivals<Error>();
    const server = await start(
      {},
      {
        message() {
          throw thrown;
        },
        error: errors.push,
      },
    );
    const wire = await Wire.upgraded(server.port);
    wire.write(clientFrame(0x81, 'hello'));
    expect((await wire.close()).code).toBe(1011);
    const error = await errors.next();
    expect(error).toBeInstanceOf(Error);
    expect(error.message).toContain(message);
  });

  it('is called once for each of several failures of one connection', async () => {
    const errors = new Arrivals<Error>();
    const server = await start({}, { message: async () => Promise.reject(BROKEN), error: errors.push });
    const wire = await Wire.upgraded(server.port);
    wire.write(Buffer.concat([clientFrame(0x81, 'a'), clientFrame(0x81, 'b')]));
    expect((await wire.close()).code).toBe(1011);
    expect(await errors.take(2)).toEqual([BROKEN, BROKEN]);
    await turns();
    expect(errors.items).toEqual([]);
  });

  it('sees a failure after the connection is gone', async () => {
    const errors = new Arrivals<Error>();
    const { server, opened } = await startWatched(
      {},
      {
        async message(socket) {
          await socket.closed;
          throw BROKEN;
        },
        error: errors.push,
      },
    );
    const wire = await Wire.upgraded(server.port);
    const socket = await opened.next();
    wire.write(clientFrame(0x81, 'hello'));
    wire.write(clientFrame(0x88, closePayload(4000)));
    wire.end();
    expect(await errors.next()).toBe(BROKEN);
    expect(await socket.closed).toMatchObject({ code: 4000, wasClean: true });
  });
});

describe('The function of a connection', () => {
  it('closes it with 1000 when it returns', async () => {
    const server = await start({}, async (socket) => {
      for await (const message of socket) {
        if (message === 'end') return;
        socket.send(message);
      }
    });
    const wire = await Wire.upgraded(server.port);
    const [connection] = server.connections;
    wire.write(Buffer.concat([clientFrame(0x81, 'a'), clientFrame(0x81, 'end'), clientFrame(0x81, 'b')]));
    expect(await wire.text()).toBe('a');
    expect(await wire.close()).toEqual({ code: 1000, reason: '' });
    wire.write(clientFrame(0x88, closePayload(1000)));
    wire.end();
    expect(await connection!.closed).toMatchObject({ code: 1000, wasClean: true, initiator: 'local' });
  });

  it('closes it with 1000 when it returns at once', async () => {
    const server = await start({}, () => {});
    const client = await join(server);
    expect(await client.closed).toMatchObject({ code: 1000, wasClean: true, initiator: 'remote' });
  });

  it('goes on behind the loop when the peer closes, with what it closed with', async () => {
    const infos = new Arrivals<unknown>();
    const server = await start({}, async (socket) => {
      for await (const message of socket) socket.send(message);
      infos.push(await socket.closed);
    });
    const wire = await Wire.upgraded(server.port);
    wire.write(clientFrame(0x88, closePayload(4000, 'bye')));
    wire.end();
    expect(await infos.next()).toEqual({ code: 4000, reason: 'bye', wasClean: true, initiator: 'remote' });
  });

  it('runs once for each connection, each with its own messages', async () => {
    const server = await start({}, async (socket) => {
      let sum = 0;
      for await (const message of socket) socket.send(`${(sum += Number(message))}`);
    });
    const wires = await Promise.all(Array.from({ length: 5 }, () => Wire.upgraded(server.port)));
    for (let round = 1; round <= 3; round++) {
      for (const [index, wire] of wires.entries()) wire.write(clientFrame(0x81, `${index}`));
      for (const [index, wire] of wires.entries()) expect(await wire.text()).toBe(`${index * round}`);
    }
  });
});
