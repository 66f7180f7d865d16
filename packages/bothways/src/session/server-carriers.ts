import type { CarrierName } from '../protocol/contract.js';
import type { ServerHeader } from './headers.js';
import { toLine, toSocketMessage, type AnyRecord, type Base64, type Content } from './records.js';

/** Why a carrier is let go: a newer one is there, the session has ended, or its client is not heard any more. */
export type Parting = 'fenced' | 'closed' | 'lost' | 'malformed';

/** A carrier that the server may write to when it likes: a WebSocket, or a response that goes on. */
export interface PushCarrier {
  readonly name: CarrierName;
  /** Whether it takes more at present; when it does again, the session's `flush` is called. */
  readonly isWritable: boolean;
  put(record: AnyRecord | ServerHeader): void;
  /** What was put goes out. */
  flush(): void;
  end(parting: Parting): void;
}

/** A response whose body is written piece by piece. */
export interface TextStream {
  /** @returns whether it takes more at present. */
  write(text: string): boolean;
  end(): void;
}

/** An HTTP request of a session, with its body. It is answered once: by `answer`, `stream` or `nothing`. */
export interface HttpExchange {
  /** @param retryAfter seconds after which the client may try again. */
  answer(status: number, body: string, retryAfter?: number): void;
  /** Begins a response that goes on. */
  stream(onDrain: () => void, type: 'lines' | 'events'): TextStream;
  /** Refuses an `EventSource` for good. */
  nothing(): void;
  /** Is called when nothing goes out any more: the client has hung up, or has got all. */
  set onGone(onGone: (() => void) | undefined);
  /** Whether nothing of its answer waits here any more. */
  readonly hasGoneOut: boolean;
  /** Gives up what of its answer has not gone out, with the connection that it was to go on. */
  abandon(): void;
}

/** A WebSocket of a session, as far as a session needs it. */
export interface SocketLink {
  /** @returns whether it takes more at present. */
  send(message: Content): boolean;
  close(code: number, reason: string): void;
  /** Nothing is received until `resume`. */
  pause(): void;
  resume(): void;
}

/** Records as a response that does not end: lines, or the events of an `EventSource`. */
export class StreamCarrier implements PushCarrier {
  readonly name: CarrierName;
  isWritable = true;
  #text = '';
  readonly #stream: TextStream;
  readonly #base64: Base64;

  constructor(exchange: HttpExchange, type: 'lines' | 'events', base64: Base64, onDrain: () => void) {
    this.name = type === 'lines' ? 'streaming' : 'eventsource';
    this.#base64 = base64;
    this.#stream = exchange.stream(() => {
      this.isWritable = true;
      onDrain();
    }, type);
  }

  put(record: AnyRecord | ServerHeader): void {
    const line = toLine(record as AnyRecord, this.#base64);
    // An event ends with an empty line (HTML section 9.2.5).
    this.#text += this.name === 'streaming' ? line : `data:${line}\n`;
    if (this.#text.length >= CHUNK) this.flush();
  }

  flush(): void {
    if (this.#text === '') return;
    const text = this.#text;
    this.#text = '';
    this.isWritable = this.#stream.write(text);
  }

  end(): void {
    this.flush();
    this.#stream.end();
  }
}

/** When a stream's text is written before the end of the tick, characters. */
const CHUNK = 65_536;

const CLOSES: Readonly<Record<Parting, readonly [code: number, reason: string]>> = {
  fenced: [4409, 'fenced'],
  closed: [1000, ''],
  lost: [1001, ''],
  malformed: [4400, 'malformed'],
};

/** Records as the messages of a WebSocket. */
export class SocketCarrier implements PushCarrier {
  readonly name = 'websocket';
  isWritable = true;
  readonly #link: SocketLink;

  constructor(link: SocketLink) {
    this.#link = link;
  }

  put(record: AnyRecord | ServerHeader): void {
    this.isWritable = this.#link.send(toSocketMessage(record as AnyRecord));
  }

  /** The WebSocket has its own batch for what is sent in one tick. */
  flush(): void {}

  end(parting: Parting): void {
    this.#link.close(...CLOSES[parting]);
  }
}
