import type { Behaviour, Env } from './behaviour.js';

/** What differs between Node and a page. */
export type Platform = Omit<Env, 'make'>;

/** Lets a behaviour happen, and closes every WebSocket that it made. */
export async function run(behaviour: Behaviour, platform: Platform): Promise<unknown> {
  const made: InstanceType<Env['WebSocket']>[] = [];
  const make: Env['make'] = (url, ...rest) => {
    const address = url.startsWith('/') ? platform.server + url : url;
    const socket = Reflect.construct(platform.WebSocket, [address, ...rest]) as (typeof made)[number];
    made.push(socket);
    return socket;
  };
  try {
    return await behaviour.observe({ ...platform, make });
  } finally {
    for (const socket of made) socket.close();
  }
}
