import { Socket, type SocketConstructorOpts } from 'node:net';
import type { Duplex } from 'node:stream';
import { getSystemErrorName } from 'node:util';
import type { Output } from './output.js';

/** What Node hands to the operating system, with what is kept until that has taken it. */
interface WriteRequest {
  oncomplete: (this: WriteRequest, status: number) => void;
  output: DirectOutput | undefined;
  size: number;
  kept: unknown;
  /** -1 while Node has not taken the request, because all was written at once. */
  getAsyncId(): number;
}

interface WriteRequestClass {
  readonly prototype: WriteRequest;
  new (): WriteRequest;
}

/** What is behind a socket of Node; none of it is a public interface. A status below 0 is an error number. */
interface Handle {
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
  writev(request: WriteRequest, chunks: readonly Uint8Array[], areAllBytes: true): number;
}

type Internals = Socket & { readonly _handle: Handle | null };

/**
 * Writes to a plain socket as its stream does, but without the stream: what that does for each write costs as much as
 * all that a small message needs of us. The stream knows nothing of it and still ends, destroys and reads the socket.
 */
export class DirectOutput implements Output {
  onWritten: (() => void) | undefined;
  waiting = 0;
  readonly #socket: Internals;

  private constructor(socket: Internals) {
    this.#socket = socket;
  }

  /** @returns `undefined` if it is no plain socket of Node, or if anything that this takes is not there. */
  static open(socket: Duplex): DirectOutput | undefined {
    // Not TLS, nor anything that somebody else made to look like a socket or whose writes somebody watches.
    if (RequestOfNode === undefined || Object.getPrototypeOf(socket) !== Socket.prototype) return undefined;
    if (Object.hasOwn(socket, 'write')) return undefined;
    const { _handle: handle } = socket as Internals;
    const isUsual = typeof handle?.writeBuffer === 'function' && typeof handle.writev === 'function';
    return isUsual ? new DirectOutput(socket as Internals) : undefined;
  }

  get isIdle(): boolean {
    return this.waiting === 0;
  }

  write(bytes: Uint8Array): boolean {
    const { _handle: handle } = this.#socket;
    if (handle === null || !this.#socket.writable) return this.isIdle;
    const request = takeRequest();
    return this.#settle(request, handle.writeBuffer(request, bytes), bytes.length, bytes);
  }

  writeBoth(first: Uint8Array, second: Uint8Array): boolean {
    const { _handle: handle } = this.#socket;
    if (handle === null || !this.#socket.writable) return this.isIdle;
    const request = takeRequest();
    const chunks = [first, second];
    return this.#settle(request, handle.writev(request, chunks, true), first.length + second.length, chunks);
  }

  /** @internal What waited has been taken, or never will be. */
  complete(size: number, status: number): void {
    this.waiting -= size;
    if (status < 0) this.#fail(status);
    this.onWritten?.();
  }

  /** @returns whether the memory may be used again. */
  #settle(request: WriteRequest, status: number, size: number, kept: unknown): boolean {
    if (status < 0) {
      this.#fail(status);
    } else if (request.getAsyncId() === -1) {
      // The next write can use the request.
      if (this.onWritten !== undefined) process.nextTick(this.onWritten);
      return this.isIdle;
    } else {
      request.output = this;
      request.size = size;
      request.kept = kept;
      this.waiting += size;
    }
    spare = undefined;
    return this.isIdle;
  }

  #fail(status: number): void {
    if (this.#socket.destroyed) return;
    const code = getSystemErrorName(status);
    const error = new Error(`write ${code}`);
    this.#socket.destroy(Object.assign(error, { errno: status, code, syscall: 'write' }));
  }
}

const RequestOfNode = findWriteRequest();

let spare: WriteRequest | undefined;

function takeRequest(): WriteRequest {
  spare ??= makeRequest();
  return spare;
}

function makeRequest(): WriteRequest {
  const request = new RequestOfNode!();
  request.oncomplete = onComplete;
  request.output = undefined;
  request.size = 0;
  request.kept = undefined;
  return request;
}

function onComplete(this: WriteRequest, status: number): void {
  this.kept = undefined;
  this.output!.complete(this.size, status);
}

/** The class of Node's own requests to write: a socket that does not know that nothing is behind it shows one. */
function findWriteRequest(): WriteRequestClass | undefined {
  let found: WriteRequestClass | undefined;
  const writeBuffer = (request: object): number => {
    found = request.constructor as WriteRequestClass;
    return 0;
  };
  try {
    new Socket({ handle: { writeBuffer }, manualStart: true } as SocketConstructorOpts).write(
      Buffer.alloc(1),
    );
  } catch {
    // Another Node, with other sockets: they are written to in the ordinary way.
  }
  return typeof found?.prototype.getAsyncId === 'function' ? found : undefined;
}
