import { describe, expect, it } from 'vitest';
import { Arrivals } from './test-arrivals.js';
import { nextWarning } from './test-server.js';
import { dial, dialOpen } from './test-websocket.js';
import { closePayload, serverFrame } from './test-wire.js';

const BROKEN = new Error('The application is broken');

function fail(): never {
  throw BROKEN;
}

describe('A listener of a WebSocket', () => {
  it.each([
    ['a function that throws', fail, BROKEN],
    ['a function whose promise rejects', async () => Promise.reject(BROKEN), BROKEN],
    ['an object that throws', { handleEvent: fail }, BROKEN],
    ['an object whose promise rejects', { handleEvent: async () => Promise.reject(BROKEN) }, BROKEN],
    ['an object without handleEvent', {}, expect.any(TypeError)],
  ])('is reported as a warning where it is %s, and nothing else happens', async (_what, listener, error) => {
    const { socket, events, wire } = await dialOpen();
    const warning = nextWarning();
    socket.addEventListener('message', listener as () => void, { once: true });
    const after = new Arrivals<Event>();
    socket.addEventListener('message', after.push);
    wire.write(serverFrame(0x81, 'a'));
    expect(await warning).toEqual(error);
    expect((await after.next()).type).toBe('message');
    expect(socket.readyState).toBe(1);
    wire.write(Buffer.concat([serverFrame(0x81, 'b'), serverFrame(0x88, closePayload(1000))]));
    wire.end();
    expect((await events.take(3)).map(({ type }) => type)).toEqual(['message', 'message', 'close']);
  });

  it('that throws what is no Error is reported with what it threw', async () => {
    const { socket } = await dialOpen();
    const warning = nextWarning();
    socket.addEventListener('message', () => {
      // eslint-disable-next-line typescript/only-throw-error
      throw 'a text';
    });
    socket.dispatchEvent(new Event('message'));
    expect((await warning).message).toContain('a text');
  });

  it.each(['onopen', 'onerror', 'onclose'])('is reported where it is the attribute %s', async (name) => {
    const { socket, events, wire } = await dial();
    const warning = nextWarning();
    Object.assign(socket, { [name]: fail });
    await wire.answerHandshake();
    await events.next();
    wire.reset();
    expect(await warning).toBe(BROKEN);
    expect((await events.take(2)).map(({ type }) => type)).toEqual(['error', 'close']);
  });

  it('is added once to a WebSocket, and for each type', async () => {
    const { socket } = await dial();
    const calls: string[] = [];
    const listener = ({ type }: Event): void => void calls.push(type);
    socket.addEventListener('open', listener);
    socket.addEventListener('open', listener);
    socket.addEventListener('error', listener);
    socket.dispatchEvent(new Event('open'));
    socket.removeEventListener('open', listener);
    socket.dispatchEvent(new Event('open'));
    socket.dispatchEvent(new Event('error'));
    expect(calls).toEqual(['open', 'error']);
  });

  it('is removed by a signal', async () => {
    const { socket } = await dial();
    const controller = new AbortController();
    const calls: Event[] = [];
    socket.addEventListener('open', (event) => void calls.push(event), { signal: controller.signal });
    controller.abort();
    socket.dispatchEvent(new Event('open'));
    expect(calls).toEqual([]);
  });

  it('may be null, of which Node warns, and cannot be a text', async () => {
    const { socket } = await dial();
    const warning = nextWarning();
    socket.addEventListener('other', null as never);
    expect((await warning).name).toBe('AddEventListenerArgumentTypeWarning');
    socket.removeEventListener('other', null as never);
    expect(() => socket.addEventListener('other', 'text' as never)).toThrow(TypeError);
  });
});
