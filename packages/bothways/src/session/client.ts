import { backoff, type BackoffOptions } from './backoff.js';
import { CarrierChoice } from './carrier-choice.js';
import type { CarrierHost, ClientCarrier, Loss } from './carriers/carrier.js';
import { ExchangeCarrier } from './carriers/exchange.js';
import { StreamCarrier } from './carriers/stream.js';
import { SocketCarrier } from './carriers/websocket.js';
import type { ClientPlatform } from './client-platform.js';
import { SMALLEST_WINDOW, type ClientHeader, type ServerHeader } from './headers.js';
import { Incoming, type Receiver } from './incoming.js';
import { Outgoing } from './outgoing.js';
import type { Alarm } from '../protocol/clock.js';
import { Closing, isCount, isLarger, type Content, type Control, type Numbered } from './records.js';
import type { CarrierName } from '../protocol/contract.js';

/** Where a session of a client is. */
export type SessionState = 'connecting' | 'open' | 'reconnecting' | 'offline' | 'closing' | 'closed';

/** How a session of a client ended. */
export interface SessionEnd {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
  readonly initiator: 'local' | 'remote' | 'network';
  /** Why it was given up, if it was. */
  readonly loss?: Loss;
}

/** Whom the client tells what happens. */
export interface ClientOwner {
  /** Whether it takes messages now; when it does again it calls `resume`. */
  isWilling(): boolean;
  onOpen(): void;
  /**
   * It carries again after a loss.
   *
   * @param lost if it has not resumed: the messages of which nobody knows whether they arrived.
   */
  onResume(resumed: boolean, lost: readonly Content[]): void;
  /** Nothing carries it, and it is tried again in so many milliseconds. */
  onRetry(reason: string, delay: number): void;
  onMessage(content: Content): void;
  /** Less waits to be sent than before. */
  onSent(): void;
  onState(): void;
  onCarrier(): void;
  onEnd(end: SessionEnd): void;
}

export interface ClientSettings {
  readonly carriers: readonly CarrierName[];
  /** Whether the carrier that worked before is tried first. */
  readonly remembers: boolean;
  readonly protocols: readonly string[];
  readonly backoff: BackoffOptions;
  /** After how long without an answer the next carrier is tried beside, milliseconds. */
  readonly fallbackDelay: number;
  /** How long a carrier may take to be connected and attached, milliseconds. */
  readonly connectTimeout: number;
  readonly closeTimeout: number;
  readonly pollInterval: number;
  readonly window: number;
  /** Whether a session that is gone is begun anew. */
  readonly renew: boolean;
}

/** How long a better carrier may take to answer once it has taken over, milliseconds. */
const UPGRADE_TIMEOUT = 2_000;
/** A carrier that lived this long is a reason to begin with short waits again, milliseconds. */
const STABLE = 1_000;
const SHORTEST_HEARTBEAT = 1_000;

/**
 * The client's end of a session: finds a carrier, keeps it alive, replaces it when it is lost or when a better one can
 * be had, and gives up on what cannot heal (PROTOCOL.md sections 4 and 6.4).
 */
export class ClientSession implements CarrierHost, Receiver {
  readonly platform: ClientPlatform;
  readonly pollInterval: number;
  outgoing: Outgoing;
  incoming: Incoming;
  token: string | undefined;
  heartbeat = 20_000;
  /** The subprotocol that was agreed on. */
  protocol = '';
  sessionId = '';
  state: SessionState = 'connecting';
  /** The largest message that the server takes, once it is known. */
  maxMessage = Infinity;
  readonly #owner: ClientOwner;
  readonly #settings: ClientSettings;
  readonly #choice: CarrierChoice;
  #openingKey: string;
  #generation = 0;
  /** What carries. */
  #current: ClientCarrier | undefined;
  /** What has the newest generation: it alone sends. */
  #newest: ClientCarrier | undefined;
  /** Those that connect or attach. */
  readonly #attempts = new Set<ClientCarrier>();
  /** Those that are tried in this round and not begun yet. */
  #upcoming: CarrierName[] = [];
  #isInRound = false;
  readonly #losses = new Map<CarrierName, Loss>();
  /** Whether it was ever attached; in this epoch. */
  #hasOpened = false;
  #hasAttached = false;
  #wasLost = false;
  #isNewEpoch = false;
  #uncertain: Content[] = [];
  #failures = 0;
  /** How long the network was silent when it cut the carrier last; how often we want to hear because of that. */
  #lastSilence = 0;
  #wantedHeartbeat: number | undefined;
  readonly #fallback: Alarm;
  readonly #attachTimeout: Alarm;
  readonly #retry: Alarm;
  readonly #upgrade: Alarm;
  readonly #closeTimeout: Alarm;
  readonly #stopWatching: () => void;
  #closing: Closing | undefined;
  /** The server does not know the session any more, and needs not: it has said all, and closed. */
  #isSevered = false;

  constructor(platform: ClientPlatform, settings: ClientSettings, owner: ClientOwner) {
    this.platform = platform;
    this.#settings = settings;
    this.#owner = owner;
    this.pollInterval = settings.pollInterval;
    this.outgoing = new Outgoing(SMALLEST_WINDOW);
    this.incoming = new Incoming(settings.window, this);
    this.#openingKey = platform.randomKey();
    this.#choice = new CarrierChoice(settings.carriers, settings.remembers ? platform.recall() : undefined);
    const { clock } = platform;
    this.#fallback = clock.alarm(() => this.#startNext());
    this.#attachTimeout = clock.alarm(() => this.#giveUpAttempts());
    this.#retry = clock.alarm(() => this.#startRound());
    this.#upgrade = clock.alarm(() => this.#tryUpgrade());
    this.#closeTimeout = clock.alarm(() => this.#finish(UNCLEAN));
    this.#stopWatching = platform.watchNetwork({
      online: () => this.#onOnline(),
      offline: () => this.#onOffline(),
      wake: () => this.#onWake(),
    });
  }

  get carrier(): CarrierName | undefined {
    return this.#current?.name;
  }

  get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  /** Begins to connect. */
  start(): void {
    if (!this.platform.isOnline()) this.#onOffline();
    else this.#startRound();
  }

  send(content: Content): void {
    this.outgoing.push(content);
    this.#newest?.flush();
  }

  close(code: number, reason: string): void {
    if (this.#closing !== undefined || this.state === 'closed') return;
    this.#closing = new Closing(code, reason);
    this.outgoing.push(this.#closing);
    this.#setState('closing');
    if (this.#generation === 0 && this.outgoing.length === 1) {
      // Nobody knows of it yet.
      this.#finish({ code, reason, wasClean: false, initiator: 'local' });
      return;
    }
    this.#closeTimeout.set(this.#settings.closeTimeout);
    this.#newest?.flush();
    // What the server closed first only waits to be taken.
    if (this.#isSevered) this.incoming.handOnHeld();
  }

  /** Takes the carrier away, as a network does: for tests and demonstrations. */
  loseCarrier(): void {
    const carrier = this.#current;
    if (carrier === undefined) return;
    carrier.abandon();
    this.onLost(carrier, { kind: 'network', status: 0, reason: 'The carrier was taken away' });
  }

  /** Moves to another carrier; stays with the present one if it cannot be had. */
  switchTo(name: CarrierName): void {
    if (this.state === 'closed' || this.#isInRound || this.#isSevered) return;
    this.#upgrade.clear();
    this.#begin(name);
  }

  /** The owner takes messages again. */
  resume(): void {
    this.incoming.handOnHeld();
    this.#newest?.flush();
  }

  // What incoming messages are told to (Receiver).

  get isWilling(): boolean {
    return this.#owner.isWilling() || this.#closing !== undefined;
  }

  take(item: Numbered): void {
    if (item instanceof Closing) this.#onPeerClosing(item);
    else if (this.#closing === undefined) this.#owner.onMessage(item);
  }

  // What the carriers ask and tell (CarrierHost).

  isNewest(carrier: ClientCarrier): boolean {
    return carrier === this.#newest;
  }

  onReady(carrier: ClientCarrier): void {
    if (!this.#attempts.has(carrier)) return;
    // It gets as long again until the server has answered.
    if (this.#isInRound && this.#upcoming.length > 0) this.#fallback.set(this.#settings.fallbackDelay);
    if (this.#current !== undefined) this.#attachTimeout.set(UPGRADE_TIMEOUT);
    carrier.attach();
  }

  attach(carrier: ClientCarrier): ClientHeader {
    carrier.generation = ++this.#generation;
    carrier.sentBefore = this.outgoing.everSent;
    this.#newest = carrier;
    this.outgoing.rewind();
    this.incoming.owed = 0;
    const { protocols, window } = this.#settings;
    const opening = this.token === undefined ? { open: this.#openingKey, protocols } : {};
    return {
      gen: carrier.generation,
      ack: this.incoming.received,
      seq: this.outgoing.sent + 1,
      window,
      ...(this.#wantedHeartbeat !== undefined && { heartbeat: this.#wantedHeartbeat }),
      ...opening,
    };
  }

  learn(header: ServerHeader): void {
    if (header.token !== undefined) this.token = header.token;
    if (header.session !== undefined) this.sessionId = header.session;
    if (header.protocol !== undefined) this.protocol = header.protocol;
    // The server says how much it takes; how much is kept for it is for us to say.
    if (header.window !== undefined) {
      this.outgoing.window = Math.min(header.window, this.#settings.window);
      this.incoming.peerWindow = header.window;
    }
    if (header.maxMessage !== undefined) this.maxMessage = header.maxMessage;
    if (header.heartbeat !== undefined) this.heartbeat = header.heartbeat;
    this.onAcknowledgement(header.ack);
  }

  onHeader(carrier: ClientCarrier, header: ServerHeader): void {
    this.learn(header);
    // One that has been overtaken will be fenced.
    if (carrier.isOver || carrier.isAttached || carrier !== this.#newest) return;
    carrier.isAttached = true;
    carrier.attachedAt = this.platform.clock.now();
    this.#attached(carrier);
  }

  onItem(carrier: ClientCarrier, number: number, item: Numbered): void {
    if (!this.incoming.canTake(number, [item])) {
      this.#give(carrier, fatal('The server passed the window'));
      return;
    }
    const { maxMessage } = this.platform;
    if (!(item instanceof Closing) && isLarger(item, maxMessage)) {
      this.#give(
        carrier,
        fatal(`The server sent a message of more than maxMessageSize, ${maxMessage} bytes`),
      );
      return;
    }
    this.incoming.put(number, item);
  }

  onControl({ token }: Control): void {
    if (typeof token === 'string') this.token = token;
  }

  onAcknowledgement(number: number): void {
    if (!isCount(number) || !this.outgoing.canAcknowledge(number)) {
      this.#give(this.#current, fatal('The server acknowledged what was never sent'));
      return;
    }
    const before = this.outgoing.length;
    this.outgoing.acknowledge(number);
    if (this.outgoing.length === before) return;
    this.#newest?.flush();
    this.#owner.onSent();
  }

  onLost(carrier: ClientCarrier, loss: Loss): void {
    if (this.state === 'closed') return;
    this.#attempts.delete(carrier);
    const wasNewest = this.#newest === carrier;
    if (wasNewest) this.#newest = undefined;
    if (loss.kind === 'fatal') {
      this.#give(carrier, loss);
      return;
    }
    if (loss.kind === 'unknown' && wasNewest) {
      this.#onUnknown(carrier, loss);
      return;
    }
    if (carrier === this.#current) this.#onCurrentLost(carrier, loss);
    else this.#onAttemptLost(carrier, loss);
  }

  /** A round: one carrier after the other is tried, each beside those before it, until one is attached. */
  #startRound(): void {
    this.#retry.clear();
    this.#upgrade.clear();
    if (this.state === 'closed' || this.#isSevered) return;
    this.#isInRound = true;
    this.#losses.clear();
    this.#upcoming = this.#choice.order(this.platform.clock.now());
    this.#attachTimeout.clear();
    this.#startNext();
  }

  #startNext(): void {
    const name = this.#upcoming.shift();
    if (name === undefined) return;
    if (this.#upcoming.length > 0) this.#fallback.set(this.#settings.fallbackDelay);
    else this.#attachTimeout.set(this.#settings.connectTimeout);
    this.#begin(name);
  }

  #begin(name: CarrierName): void {
    const carrier = this.#create(name);
    this.#attempts.add(carrier);
    if (!this.#isInRound) this.#attachTimeout.set(this.#settings.connectTimeout);
    carrier.start();
  }

  #create(name: CarrierName): ClientCarrier {
    if (name === 'websocket') return new SocketCarrier(this);
    if (name === 'streaming' || name === 'eventsource') return new StreamCarrier(name, this);
    return new ExchangeCarrier(name, this);
  }

  #attached(carrier: ClientCarrier): void {
    const before = this.#current;
    this.#attempts.delete(carrier);
    this.#current = carrier;
    before?.abandon();
    const { name } = carrier;
    for (const attempt of this.#attempts) {
      // One that is better and still connects may take over.
      if (attempt.generation === 0 && this.#choice.isBetter(attempt.name, name)) continue;
      this.#attempts.delete(attempt);
      attempt.abandon();
    }
    this.#isInRound = false;
    this.#upcoming = [];
    this.#fallback.clear();
    if (this.#attempts.size > 0) this.#attachTimeout.set(this.#settings.connectTimeout);
    else this.#attachTimeout.clear();
    this.#choice.attached(name);
    if (this.#settings.remembers) this.platform.remember(name);
    this.#hasAttached = true;
    if (this.#closing === undefined) this.#setState('open');
    if (before?.name !== name) this.#owner.onCarrier();
    this.#announce();
    this.#scheduleUpgrade();
    carrier.flush();
  }

  #announce(): void {
    const isFirst = !this.#hasOpened;
    const lost = this.#uncertain;
    // A session may have been lost before its client knew of it, with what had been sent.
    const isAnew = this.#isNewEpoch && (!isFirst || lost.length > 0);
    const isCarriedAgain = this.#wasLost && !isFirst;
    this.#hasOpened = true;
    this.#wasLost = false;
    this.#isNewEpoch = false;
    this.#uncertain = [];
    if (isFirst) this.#owner.onOpen();
    if (isAnew || isCarriedAgain) this.#owner.onResume(!isAnew, lost);
  }

  #scheduleUpgrade(): void {
    const current = this.#current;
    if (current === undefined || this.#attempts.size > 0 || this.#closing !== undefined) return;
    const { platform } = this;
    const delay = this.#choice.upgradeDelay(current.name, platform.clock.now(), platform.random());
    if (delay !== undefined) this.#upgrade.set(delay);
  }

  #tryUpgrade(): void {
    const current = this.#current;
    if (current === undefined || this.#attempts.size > 0) return;
    const name = this.#choice.better(current.name, this.platform.clock.now());
    if (name !== undefined) this.#begin(name);
  }

  /** Those that have not come to anything. */
  #giveUpAttempts(): void {
    for (const attempt of this.#attempts) {
      attempt.abandon();
      this.onLost(attempt, {
        kind: 'network',
        status: 0,
        reason: `${attempt.name} was not connected in time`,
      });
    }
  }

  #onCurrentLost(carrier: ClientCarrier, loss: Loss): void {
    this.#current = undefined;
    // Another one is taking over: the server lets go of this one, if it is that.
    if (this.#attempts.size > 0 && this.#newest !== undefined) return;
    const now = this.platform.clock.now();
    const lifetime = now - carrier.attachedAt;
    this.#owner.onCarrier();
    if (loss.kind !== 'fenced') {
      this.#choice.lost(carrier.name, lifetime, now);
      this.#adaptTo(now - carrier.lastUsed);
    }
    if (lifetime >= STABLE) this.#failures = 0;
    this.#reconnect(loss);
  }

  #onAttemptLost(carrier: ClientCarrier, loss: Loss): void {
    if (this.#isInRound) {
      this.#losses.set(carrier.name, loss);
      if (this.#newest === undefined) this.#dropOvertaken();
      if (this.#upcoming.length > 0 && this.#newest === undefined) this.#startNext();
      else if (this.#attempts.size === 0 && this.#upcoming.length === 0) this.#onRoundFailed(loss);
      return;
    }
    const current = this.#current;
    if (current === undefined) {
      if (this.#attempts.size > 0) return;
      // It was to take over from one that is gone.
      this.#owner.onCarrier();
      this.#reconnect(loss);
      return;
    }
    this.#choice.upgradeFailed();
    if (carrier.generation === 0) {
      this.#scheduleUpgrade();
      return;
    }
    // It had taken over: what it has sent has to be sent again, by a carrier of a higher generation.
    this.#current = undefined;
    current.abandon();
    this.#begin(current.name);
  }

  /** Those that had attached before the one that has failed: the server may have let go of them, and may not. */
  #dropOvertaken(): void {
    for (const attempt of this.#attempts) {
      if (attempt.generation === 0) continue;
      this.#attempts.delete(attempt);
      attempt.abandon();
    }
  }

  #onRoundFailed(loss: Loss): void {
    this.#isInRound = false;
    const losses = [...this.#losses.values()];
    const refusal = losses.find((each) => each.kind === 'refused');
    // A browser does not say why a WebSocket could not be opened.
    const isHopeless = losses.every(
      (each) => each.kind === 'refused' || each === this.#losses.get('websocket'),
    );
    if (refusal !== undefined && isHopeless && !this.#hasAttached) this.#give(undefined, refusal);
    else this.#reconnect(loss);
  }

  /** Tries again, after a while. */
  #reconnect(loss: Loss): void {
    this.#wasLost = true;
    for (const attempt of this.#attempts) attempt.abandon();
    this.#attempts.clear();
    this.#isInRound = false;
    this.#fallback.clear();
    this.#attachTimeout.clear();
    this.#upgrade.clear();
    if (!this.platform.isOnline()) {
      this.#onOffline();
      return;
    }
    if (this.#closing === undefined) this.#setState(this.#hasOpened ? 'reconnecting' : 'connecting');
    const wait = backoff(this.#failures++, this.platform.random(), this.#settings.backoff);
    const asked = (loss.retryAfter ?? 0) * 1000;
    const delay = asked === 0 ? wait : asked + Math.floor((this.platform.random() * asked) / 2);
    this.#retry.set(delay);
    this.#owner.onRetry(loss.reason, delay);
  }

  /** The server does not know the session any more. */
  #onUnknown(carrier: ClientCarrier, loss: Loss): void {
    if (this.#closing !== undefined) {
      const { code, reason } = this.#closing;
      this.#finish({ code, reason, wasClean: true, initiator: 'local' });
      return;
    }
    if (this.incoming.hasEnd) {
      this.#sever();
      return;
    }
    if (!this.#settings.renew) {
      this.#give(carrier, loss);
      return;
    }
    // Of what this carrier sent nothing was taken, but what was sent before it may have been.
    this.#beginAnew(carrier.isAttached ? this.outgoing.everSent : carrier.sentBefore, loss);
  }

  /** The server has ended the session, and all that it said is here: the application has yet to take it. */
  #sever(): void {
    this.#isSevered = true;
    this.#stopSearching();
    this.#letGoOfAll();
    this.#setState('closing');
  }

  #stopSearching(): void {
    for (const alarm of [this.#fallback, this.#attachTimeout, this.#retry, this.#upgrade]) alarm.clear();
  }

  #letGoOfAll(): void {
    for (const attempt of this.#attempts) attempt.abandon();
    this.#attempts.clear();
    this.#newest?.abandon();
    this.#newest = undefined;
    const current = this.#current;
    this.#current = undefined;
    current?.abandon();
    if (current !== undefined && this.state !== 'closed') this.#owner.onCarrier();
  }

  /** @param sent the last message that may have arrived in the session that is gone. */
  #beginAnew(sent: number, loss: Loss): void {
    this.#letGoOfAll();
    const { before, after } = this.outgoing.splitAt(sent);
    this.#uncertain.push(...(before as Content[]));
    const { window } = this.#settings;
    this.outgoing = new Outgoing(SMALLEST_WINDOW);
    for (const item of after) this.outgoing.push(item);
    this.incoming = new Incoming(window, this);
    this.#openingKey = this.platform.randomKey();
    this.token = undefined;
    this.#generation = 0;
    this.#isNewEpoch = true;
    this.#reconnect(loss);
  }

  #onPeerClosing({ code, reason }: Closing): void {
    const initiator = this.#closing === undefined ? 'remote' : 'local';
    if (this.#closing === undefined) {
      const attaching = [...this.#attempts].find(({ generation }) => generation > 0);
      (this.#newest ?? this.#current ?? attaching)?.farewell();
      if (this.#settings.renew && GOES_AWAY.has(code)) {
        const said = `The server has closed with ${code} ${reason}`.trimEnd();
        this.#beginAnew(this.outgoing.everSent, { kind: 'network', status: 0, reason: said });
        return;
      }
    }
    this.#finish({ code, reason, wasClean: true, initiator });
  }

  /**
   * The network cut a carrier on which nothing went by for this long. When that happens twice in the same way,
   * something cuts what is silent: we want to hear from the server more often.
   */
  #adaptTo(silence: number): void {
    const last = this.#lastSilence;
    this.#lastSilence = silence;
    if (silence < SHORTEST_HEARTBEAT || silence >= this.heartbeat || Math.abs(silence - last) > 0.2 * last)
      return;
    this.#wantedHeartbeat = Math.max(SHORTEST_HEARTBEAT, Math.floor(Math.min(silence, last) * 0.6));
  }

  #onOffline(): void {
    if (this.state === 'closed' || this.state === 'closing') return;
    this.#retry.clear();
    // A carrier that is there may live: it is looked at when the network is back.
    this.#setState('offline');
  }

  #onOnline(): void {
    if (this.state === 'closed') return;
    this.#failures = 0;
    this.#renew();
  }

  #onWake(): void {
    if (this.state === 'closed') return;
    const current = this.#current;
    const isDoubtful =
      current === undefined || this.platform.clock.now() - current.lastHeard > 2 * this.heartbeat;
    if (!isDoubtful) return;
    this.#failures = 0;
    this.#renew();
  }

  /** Connects anew, at once. */
  #renew(): void {
    if (this.#isSevered) return;
    const current = this.#current;
    if (current !== undefined) {
      current.abandon();
      this.#current = undefined;
      this.#newest = undefined;
      this.#wasLost = true;
      this.#owner.onCarrier();
    }
    if (this.#closing === undefined) this.#setState(this.#hasOpened ? 'reconnecting' : 'connecting');
    for (const attempt of this.#attempts) attempt.abandon();
    this.#attempts.clear();
    this.#startRound();
  }

  /** It cannot heal. */
  #give(carrier: ClientCarrier | undefined, loss: Loss): void {
    carrier?.abandon();
    this.#finish({ ...UNCLEAN, initiator: 'remote', loss });
  }

  #setState(state: SessionState): void {
    if (this.state === state || this.state === 'closed') return;
    this.state = state;
    this.#owner.onState();
  }

  #finish(end: SessionEnd): void {
    if (this.state === 'closed') return;
    this.#stopSearching();
    this.#closeTimeout.clear();
    this.#stopWatching();
    const hadCarrier = this.#current !== undefined;
    this.#setState('closed');
    this.#letGoOfAll();
    if (hadCarrier) this.#owner.onCarrier();
    this.#owner.onEnd(end);
  }
}

/** With these a server tells that it goes away or is restarted, and not that it has had enough (RFC 6455, IANA). */
const GOES_AWAY: ReadonlySet<number> = new Set([1001, 1012]);

function fatal(reason: string): Loss {
  return { kind: 'fatal', status: 0, reason };
}

const UNCLEAN: SessionEnd = { code: 1006, reason: '', wasClean: false, initiator: 'local' };
