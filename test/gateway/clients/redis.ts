import { readReply } from './resp.js';
import { type Client, type Content, Received, type Socket, runUntilEnd, watchSocket } from './talk.js';

/** Redis by a few lines of our own, as a protocol of which a gateway knows nothing: a channel, and messages to it. */
export const talkRedis: Client = async ({ url, user, password, address, WebSocket }, contents) => {
  const watched = watchSocket(WebSocket);
  const received = new Received(contents.length);
  const talk = async () => {
    // Redis has bytes alone.
    const isText = contents.map((content) => typeof content === 'string');
    const redis = new Redis(new watched.WebSocket(url), ([kind, , bytes]) => {
      if (kind !== 'message') return;
      const content = bytes as Uint8Array;
      received.add(isText[received.all.length] === true ? new TextDecoder().decode(content) : content);
    });
    await redis.isOpen;
    redis.send('HELLO', '3', 'AUTH', user, password);
    redis.send('SUBSCRIBE', address);
    for (const content of contents) redis.send('PUBLISH', address, content);
    await Promise.race([received.isComplete, redis.refusal]);
    // Redis answers, and ends the connection.
    redis.send('QUIT');
  };
  await runUntilEnd(talk(), watched.ended);
  return { received: received.all, ...(await watched.ended) };
};

/** One connection to Redis, by RESP 3. */
class Redis {
  readonly isOpen: Promise<void>;
  /** Rejects with the first error of Redis. */
  readonly refusal: Promise<never>;
  readonly #socket: Socket;
  readonly #onPush: (items: readonly unknown[]) => void;
  #refuse!: (error: Error) => void;
  #bytes = new Uint8Array();

  /** @param onPush takes what is no answer: its kind is the first item, a string. */
  constructor(socket: Socket, onPush: (items: readonly unknown[]) => void) {
    this.#socket = socket;
    this.#onPush = onPush;
    socket.binaryType = 'arraybuffer';
    this.isOpen = new Promise((resolve) => socket.addEventListener('open', () => resolve()));
    this.refusal = new Promise((_, reject) => {
      this.#refuse = reject;
    });
    this.refusal.catch(() => {});
    socket.addEventListener('message', ({ data }) => this.#take(new Uint8Array(data as ArrayBuffer)));
  }

  /** A command is a list of strings of bytes. */
  send(...words: Content[]): void {
    const encoder = new TextEncoder();
    const parts = [encoder.encode(`*${words.length}\r\n`)];
    for (const word of words) {
      const bytes = typeof word === 'string' ? encoder.encode(word) : word;
      parts.push(encoder.encode(`$${bytes.length}\r\n`), bytes, encoder.encode('\r\n'));
    }
    this.#socket.send(join(parts));
  }

  #take(more: Uint8Array<ArrayBuffer>): void {
    this.#bytes = join([this.#bytes, more]);
    for (;;) {
      const reply = readReply(this.#bytes, 0);
      if (reply === undefined) return;
      this.#bytes = this.#bytes.slice(reply.end);
      if (reply.value instanceof Error) this.#refuse(reply.value);
      if (!reply.isPush) continue;
      const [kind, ...others] = reply.value as Uint8Array[];
      this.#onPush([new TextDecoder().decode(kind), ...others]);
    }
  }
}

function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
