import type { Group } from '../behaviour.js';
import { ask, later, next, open, type AnyEvent, type Socket } from '../watching.js';

const HANDLERS = ['onopen', 'onmessage', 'onerror', 'onclose'] as const;

/** Sets each attribute to a function and then to a value; returns what they are after. */
function setAll(socket: Socket, value: unknown): unknown[] {
  return HANDLERS.map((name) => {
    Object.assign(socket, { [name]: () => {} });
    Object.assign(socket, { [name]: value });
    return socket[name];
  });
}

/** What a listener and a handler are told of an event that is made by hand. */
function dispatched(socket: Socket, type: string): string[] {
  const log: string[] = [];
  const listener = (event: Event): void => void log.push(event.type);
  socket.addEventListener(type, listener);
  socket.dispatchEvent(new Event(type));
  socket.removeEventListener(type, listener);
  socket.dispatchEvent(new Event(type));
  return log;
}

function fail(message: string): never {
  throw new Error(message);
}

export const HANDLERS_GROUP: Group = {
  subject: 'WebSocket',
  title: 'Listeners and handler attributes',
  behaviours: [
    {
      name: 'give back the function they were set to',
      wpt: ['interfaces/WebSocket/events/002.html'],
      expected: [true, true, true, true],
      observe(env) {
        const socket = env.make('/echo');
        const handler = (): Socket => socket;
        return HANDLERS.map((name) => {
          Object.assign(socket, { [name]: handler });
          return socket[name] === handler;
        });
      },
    },
    {
      name: 'become null where they are set to null, undefined, a number or a text',
      wpt: [
        'interfaces/WebSocket/events/010.html',
        'interfaces/WebSocket/events/011.html',
        'interfaces/WebSocket/events/012.html',
        'interfaces/WebSocket/events/014.html',
        'eventhandlers.any.js',
      ],
      expected: Array.from({ length: 16 }, () => null),
      observe(env) {
        const socket = env.make('/echo');
        return [null, undefined, 1, ';'].flatMap((value) => setAll(socket, value));
      },
    },
    {
      name: 'keep an object that is no function, and never call it',
      wpt: ['interfaces/WebSocket/events/013.html'],
      expected: [true, []],
      async observe(env) {
        const socket = await open(env, '/echo');
        const calls: string[] = [];
        const object = { handleEvent: () => calls.push('called') };
        Object.assign(socket, { onmessage: object });
        await ask(socket, 'text');
        return [(socket.onmessage as unknown) === object, calls];
      },
    },
    {
      name: 'are called with the WebSocket as this, and the event alone',
      wpt: ['interfaces/WebSocket/events/006.html', 'interfaces/WebSocket/events/007.html'],
      expected: [true, 1, 'open'],
      async observe(env) {
        const socket = env.make('/echo');
        return new Promise((resolve) => {
          socket.onopen = function (...args: unknown[]) {
            resolve([this === socket, args.length, (args[0] as Event).type]);
          };
        });
      },
    },
    {
      name: 'are called in the order in which they were added, attributes among listeners',
      wpt: ['interfaces/WebSocket/events/016.html'],
      expected: ['first', 'attribute', 'last'],
      async observe(env) {
        const socket = env.make('/echo?say=text');
        const log: string[] = [];
        socket.addEventListener('message', () => log.push('first'));
        socket.onmessage = () => log.push('attribute');
        socket.addEventListener('message', () => log.push('last'));
        await next(socket, 'message');
        return log;
      },
    },
    {
      name: 'keep the place of an attribute that is replaced, and lose it where it is removed',
      wpt: ['interfaces/WebSocket/events/016.html'],
      expected: ['second', 'listener', '', 'listener', 'third'],
      async observe(env) {
        const socket = await open(env, '/echo');
        const log: string[] = [];
        socket.onmessage = () => log.push('first');
        socket.addEventListener('message', () => log.push('listener'));
        socket.onmessage = () => log.push('second');
        await ask(socket, 'text');
        log.push('');
        socket.onmessage = null;
        socket.onmessage = () => log.push('third');
        await ask(socket, 'text');
        return log;
      },
    },
    {
      name: 'hear events that are made by hand, until they are removed',
      wpt: [
        'interfaces/WebSocket/events/007.html',
        'interfaces/WebSocket/events/008.html',
        'interfaces/WebSocket/events/009.html',
        'interfaces/WebSocket/events/019.html',
      ],
      expected: ['open', 'message', 'error', 'close', 'other', 'attribute'],
      observe(env) {
        const socket = env.make('/echo');
        const log = ['open', 'message', 'error', 'close', 'other'].flatMap((type) =>
          dispatched(socket, type),
        );
        socket.onerror = () => log.push('attribute');
        socket.dispatchEvent(new Event('error'));
        socket.onerror = null;
        return log;
      },
    },
    {
      name: 'may be objects with a method handleEvent, which is looked up at each event',
      wpt: ['interfaces/WebSocket/events/016.html'],
      expected: [
        ['one', true],
        ['two', true],
      ],
      async observe(env) {
        const socket = await open(env, '/echo');
        const log: unknown[] = [];
        const listener = {
          handleEvent(): void {
            log.push(['one', this === listener]);
          },
        };
        socket.addEventListener('message', listener);
        await ask(socket, 'text');
        listener.handleEvent = function () {
          log.push(['two', this === listener]);
        };
        await ask(socket, 'text');
        return log;
      },
    },
    {
      name: 'are added once, called once where it is said, and removed by a signal',
      wpt: ['interfaces/WebSocket/events/019.html'],
      expected: ['twice', 'once', 'signal', '', 'twice'],
      async observe(env) {
        const socket = await open(env, '/echo');
        const log: string[] = [];
        const controller = new AbortController();
        const twice = (): void => void log.push('twice');
        socket.addEventListener('message', twice);
        socket.addEventListener('message', twice);
        socket.addEventListener('message', () => log.push('once'), { once: true });
        socket.addEventListener('message', () => log.push('signal'), { signal: controller.signal });
        await ask(socket, 'text');
        log.push('');
        controller.abort();
        await ask(socket, 'text');
        return log;
      },
    },
    {
      name: 'can be removed and stopped while an event is under way',
      wpt: [],
      expected: ['remover', 'stopper'],
      async observe(env) {
        const socket = env.make('/close?say=text');
        const log: string[] = [];
        const removed = (): void => void log.push('removed');
        socket.addEventListener('message', () => {
          log.push('remover');
          socket.removeEventListener('message', removed);
        });
        socket.addEventListener('message', removed);
        socket.addEventListener('message', (event: Event) => {
          log.push('stopper');
          event.stopImmediatePropagation();
        });
        socket.onmessage = () => log.push('never');
        await next(socket, 'close');
        return log;
      },
    },
    {
      name: 'that throw are reported, and stop neither the others nor the connection',
      wpt: [],
      expected: ['listener reported: Not today', ['thrower', 'attribute', 'last'], 1, 'text again'],
      async observe(env) {
        const socket = await open(env, '/describe');
        const log: string[] = [];
        socket.addEventListener(
          'message',
          () => {
            log.push('thrower');
            fail('Not today');
          },
          { once: true },
        );
        const attribute = (): void => void log.push('attribute');
        socket.onmessage = attribute;
        socket.addEventListener('message', () => log.push('last'));
        const report = env.nextReport();
        await ask(socket, 'text');
        const told = `listener reported: ${await report}`;
        const calls = log.splice(0);
        return [told, calls, socket.readyState, await ask(socket, 'again')];
      },
    },
    {
      name: 'that throw are reported in an attribute, in an object, and for every event',
      wpt: [],
      expected: ['open', 'attribute', 'object', 'close', 3],
      async observe(env) {
        const socket = env.make('/echo');
        const reports: string[] = [];
        const during = async (action: () => unknown): Promise<void> => {
          const report = env.nextReport();
          action();
          reports.push(await report);
        };
        await during(() => (socket.onopen = () => fail('open')));
        socket.onmessage = () => fail('attribute');
        await during(() => socket.send('text'));
        socket.onmessage = null;
        socket.addEventListener('message', { handleEvent: () => fail('object') });
        await during(() => socket.send('text'));
        socket.onclose = () => fail('close');
        await during(() => socket.close());
        const [first, ...rest] = reports;
        return [first, ...rest, socket.readyState];
      },
    },
    {
      name: 'whose promise rejects are reported in the same way',
      wpt: [],
      expected: ['Not now', 1],
      async observe(env) {
        const socket = await open(env, '/echo');
        const report = env.nextReport();
        socket.onmessage = async () => {
          await later();
          fail('Not now');
        };
        socket.send('text');
        return [await report, socket.readyState];
      },
    },
    {
      name: 'cancel by the answer false of an attribute what can be cancelled',
      wpt: [],
      expected: [true, false, false],
      observe(env) {
        const socket = env.make('/echo');
        const isCancelled = (cancelable: boolean): boolean => {
          const event = new Event('message', { cancelable });
          socket.dispatchEvent(event);
          return event.defaultPrevented;
        };
        socket.onmessage = () => false;
        const both = [isCancelled(true), isCancelled(false)];
        socket.onmessage = null;
        socket.addEventListener('message', () => false);
        return [...both, isCancelled(true)];
      },
    },
    {
      name: 'do not hear what came before they were added',
      wpt: [],
      expected: ['first', 'second'],
      async observe(env) {
        const socket = await open(env, '/echo');
        const log: unknown[] = [];
        log.push(await ask(socket, 'first'));
        socket.onmessage = (event: AnyEvent | MessageEvent) => log.push(event.data);
        await ask(socket, 'second');
        return log;
      },
    },
  ],
};
