import type { Clock } from '../protocol/clock.js';
import { CLOSE_CODE_BASE, ERRORS, type Base64, type Content } from './records.js';
import type { HttpExchange, SocketLink, TextStream } from './server-carriers.js';
import { errorLine } from './server-session.js';

/** One end of a request or a WebSocket that one server relays to another. */
export interface Link {
  /** Takes what the other end says. */
  take(kind: string, details: readonly unknown[]): void;
  /** The other end is not heard any more. */
  break(): void;
}

/** How an end reaches the other one. */
export interface Voice {
  say(kind: string, ...details: unknown[]): void;
  /** It is over: nothing is said or heard any more. */
  end(): void;
}

/** What takes the messages of a WebSocket that was relayed here. */
export interface SocketEnd {
  receive(message: Content): void;
  drain(): void;
  close(): void;
}

/** How much may be on the way to a client, or from it, and not taken at the other end, UTF-16 code units, or bytes. */
const CREDIT = 262_144;

const BROKEN = 'The server that has this session cannot be reached at the moment.';

/** What has been sent to the other server, and not been taken there. */
class Credit {
  #underWay = 0;

  get isSpent(): boolean {
    return this.#underWay >= CREDIT;
  }

  /** @returns whether more may be sent. */
  send(size: number): boolean {
    this.#underWay += size;
    return !this.isSpent;
  }

  /** @returns whether more may be sent, which was not so before. */
  take(size: number): boolean {
    const wasSpent = this.isSpent;
    this.#underWay -= size;
    return wasSpent && !this.isSpent;
  }
}

/** What was taken of what came: it is told now and then, and when more is taken again. */
class Taken {
  readonly #voice: Voice;
  readonly #kind: 'took' | 'heard';
  #size = 0;
  #isFull = false;

  constructor(voice: Voice, kind: 'took' | 'heard') {
    this.#voice = voice;
    this.#kind = kind;
  }

  /** @param isFull whether the connection does not take more at the moment. */
  add(size: number, isFull: boolean): void {
    this.#size += size;
    this.#isFull = isFull;
    if (!isFull && this.#size >= CREDIT / 4) this.#tell();
  }

  drain(): void {
    if (!this.#isFull) return;
    this.#isFull = false;
    this.#tell();
  }

  #tell(): void {
    this.#voice.say(this.#kind, this.#size);
    this.#size = 0;
  }
}

/** A request that has come here, and is answered by another server. */
export class RelayedExchange implements Link {
  readonly #exchange: HttpExchange;
  readonly #taken: Taken;
  #stream: TextStream | undefined;
  #isAnswered = false;

  constructor(exchange: HttpExchange, voice: Voice) {
    this.#exchange = exchange;
    this.#taken = new Taken(voice, 'took');
    exchange.onGone = () => {
      voice.say('gone');
      voice.end();
    };
  }

  take(kind: string, [first, second, third]: readonly unknown[]): void {
    const isFirst = !this.#isAnswered;
    this.#isAnswered ||= kind === 'answer' || kind === 'nothing' || kind === 'stream';
    if (kind === 'write') this.#write(String(first));
    else if (kind === 'end') this.#stream?.end();
    else if (kind === 'abandon') this.#exchange.abandon();
    else if (!isFirst) return;
    else if (kind === 'answer') {
      this.#exchange.answer(Number(first), String(second), typeof third === 'number' ? third : undefined);
    } else if (kind === 'nothing') this.#exchange.nothing();
    else if (kind === 'stream') {
      const type = first === 'events' ? 'events' : 'lines';
      this.#stream = this.#exchange.stream(() => this.#taken.drain(), type);
    }
  }

  break(): void {
    this.#exchange.onGone = undefined;
    if (this.#isAnswered) this.#stream?.end();
    else this.#exchange.answer(ERRORS.unavailable, errorLine('unavailable', BROKEN));
  }

  #write(text: string): void {
    if (this.#stream !== undefined) this.#taken.add(text.length, !this.#stream.write(text));
  }
}

/** A WebSocket that has come here, and carries a session of another server. */
export class RelayedSocket implements Link, SocketEnd {
  readonly #link: SocketLink;
  readonly #voice: Voice;
  readonly #base64: Base64;
  readonly #taken: Taken;
  readonly #credit = new Credit();
  /** Whether whoever has the session takes nothing: at first, until it is found. */
  #isHeld = true;

  constructor(link: SocketLink, voice: Voice, base64: Base64) {
    this.#link = link;
    this.#voice = voice;
    this.#base64 = base64;
    this.#taken = new Taken(voice, 'took');
  }

  receive(message: Content): void {
    this.#voice.say('message', ...wrap(message, this.#base64));
    // A client that does not keep to its window fills nothing here.
    if (!this.#credit.send(message.length)) this.#link.pause();
  }

  drain(): void {
    this.#taken.drain();
  }

  close(): void {
    this.#voice.say('gone');
    this.#voice.end();
  }

  take(kind: string, details: readonly unknown[]): void {
    const [first, second] = details;
    if (kind === 'send') {
      const message = unwrap(details, this.#base64);
      this.#taken.add(message.length, !this.#link.send(message));
    } else if (kind === 'pause') {
      this.#isHeld = true;
      this.#link.pause();
    } else if (kind === 'resume') {
      this.#isHeld = false;
      if (!this.#credit.isSpent) this.#link.resume();
    } else if (kind === 'heard') {
      if (this.#credit.take(Number(first)) && !this.#isHeld) this.#link.resume();
    } else if (kind === 'close') this.#link.close(Number(first), String(second));
  }

  break(): void {
    this.#link.close(CLOSE_CODE_BASE + ERRORS.unavailable, 'unavailable');
  }
}

/** A request that has come to another server, and is answered here. */
export class HereExchange implements Link, HttpExchange {
  hasGoneOut = false;
  readonly #voice: Voice;
  readonly #clock: Clock;
  readonly #credit = new Credit();
  #onGone: (() => void) | undefined;
  #onDrain: (() => void) | undefined;

  constructor(voice: Voice, clock: Clock) {
    this.#voice = voice;
    this.#clock = clock;
  }

  set onGone(onGone: (() => void) | undefined) {
    this.#onGone = onGone;
    if (this.hasGoneOut && onGone !== undefined) this.#clock.soon(() => this.#onGone?.());
  }

  answer(status: number, body: string, retryAfter?: number): void {
    this.#voice.say('answer', status, body, retryAfter ?? null);
  }

  nothing(): void {
    this.#voice.say('nothing');
  }

  stream(onDrain: () => void, type: 'lines' | 'events'): TextStream {
    this.#onDrain = onDrain;
    this.#voice.say('stream', type);
    return {
      write: (text) => {
        this.#voice.say('write', text);
        return this.#credit.send(text.length);
      },
      end: () => this.#voice.say('end'),
    };
  }

  abandon(): void {
    this.#voice.say('abandon');
  }

  take(kind: string, [size]: readonly unknown[]): void {
    if (kind === 'took' && this.#credit.take(Number(size))) this.#onDrain?.();
    else if (kind === 'gone') this.break();
  }

  break(): void {
    this.hasGoneOut = true;
    this.#voice.end();
    this.#onGone?.();
  }
}

/** A WebSocket that has come to another server, and carries a session of this one. */
export class HereSocket implements Link, SocketLink {
  /** Who takes its messages: set before the first one comes. */
  end!: SocketEnd;
  readonly #voice: Voice;
  readonly #base64: Base64;
  readonly #credit = new Credit();
  readonly #heard: Taken;

  constructor(voice: Voice, base64: Base64) {
    this.#voice = voice;
    this.#base64 = base64;
    this.#heard = new Taken(voice, 'heard');
  }

  send(message: Content): boolean {
    this.#voice.say('send', ...wrap(message, this.#base64));
    return this.#credit.send(message.length);
  }

  close(code: number, reason: string): void {
    this.#voice.say('close', code, reason);
  }

  pause(): void {
    this.#voice.say('pause');
  }

  resume(): void {
    this.#voice.say('resume');
  }

  take(kind: string, details: readonly unknown[]): void {
    if (kind === 'message') {
      const message = unwrap(details, this.#base64);
      this.end.receive(message);
      this.#heard.add(message.length, false);
    } else if (kind === 'took' && this.#credit.take(Number(details[0]))) this.end.drain();
    else if (kind === 'gone') this.break();
  }

  break(): void {
    this.#voice.end();
    this.end.close();
  }
}

/** A message as JSON can carry it: text, or bytes in Base64 and a mark. */
function wrap(message: Content, base64: Base64): readonly unknown[] {
  return typeof message === 'string' ? [message] : [base64.encode(message), true];
}

function unwrap([text, isBinary]: readonly unknown[], base64: Base64): Content {
  return isBinary === true ? (base64.decode(String(text)) ?? new Uint8Array()) : String(text);
}
