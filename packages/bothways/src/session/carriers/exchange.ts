import type { CarrierName } from '../../protocol/contract.js';
import type { Alarm } from '../../protocol/clock.js';
import type { CarrierHost } from './carrier.js';
import { HttpCarrier } from './http.js';

type ExchangeName = Extract<CarrierName, 'long-polling' | 'polling' | 'postback'>;

/** How many requests may be under way: one that the server holds, and one that brings it something. */
const AT_ONCE = 2;

/**
 * A series of requests, each of which takes what waits at the client and brings what waits at the server (PROTOCOL.md
 * section 6.2). With long polling the server has one to hold at any time; with polling the client asks in intervals;
 * with postback it asks when it has something to say.
 */
export class ExchangeCarrier extends HttpCarrier {
  readonly name: ExchangeName;
  readonly #pace: Alarm;

  constructor(name: ExchangeName, host: CarrierHost) {
    super(host);
    this.name = name;
    this.#pace = host.platform.clock.alarm(() => this.#send(0));
  }

  attach(): void {
    const { heartbeat } = this.host;
    this.#post(this.host.attach(this), 0, heartbeat);
  }

  protected work(): void {
    if (!this.isAttached || this.isOvertaken) return;
    const hasSomething = this.host.outgoing.hasNext || this.host.incoming.isDue;
    const isIdle = this.underWay === 0;
    const wait = this.name === 'long-polling' ? this.host.heartbeat : 0;
    if (hasSomething ? this.underWay < AT_ONCE : isIdle && wait > 0) this.#send(wait);
  }

  protected override release(): void {
    this.#pace.clear();
    super.release();
  }

  /** Postback asks by itself only so often that the session lives on, and for the end of it. */
  get #interval(): number {
    const { pollInterval, heartbeat, isClosing } = this.host;
    return this.name === 'postback' && !isClosing ? heartbeat : Math.min(pollInterval, heartbeat);
  }

  #send(wait: number): void {
    if (this.isOvertaken) return;
    const header = this.header();
    this.#post(wait > 0 ? { ...header, wait } : header, wait, this.host.heartbeat);
  }

  #post(header: Parameters<HttpCarrier['post']>[0], wait: number, grace: number): void {
    this.#pace.clear();
    const reader = this.reader((answer) => this.host.onHeader(this, answer));
    const asked = this.underWay === 0 ? header : { ...header, pending: true };
    this.post(asked, wait + grace, reader, () => {
      this.work();
      if (this.name !== 'long-polling' && this.underWay === 0) this.#pace.set(this.#interval);
    });
  }
}
