import type { Socket } from 'node:net';

/** Ends a socket with a RST, or with a FIN: at once, or if it is still to be reset, when it is connected. */
export function cutSocket(socket: Socket, reset: boolean): void {
  if (!reset || socket.destroyed) socket.destroy();
  else if (isShuttingDown(socket)) socket.once('finish', () => socket.resetAndDestroy());
  else socket.resetAndDestroy();
}

/**
 * Whether the FIN is on its way into the system, which takes no longer than a turn once the socket is connected. libuv
 * refuses to reset a socket meanwhile (EINVAL), and Node then neither closes it nor ever emits `close`.
 */
function isShuttingDown({ writableEnded, writableLength, writableFinished }: Socket): boolean {
  return writableEnded && writableLength === 0 && !writableFinished;
}

/** For the errors of sockets: what follows them, `close`, is what is dealt with. */
export function ignoreError(): void {}
