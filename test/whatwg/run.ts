import type { Behaviour, Env } from './behaviour.js';

/** What differs between Node and a page. */
export type Platform = Omit<Env, 'make' | 'makeStream'>;

/** Lets a behaviour happen, and closes all that it made. */
export async function run(behaviour: Behaviour, platform: Platform): Promise<unknown> {
  const closers: (() => void)[] = [];
  const make: Env['make'] = (url, ...rest) => {
    const socket = construct(platform.WebSocket, platform, url, rest);
    closers.push(() => socket.close());
    return socket;
  };
  const makeStream: Env['makeStream'] = (url, ...rest) => {
    const stream = construct(platform.WebSocketStream, platform, url, rest);
    // Chromium crashes when a stream is closed whose signal has given up.
    const close = (): void => stream.close();
    closers.push(() => void stream.opened.then(close, () => {}));
    return stream;
  };
  try {
    return await behaviour.observe({ ...platform, make, makeStream });
  } finally {
    for (const close of closers) close();
  }
}

function construct<Made>(
  type: new (...args: never[]) => Made,
  { server }: Platform,
  url: string | URL,
  rest: unknown[],
): Made {
  const address = typeof url === 'string' && url.startsWith('/') ? server + url : url;
  return Reflect.construct(type, [address, ...rest]) as Made;
}
