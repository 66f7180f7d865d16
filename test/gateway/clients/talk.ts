// What the clients of this folder have in common. All of it runs in Node and in a page.

/** A `WebSocket`, as far as these clients need one. */
export interface Socket {
  binaryType: string;
  readonly protocol: string;
  send(data: string | Uint8Array<ArrayBuffer>): unknown;
  close(): void;
  addEventListener(type: string, listener: (event: SocketEvent) => void): void;
}

interface SocketEvent {
  /** Of `message`. */
  readonly data?: unknown;
  /** Of `close`. */
  readonly code?: number;
  readonly wasClean?: boolean;
}

export type SocketClass = new (url: string, protocols?: string | string[]) => Socket;

/** Where a client connects, and as whom. */
export interface Account {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  /** The queue, topic or channel; the talk has it for itself. */
  readonly address: string;
}

export interface Talk extends Account {
  readonly WebSocket: SocketClass;
}

/** What a client has seen; all of it is the same, whatever it is connected by. */
export interface Outcome {
  /** What was published and came back, in order; each as `shown` writes it. */
  readonly received: string[];
  /** The subprotocol that was agreed on. */
  readonly protocol: string;
  /** The close code of the WebSocket, after the client has said goodbye by its protocol. */
  readonly closeCode: number;
  readonly wasClean: boolean;
}

/** Connects, subscribes, publishes `contents`, waits until all have come back, and leaves. */
export type Client = (talk: Talk, contents: readonly Content[]) => Promise<Outcome>;

export type Content = string | Uint8Array<ArrayBuffer>;

const LARGE = 100 * 1024;
const NUMBERED = 20;

/** Texts: empty, not ASCII, what XML and STOMP have to escape, 100 KiB, and many. */
export const TEXTS: readonly string[] = [
  '',
  'Grüße aus 東京 😀',
  String.raw`<a b="c">&amp;</a> 'd' \n:\c`,
  'ä'.repeat(LARGE / 2),
  ...Array.from({ length: NUMBERED }, (_, index) => `text ${index + 1}`),
];

/** Bytes: none, each there is, 100 KiB, and many. */
export const BYTES: readonly Uint8Array<ArrayBuffer>[] = [
  new Uint8Array(),
  Uint8Array.from({ length: 256 }, (_, index) => index),
  Uint8Array.from({ length: LARGE }, (_, index) => (index * 7) % 251),
  ...Array.from({ length: NUMBERED }, (_, index) => Uint8Array.of(0, 255, index)),
];

/** Short ones as they are, and of others the length and a checksum (FNV-1a). */
export function shown(content: string | Uint8Array): string {
  const [kind, bytes] =
    typeof content === 'string' ? ['text', new TextEncoder().encode(content)] : ['bytes', content];
  if (bytes.length <= 64) return typeof content === 'string' ? `text ${content}` : `bytes ${bytes.join(' ')}`;
  let hash = 0x81_1c_9d_c5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01_00_01_93) >>> 0;
  return `${bytes.length} bytes of ${kind}, ${hash.toString(16)}`;
}

export interface WatchedSocket {
  /** What the client is given. */
  readonly WebSocket: SocketClass;
  /** How it ended. */
  readonly ended: Promise<Omit<Outcome, 'received'>>;
}

/** Lets see how a WebSocket ends that a library keeps to itself. */
export function watchSocket(Base: SocketClass): WatchedSocket {
  let end!: (how: Omit<Outcome, 'received'>) => void;
  const ended = new Promise<Omit<Outcome, 'received'>>((resolve) => {
    end = resolve;
  });
  class WatchedWebSocket extends Base {
    constructor(url: string, protocols?: string | string[]) {
      super(url, protocols);
      this.addEventListener('close', ({ code = 0, wasClean = false }) =>
        end({ protocol: this.protocol, closeCode: code, wasClean }),
      );
    }
  }
  return { WebSocket: WatchedWebSocket, ended };
}

/** What has come back until now. */
export class Received {
  readonly all: string[] = [];
  /** Resolves when all have come back. */
  readonly isComplete: Promise<void>;
  readonly #count: number;
  #complete!: () => void;

  constructor(count: number) {
    this.#count = count;
    this.isComplete = new Promise((resolve) => {
      this.#complete = resolve;
    });
  }

  add(content: string | Uint8Array): void {
    this.all.push(shown(content));
    if (this.all.length === this.#count) this.#complete();
  }
}

/**
 * Runs a talk that cannot go on when the WebSocket ends.
 *
 * @throws {Error} when it has ended before `talk` has.
 */
export async function runUntilEnd(talk: Promise<void>, ended: WatchedSocket['ended']): Promise<void> {
  const loss = ended.then(({ closeCode }) => {
    throw new Error(`The WebSocket ended in the middle of the talk, with ${closeCode}`);
  });
  await Promise.race([talk, loss]);
}
