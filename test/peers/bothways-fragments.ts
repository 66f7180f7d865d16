import type { Connection } from 'bothways';

/** Sends one message in `count` frames; a text is cut between UTF-16 units, and so perhaps within a character. */
export function sendFragments(socket: Connection, message: string | Uint8Array, count: number): void {
  const size = Math.ceil(message.length / count);
  const pieces = Array.from({ length: count }, (_, index) => message.slice(index * size, (index + 1) * size));
  void socket.sendStream(pieces);
}
