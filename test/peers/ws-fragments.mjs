import { cut } from './transcript.mjs';

/** Sends one message in `count` frames, cut without regard to characters. */
export function sendFragments(socket, message, count) {
  const binary = typeof message !== 'string';
  for (const [i, fragment] of cut(Buffer.from(message), count).entries()) {
    socket.send(fragment, { binary, fin: i === count - 1 });
  }
}
