import { CloseCode } from '../protocol/close.js';
import type { CarrierName, CloseInfo } from '../protocol/contract.js';
import type { ClientHeader, ServerHeader } from './headers.js';
import type { Receiver } from './incoming.js';
import { SavedIncoming, type HandedOn } from './saved-incoming.js';
import { SavedOutgoing } from './saved-outgoing.js';
import { Journal, type JournalSource, type Snapshot } from './journal.js';
import type { Alarm, Clock } from '../protocol/clock.js';
import {
  Closing,
  ERRORS,
  toLine,
  type AnyRecord,
  type Base64,
  type Content,
  type Numbered,
} from './records.js';
import type { KeptPublish, SavedSession, SessionStore } from './store.js';
import { StreamCarrier, type HttpExchange, type Parting, type PushCarrier } from './server-carriers.js';

/** Whom a session tells what happens, at its server. */
export interface SessionOwner {
  /** Whether it takes messages now; when it does again it calls `resume`. */
  readonly isWilling: boolean;
  onMessage(content: Content): void;
  /** Less waits to be sent than before. */
  onSent(): void;
  onEnd(info: CloseInfo): void;
  /**
   * What another server has to know of it, by name; asked for where sessions are saved. `undefined` while that cannot be
   * said: then it is asked again.
   */
  save?(): Readonly<Record<string, string>> | undefined;
}

/** How a server keeps its sessions. Times are milliseconds, sizes bytes. */
export interface SessionSettings {
  readonly window: number;
  readonly maxMessage: number;
  readonly heartbeat: number;
  readonly resumeTimeout: number;
  readonly closeTimeout: number;
}

/** What a session needs of whoever keeps it. */
export interface SessionKeeper {
  readonly clock: Clock;
  readonly base64: Base64;
  readonly settings: SessionSettings;
  /** Where sessions are saved, if they are. */
  readonly store: SessionStore | undefined;
  /** A new token, when it is time for one. */
  renewedToken(session: ServerSession): string | undefined;
  ticketFor(session: ServerSession): string;
  /** It has ended, or is not here any more. */
  forget(session: ServerSession): void;
  /** Something of one that has ended is still to be saved. */
  saveLast(journal: Journal): void;
}

interface HeldExchange {
  readonly exchange: HttpExchange;
  readonly until: number;
  /** It is answered when what came before it is saved. */
  readonly isDue: boolean;
  /** When, after its answer, its client begins to be away, milliseconds. */
  readonly grace: number;
}

/** How long a message may wait for its acknowledgement where none goes by, milliseconds (section 5: 5 seconds). */
const ACKNOWLEDGE_WITHIN = 1_000;
const SHORTEST_HEARTBEAT = 1_000;
/** How long a request waits for what came with it to be saved, milliseconds. */
const SAVED_WITHIN = 1_000;
/** How many times in a heartbeat it is looked whether one is due. */
const BEATS = 2;

/** The server's end of a session: what outlives its carriers (PROTOCOL.md sections 4 to 8). */
export class ServerSession implements Receiver, JournalSource {
  readonly id: string;
  /** Whom the token is bound to. */
  readonly binding: string;
  /** What its keeper notes about it: how it is found while its client has no token, and by an `EventSource`. */
  openingKey = '';
  openingKeyUntil = 0;
  ticket: string | undefined;
  /** When it gets another token, seconds since 1970. */
  renewAt = 0;
  /** What is told in the first answer: id, token, subprotocol. */
  greeting: Partial<ServerHeader> | undefined;
  generation = 0;
  /** What the carrier is, or was last. */
  carrier: CarrierName;
  readonly #keeper: SessionKeeper;
  readonly #journal: Journal | undefined;
  #owner: SessionOwner | undefined;
  readonly #outgoing: SavedOutgoing;
  readonly #incoming: SavedIncoming;
  readonly #alarm: Alarm;
  #push: PushCarrier | undefined;
  /** The carrier of this generation is a WebSocket, even if it is gone. */
  #isSocket = false;
  /** The next header answers a new generation. */
  #mustGreet = false;
  /** The number that its client takes the next message on it for. */
  #pushNext = 1;
  #held: HeldExchange | undefined;
  /** The last request that messages were sent to. */
  #lastAnswer: HttpExchange | undefined;
  #heartbeat: number;
  /** Since when nothing carries it. */
  #detachedAt: number;
  /** When it is looked next whether a heartbeat is due, and what was said and heard since. */
  #beatAt = Infinity;
  #hasSpoken = false;
  #silentBeats = 0;
  #acknowledgeAt = Infinity;
  /** A request is being dealt with: what is sent meanwhile goes into its answer. */
  #isBusy = false;
  #isFlushing = false;
  #closing: Closing | undefined;
  /** When a client that could has not answered to `close`; while nothing carries the session it cannot. */
  #closeAt = Infinity;
  #peerClosing: Closing | undefined;
  #end: CloseInfo | undefined;

  /** @param saved what another server, which had it, has saved. */
  constructor(
    id: string,
    binding: string,
    carrier: CarrierName,
    keeper: SessionKeeper,
    saved?: SavedSession,
  ) {
    this.id = id;
    this.binding = binding;
    this.carrier = carrier;
    this.#keeper = keeper;
    const { settings, clock } = keeper;
    this.#outgoing = new SavedOutgoing(settings.window);
    this.#incoming = new SavedIncoming(settings.window, this);
    this.#heartbeat = settings.heartbeat;
    this.#detachedAt = clock.now();
    this.#alarm = clock.alarm(() => this.#onAlarm());
    if (saved !== undefined) this.#restore(saved);
    if (keeper.store !== undefined) {
      const { acknowledged } = this.#outgoing;
      this.#journal = new Journal(id, keeper.store, clock, this, saved, acknowledged);
      this.#outgoing.limit = this.#journal.savedTo;
      this.#incoming.isKept = true;
    }
    // Whoever opened it may be gone before it begins.
    this.#arm();
  }

  /** Who gets its messages; set before the first one is taken. */
  set owner(owner: SessionOwner) {
    this.#owner = owner;
    this.#journal?.note();
  }

  /** What waits to be sent for the first time, bytes. */
  get waiting(): number {
    return this.#outgoing.waiting;
  }

  /** How many messages are kept because they are not acknowledged. */
  get kept(): number {
    return this.#outgoing.length;
  }

  get isOpen(): boolean {
    return this.#closing === undefined && this.#peerClosing === undefined && this.#end === undefined;
  }

  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  send(content: Content): void {
    if (!this.isOpen) return;
    this.#outgoing.push(content);
    this.#sayMore();
  }

  /** Whether it is saved, so that another server may have had it, or have it by now. */
  get isSaved(): boolean {
    return this.#journal !== undefined;
  }

  /** Publishes something when what has happened until now is saved, as one. */
  publish(publish: KeptPublish): void {
    this.#journal!.publish(publish);
  }

  /** Saves it if that was not done for so long, milliseconds. */
  refresh(age: number): void {
    if (this.#journal !== undefined && this.#keeper.clock.now() - this.#journal.savedAt >= age / 2)
      this.note();
  }

  /** What is not told by messages has changed. */
  note(): void {
    this.#journal?.note();
  }

  close(code: number, reason: string): void {
    if (!this.isOpen) return;
    this.#closing = new Closing(code, reason);
    this.#outgoing.push(this.#closing);
    this.#waitForClose();
    this.#sayMore();
    this.#arm();
  }

  /** Closes at once what cannot go on: what was never sent is not sent any more. */
  fail(code: number, reason: string): void {
    if (!this.isOpen) return;
    this.#outgoing.discardUnsent(this.#journal?.writtenTo);
    this.close(code, reason);
  }

  /** Whether another server goes on with it. */
  get hasMoved(): boolean {
    return this.#end === MOVED_END;
  }

  /**
   * Saves it for another server to go on with: from then on nothing happens here.
   *
   * @param onLeft is told when that is done, or it has ended. What carries it stays until `cut`.
   */
  leave(onLeft: () => void): void {
    this.#journal!.leave(onLeft);
  }

  /** Sends its client elsewhere, also if it could not be saved in time: then it goes on there as it was saved last. */
  cut(): void {
    if (this.#end === undefined) this.onMoved();
    if (this.#end === MOVED_END) this.#letGo('lost', 'unavailable', MOVED);
  }

  /** Ends it without a word. */
  terminate(info: CloseInfo): void {
    this.#finish(info, 'lost');
  }

  /** The owner takes messages again. */
  resume(): void {
    if (this.#end !== undefined) return;
    this.#incoming.handOnHeld();
    this.#acknowledgeIfDue();
    this.#concludeClose();
  }

  /** Whether what a header and the messages behind it say can be; if not, nothing of it may be taken. */
  isPossible(header: ClientHeader, items: readonly Numbered[]): boolean {
    return this.#outgoing.canAcknowledge(header.ack) && this.#incoming.canTake(header.seq, items);
  }

  /**
   * A request of this or a new generation.
   *
   * @returns whether it is dealt with; otherwise another carrier has this generation.
   */
  exchange(header: ClientHeader, items: readonly Numbered[], exchange: HttpExchange): boolean {
    const isNew = header.gen > this.generation;
    if (!isNew && this.#isSocket) return false;
    if (!isNew && header.stream !== undefined && this.#push !== undefined) return false;
    if (isNew) this.#attach(header);
    this.#silentBeats = 0;
    this.#isBusy = true;
    this.#take(header, items);
    this.#isBusy = false;
    // Only the first request of a generation has a window; what was answered to it may be lost.
    this.#mustGreet ||= header.window !== undefined;
    if (this.#end !== undefined) exchange.answer(200, this.#headerLine({}));
    else if (header.stream === 'lines') this.#begin(this.streamOn(exchange, 'lines'));
    else if (header.stream === 'events') this.#promiseEvents(exchange);
    else this.#exchange(header, exchange, isNew);
    this.flush();
    this.#concludeClose();
    if (this.#keeper.clock.now() >= this.#closeAt) this.#giveUp();
    return true;
  }

  /** A push carrier of a new generation: a WebSocket whose first message is a header. */
  attach(header: ClientHeader, carrier: PushCarrier): void {
    this.#attach(header);
    this.#isSocket = true;
    this.#mustGreet = true;
    this.#isBusy = true;
    this.#take(header, []);
    this.#isBusy = false;
    this.#begin(carrier);
  }

  /** What the promised stream of events is carried by, if it is still the one of this generation. */
  attachEvents(generation: number, exchange: HttpExchange): boolean {
    if (generation !== this.generation || this.#push !== undefined || this.#end !== undefined) return false;
    this.#begin(this.streamOn(exchange, 'events'));
    return true;
  }

  /** Whether this is what carries the session now. */
  isCarriedBy(carrier: PushCarrier): boolean {
    return this.#push === carrier && this.#end === undefined;
  }

  /** A numbered record on a push carrier. @returns false when it cannot be. */
  receive(number: number, item: Numbered): boolean {
    if (number > this.#incoming.received + 1 && !this.#incoming.canTake(number, [item])) return false;
    this.#incoming.put(number, item);
    this.#acknowledgeIfDue();
    this.#concludeClose();
    return true;
  }

  /** An acknowledgement on a push carrier. @returns false when it cannot be. */
  acknowledge(number: number): boolean {
    if (!this.#outgoing.canAcknowledge(number)) return false;
    this.#acknowledge(number);
    this.flush();
    this.#concludeClose();
    return true;
  }

  /** A push carrier is gone. */
  detach(carrier: PushCarrier): void {
    if (this.#push !== carrier) return;
    this.#push = undefined;
    this.#detached();
  }

  /** Sends what can be sent now. */
  flush(): void {
    if (this.#isFlushing || this.#isBusy || this.#end !== undefined) return;
    this.#isFlushing = true;
    const before = this.#outgoing.waiting;
    if (this.#push !== undefined) this.#flushTo(this.#push);
    else if (this.#held !== undefined && this.#outgoing.hasNext) this.#answerHeld();
    this.#isFlushing = false;
    if (this.#outgoing.waiting < before) this.#owner!.onSent();
  }

  // What the incoming messages are told to (Receiver).

  get isWilling(): boolean {
    return this.#owner!.isWilling || this.#closing !== undefined;
  }

  take(item: Numbered): void {
    this.#journal?.note();
    if (!(item instanceof Closing)) {
      if (this.isOpen) this.#owner!.onMessage(item);
      return;
    }
    this.#peerClosing ??= item;
    if (this.#closing !== undefined) return;
    this.#closing = new Closing(item.code, '');
    this.#outgoing.push(this.#closing);
  }

  // What a journal asks and tells (JournalSource).

  snapshot(): Snapshot | undefined {
    const owned = this.#owner?.save === undefined ? {} : this.#owner.save();
    if (owned === undefined) return undefined;
    const { received } = this.#incoming;
    const { last, acknowledged } = this.#outgoing;
    const fields = {
      ...owned,
      binding: this.binding,
      carrier: this.carrier,
      received: String(received),
      sent: String(last),
      ...(this.#peerClosing !== undefined && { close: JSON.stringify(this.#peerClosing) }),
      ...(this.#end !== undefined && { ended: '1' }),
    };
    return { fields, acknowledged, handedOn: this.#incoming.handedOn };
  }

  messagesAfter(number: number): readonly Numbered[] {
    return this.#outgoing.after(number);
  }

  onSaved(handedOn: HandedOn): void {
    this.#incoming.keep(handedOn);
    this.#outgoing.limit = this.#journal!.savedTo;
    if (this.#held?.isDue === true) this.#answerHeld();
    this.flush();
    this.#acknowledgeIfDue();
    this.#concludeClose();
  }

  /** Another server has it: its client is to go there. */
  onMoved(): void {
    this.#letGo('lost', 'unavailable', MOVED);
    this.onLeaving();
    this.#journal!.close(false);
  }

  onLeaving(): void {
    this.#over(MOVED_END);
  }

  #restore({ fields, messages }: SavedSession): void {
    const { received, sent, close } = fields;
    this.#outgoing.restore(
      Number(sent) - messages.length,
      messages.map(([, item]) => item),
    );
    this.#incoming.restore(Number(received));
    const last = messages.at(-1)?.[1];
    if (last instanceof Closing) {
      this.#closing = last;
      this.#waitForClose();
    }
    if (close === undefined) return;
    const { close: code, reason = '' } = JSON.parse(close) as { close: number; reason?: string };
    this.#peerClosing = new Closing(code, reason);
  }

  #sayMore(): void {
    if (this.#journal !== undefined) {
      this.#journal.note();
      return;
    }
    const push = this.#push;
    if (push?.name === 'websocket') this.flush();
    else if (!this.#isBusy && (push !== undefined || this.#held !== undefined)) {
      this.#keeper.clock.soon(() => this.flush());
    }
  }

  #attach(header: ClientHeader): void {
    const { settings } = this.#keeper;
    this.generation = header.gen;
    // Another server may have it by now.
    this.#journal?.note();
    this.#letGo('fenced', 'fenced', FENCED);
    this.#lastAnswer?.abandon();
    this.#lastAnswer = undefined;
    this.#isSocket = false;
    this.#silentBeats = 0;
    // The client says how much it takes; how much is kept for it is for the server to say.
    this.#outgoing.window = Math.min(header.window!, settings.window);
    this.#incoming.peerWindow = header.window!;
    const wanted = Math.max(SHORTEST_HEARTBEAT, header.heartbeat ?? Infinity);
    this.#heartbeat = Math.min(settings.heartbeat, wanted);
    this.#outgoing.acknowledge(header.ack);
    this.#beatAt = Infinity;
    if (this.#closeAt !== Infinity) this.#waitForClose();
    this.#detached();
  }

  #take(header: ClientHeader, items: readonly Numbered[]): void {
    this.#acknowledge(header.ack);
    let { seq } = header;
    for (const item of items) this.#incoming.put(seq++, item);
  }

  /** A client that has much to take before the close gets on as long as it goes on. */
  #acknowledge(number: number): void {
    if (this.#closeAt !== Infinity && number > this.#outgoing.acknowledged) this.#waitForClose();
    const before = this.#outgoing.waiting;
    this.#outgoing.acknowledge(number);
    this.#journal?.noteAcknowledged(number);
    if (this.#outgoing.waiting < before) this.#owner!.onSent();
  }

  /** The first header on a push carrier, and all that waits. */
  #begin(carrier: PushCarrier): void {
    this.#push = carrier;
    this.carrier = carrier.name;
    // What an older carrier was given, or a stream for a request that the network had repeated, may be lost.
    this.#outgoing.rewind();
    this.#pushNext = this.#outgoing.sent + 1;
    carrier.put(this.#header({}));
    this.#acknowledgeAt = Infinity;
    this.#beatAt = this.#keeper.clock.now() + this.#heartbeat / BEATS;
    this.flush();
    carrier.flush();
    this.#arm();
    this.#concludeClose();
  }

  /** A response that goes on, as what carries this session. */
  streamOn(exchange: HttpExchange, type: 'lines' | 'events'): PushCarrier {
    const carrier = new StreamCarrier(exchange, type, this.#keeper.base64, () => this.flush());
    exchange.onGone = () => this.detach(carrier);
    return carrier;
  }

  #promiseEvents(exchange: HttpExchange): void {
    exchange.answer(200, this.#headerLine({ ticket: this.#keeper.ticketFor(this) }));
  }

  #exchange(header: ClientHeader, exchange: HttpExchange, isNew: boolean): void {
    const { wait = 0 } = header;
    if (this.#push !== undefined) {
      exchange.answer(200, this.#headerLine({}));
      return;
    }
    // What was sent in answers that its client has got and is not acknowledged went to somebody else: to a request that
    // the network had repeated. While the last of them is still here, nobody has got it.
    if (header.pending !== true && this.#lastAnswer?.hasGoneOut !== false) this.#outgoing.rewind();
    if (this.#held !== undefined) this.#answerHeld();
    this.carrier = wait > 0 ? 'long-polling' : 'polling';
    const mustAnswer = isNew || this.#outgoing.hasNext || this.#incoming.isDue;
    // Whoever polls is there until the next request is due.
    const grace = wait === 0 ? this.#heartbeat : 0;
    if (!mustAnswer && wait > 0 && this.isOpen)
      this.#hold(exchange, Math.min(wait, this.#heartbeat), false, grace);
    else if (this.#journal?.isSaved === false) this.#hold(exchange, SAVED_WITHIN, true, grace);
    else {
      this.#answer(exchange);
      this.#detached(grace);
    }
  }

  #hold(exchange: HttpExchange, wait: number, isDue: boolean, grace: number): void {
    this.#held = { exchange, until: this.#keeper.clock.now() + wait, isDue, grace };
    exchange.onGone = () => this.#heldIsGone(exchange);
    this.#arm();
  }

  #heldIsGone(exchange: HttpExchange): void {
    if (this.#held?.exchange !== exchange) return;
    this.#held = undefined;
    this.#detached();
  }

  #answerHeld(): void {
    const { exchange, grace } = this.#held!;
    this.#held = undefined;
    exchange.onGone = undefined;
    this.#answer(exchange);
    this.#detached(grace);
  }

  /** Answers with all that may be sent. */
  #answer(exchange: HttpExchange): void {
    const before = this.#outgoing.waiting;
    let body = this.#headerLine({});
    for (let item = this.#outgoing.next(); item !== undefined; item = this.#outgoing.next()) {
      body += toLine(item, this.#keeper.base64);
    }
    exchange.answer(200, body);
    this.#lastAnswer = exchange;
    if (this.#outgoing.waiting < before && !this.#isFlushing) this.#owner!.onSent();
  }

  #headerLine(more: Partial<ServerHeader>): string {
    return toLine(this.#header(more) as unknown as AnyRecord, this.#keeper.base64);
  }

  #header(more: Partial<ServerHeader>): ServerHeader {
    const { window, maxMessage } = this.#keeper.settings;
    this.#incoming.owed = 0;
    const header = {
      gen: this.generation,
      ack: this.#incoming.acknowledgeable,
      seq: this.#outgoing.sent + 1,
      ...more,
    };
    const token = this.greeting === undefined ? this.#keeper.renewedToken(this) : undefined;
    if (token !== undefined) Object.assign(header, { token });
    if (!this.#mustGreet) return header;
    this.#mustGreet = false;
    return { ...header, ...this.greeting, window, maxMessage, heartbeat: this.#heartbeat };
  }

  #flushTo(push: PushCarrier): void {
    while (push.isWritable) {
      const item = this.#outgoing.next();
      if (item === undefined) break;
      const { sent } = this.#outgoing;
      // What was acknowledged before it could be sent again is left out.
      if (sent !== this.#pushNext) push.put({ seq: sent });
      this.#pushNext = sent + 1;
      push.put(item);
      this.#hasSpoken = true;
    }
    push.flush();
  }

  #acknowledgeIfDue(): void {
    if (this.#incoming.owed === 0) return;
    if (this.#push === undefined) {
      if (this.#held !== undefined && this.#incoming.isDue) this.#answerHeld();
    } else if (this.#incoming.isDue) {
      this.#sayAcknowledgement(this.#push);
    } else if (this.#acknowledgeAt === Infinity) {
      this.#acknowledgeAt = this.#keeper.clock.now() + ACKNOWLEDGE_WITHIN;
      this.#arm();
    }
  }

  #sayAcknowledgement(push: PushCarrier): void {
    push.put(this.#incoming.acknowledgeable);
    push.flush();
    this.#incoming.owed = 0;
    this.#acknowledgeAt = Infinity;
    this.#hasSpoken = true;
  }

  /** Ends what both sides have closed, or the client has acknowledged to be closed. */
  #concludeClose(): void {
    if (this.#end !== undefined || this.#journal?.isSaved === false) return;
    const peer = this.#peerClosing;
    if (peer !== undefined) {
      this.flush();
      const initiator = this.#closeAt === Infinity ? 'remote' : 'local';
      this.#finish({ code: peer.code, reason: peer.reason, wasClean: true, initiator }, 'closed');
    } else if (this.#closing !== undefined && this.#outgoing.length === 0) {
      const { code, reason } = this.#closing;
      this.#finish({ code, reason, wasClean: true, initiator: 'local' }, 'closed');
    }
  }

  #waitForClose(): void {
    const { clock, settings } = this.#keeper;
    this.#closeAt = clock.now() + settings.closeTimeout;
  }

  #giveUp(): void {
    const initiator = this.#closing === undefined ? 'network' : 'local';
    this.#finish({ code: 1006, reason: '', wasClean: false, initiator }, 'lost');
  }

  /** @param until in how long it begins to count, milliseconds. */
  #detached(until = 0): void {
    if (this.#push !== undefined || this.#held !== undefined) return;
    this.#detachedAt = this.#keeper.clock.now() + until;
    this.#acknowledgeAt = Infinity;
    this.#beatAt = Infinity;
    this.#arm();
  }

  /** When the alarm has to ring next. */
  #arm(): void {
    if (this.#end !== undefined) return;
    const { clock, settings } = this.#keeper;
    let at = this.#closeAt;
    if (this.#held !== undefined) at = Math.min(at, this.#held.until);
    else if (this.#push !== undefined) at = Math.min(at, this.#beatAt, this.#acknowledgeAt);
    else at = this.#detachedAt + settings.resumeTimeout;
    this.#alarm.set(Math.max(0, Math.ceil(at - clock.now())));
  }

  #onAlarm(): void {
    if (this.#end !== undefined) return;
    const now = this.#keeper.clock.now();
    const isAttached = this.#push !== undefined || this.#held !== undefined;
    const end = isAttached ? this.#closeAt : this.#detachedAt + this.#keeper.settings.resumeTimeout;
    if (now >= end) {
      this.#giveUp();
      return;
    }
    if (this.#held !== undefined && now >= this.#held.until) this.#answerHeld();
    if (this.#push !== undefined && now >= this.#acknowledgeAt) this.#sayAcknowledgement(this.#push);
    if (this.#push !== undefined && now >= this.#beatAt) this.#beat(this.#push, now);
    this.#arm();
  }

  /** Looks, twice in a heartbeat, whether anything was said, and on a stream whether anything was heard. */
  #beat(push: PushCarrier, now: number): void {
    this.#beatAt = now + this.#heartbeat / BEATS;
    if (push.name !== 'websocket' && ++this.#silentBeats > 2 * BEATS) {
      this.#push = undefined;
      push.end('lost');
      this.#detached();
      return;
    }
    const token = this.#keeper.renewedToken(this);
    if (token !== undefined) push.put({ token });
    if (!this.#hasSpoken) this.#sayAcknowledgement(push);
    push.flush();
    this.#hasSpoken = false;
  }

  #finish(info: CloseInfo, parting: Parting): void {
    if (this.#end !== undefined) return;
    this.#letGo(parting, 'unknown-session', UNKNOWN);
    this.#over(info);
    // What its owner has done at the end is saved as well.
    this.#journal?.close(true);
    if (this.#journal?.isOver === false) this.#keeper.saveLast(this.#journal);
  }

  #over(info: CloseInfo): void {
    this.#end = info;
    this.#alarm.clear();
    this.#keeper.forget(this);
    this.#owner?.onEnd(info);
  }

  /** Lets go of what carries it; a request that is held is answered with an error. */
  #letGo(parting: Parting, error: keyof typeof ERRORS, message: string): void {
    const push = this.#push;
    const held = this.#held;
    this.#push = undefined;
    this.#held = undefined;
    push?.end(parting);
    if (held === undefined) return;
    held.exchange.onGone = undefined;
    held.exchange.answer(ERRORS[error], errorLine(error, message));
  }
}

/** What its owner is told of a session with which another server goes on. */
const MOVED_END: CloseInfo = {
  code: CloseCode.SERVICE_RESTART,
  reason: '',
  wasClean: false,
  initiator: 'network',
};
export const FENCED = 'Another carrier has this or a higher generation.';
const MOVED = 'Another server has this session now.';
export const UNKNOWN = 'There is no session with this token: open a new one.';

export const NO_WINDOW = 'The first header of a generation has no "window".';
const IMPOSSIBLE = 'It acknowledges what was never sent, or its messages are beyond the window.';

/** Why a carrier cannot be, or go on being, that of a session; `undefined` if it can. */
export function errorOf(
  session: ServerSession,
  header: ClientHeader,
  items: readonly Numbered[],
): readonly [error: keyof typeof ERRORS, message: string] | undefined {
  if (header.gen < session.generation) return ['fenced', FENCED];
  if (header.gen > session.generation && header.window === undefined) {
    // Its carrier was attached to another server.
    return session.isSaved ? ['fenced', FENCED] : ['malformed', NO_WINDOW];
  }
  if (session.isPossible(header, items)) return undefined;
  if (!session.isSaved) return ['malformed', IMPOSSIBLE];
  // Another server may have it, and its client may know more: that is found out.
  session.note();
  return ['unavailable', MOVED];
}

/** The body that tells of an error (section 7). */
export function errorLine(error: keyof typeof ERRORS, message: string): string {
  return `${JSON.stringify({ error, message })}\n`;
}
