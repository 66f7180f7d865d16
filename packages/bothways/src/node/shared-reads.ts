import { Socket, type SocketConstructorOpts } from 'node:net';
import { maskKernel } from '../protocol/mask-kernel.js';

/** As much as Node reads at a time, bytes. */
const READ_SIZE = 64 * 1024;

/** Every read of every socket goes here, and is handled before the next one: where it can be unmasked fastest. */
const shared = maskKernel === undefined ? Buffer.allocUnsafeSlow(READ_SIZE) : viewOf(maskKernel.readBlock);

/** What is behind a socket of Node; none of it is a public interface. */
interface Internals {
  [name: symbol]: unknown;
  readonly _handle: { useUserBuffer?(buffer: Uint8Array): void } | null;
}

/**
 * Makes sockets read into memory that they all share, where Node would allocate 64 KiB for each read. For a socket that
 * one makes oneself Node has the option `onread`; for one that was accepted the same is set behind its back, if all that
 * takes is there.
 *
 * @param onChunk is called with what was read, and the socket as `this`; the memory is used again when it returns.
 * @returns a function that says whether a socket does it now. Then it emits no `'data'`; `'end'`, `pause` and `resume` are
 * as ever.
 */
export function sharedReader(onChunk: (this: never, chunk: Buffer) => void): (socket: object) => boolean {
  const onRead = function (this: never, length: number): void {
    onChunk.call(this, length === READ_SIZE ? shared : shared.subarray(0, length));
  };
  return (socket) => {
    const internals = socket as Internals;
    // Not TLS, nor anything that somebody else made to look like a socket.
    if (symbols === undefined || Object.getPrototypeOf(socket) !== Socket.prototype) return false;
    const { _handle: handle } = internals;
    if (typeof handle?.useUserBuffer !== 'function' || internals[symbols.buffer] !== null) return false;
    // Somebody watches what comes.
    if ((socket as Socket).listenerCount('data') > 0) return false;
    internals[symbols.buffer] = shared;
    internals[symbols.callback] = onRead;
    handle.useUserBuffer(shared);
    return true;
  };
}

const symbols = findSymbols();

/** Where Node keeps what `onread` says: a socket that has it shows. */
function findSymbols(): { readonly buffer: symbol; readonly callback: symbol } | undefined {
  const onread = { buffer: Buffer.alloc(1), callback: () => true };
  const socket = new Socket({ onread } as SocketConstructorOpts) as unknown as Internals;
  const find = (value: unknown): symbol | undefined =>
    Object.getOwnPropertySymbols(socket).find((symbol) => socket[symbol] === value);
  const [buffer, callback] = [find(onread.buffer), find(onread.callback)];
  return buffer === undefined || callback === undefined ? undefined : { buffer, callback };
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
