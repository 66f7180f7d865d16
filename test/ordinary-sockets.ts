import { once } from 'node:events';
import { createServer, Socket, type SocketConstructorOpts } from 'node:net';

/**
 * Takes from this process what it needs to read into shared memory and to write past a socket's stream, so that sockets
 * are used in the ordinary way: as on a version of Node that has changed what is behind them. The library is loaded
 * without WebAssembly, so that it unmasks in the ordinary way too.
 */
const server = createServer().listen(0, '127.0.0.1');
await once(server, 'listening');
const { _handle: handle } = server as unknown as { _handle: object };
Reflect.deleteProperty(ownerOf(handle, 'useUserBuffer'), 'useUserBuffer');
server.close();

const writeBuffer = (request: object): number => {
  Object.assign(Object.getPrototypeOf(request) as object, { getAsyncId: undefined });
  return 0;
};
new Socket({ handle: { writeBuffer }, manualStart: true } as SocketConstructorOpts).write(Buffer.alloc(1));

function ownerOf(object: object, name: string): object {
  let owner: object | null = object;
  while (owner !== null && !Object.hasOwn(owner, name)) owner = Object.getPrototypeOf(owner) as object | null;
  if (owner === null) throw new Error(`Nothing has '${name}': how does Node read now?`);
  return owner;
}

// Others, such as undici, cannot do without.
const names = globalThis as { WebAssembly?: unknown };
const { WebAssembly: wasm } = names;
delete names.WebAssembly;
const { maskKernel } = await import('../packages/bothways/src/protocol/mask-kernel.js');
await import('bothways');
names.WebAssembly = wasm;
if (maskKernel !== undefined) throw new Error('The kernel is there without WebAssembly: how was it loaded?');
