import type { Socket } from 'node:net';

/** Ends a socket with a RST, or with a FIN: at once, or if it is still to be reset, when it is connected. */
export function cutSocket(socket: Socket, reset: boolean): void {
  if (reset && !socket.destroyed) socket.resetAndDestroy();
  else socket.destroy();
}

/** For the errors of sockets: what follows them, `close`, is what is dealt with. */
export function ignoreError(): void {}
