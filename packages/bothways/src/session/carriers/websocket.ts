import type { ClientSocket } from '../client-platform.js';
import { readServerHeader } from '../headers.js';
import type { Alarm } from '../../protocol/clock.js';
import {
  CLOSE_CODE_BASE,
  isCount,
  isNumbered,
  parseSocketMessage,
  toSocketMessage,
  type AnyRecord,
  type Content,
  type Numbered,
} from '../records.js';
import { ClientCarrier, lossOf, networkLoss, type CarrierHost } from './carrier.js';

/** How long a message may wait for its acknowledgement where nothing else goes by, milliseconds. */
const ACKNOWLEDGE_WITHIN = 1_000;

/** One WebSocket (PROTOCOL.md section 6.1). */
export class SocketCarrier extends ClientCarrier {
  readonly name = 'websocket';
  #socket: ClientSocket | undefined;
  #next = 0;
  readonly #silence: Alarm;
  readonly #acknowledge: Alarm;
  #isAcknowledging = false;

  constructor(host: CarrierHost) {
    super(host);
    const { clock } = host.platform;
    this.#silence = clock.alarm(() => this.#onSilence());
    this.#acknowledge = clock.alarm(() => this.#sayAcknowledgement());
  }

  start(): void {
    this.#socket = this.host.platform.openSocket({
      open: () => this.host.onReady(this),
      message: (content) => this.#receive(content),
      close: (code, reason, status, retryAfter) => this.#onClose(code, reason, status, retryAfter),
    });
  }

  attach(): void {
    const header = this.host.attach(this);
    const { token } = this.host;
    this.#put({ ...header, ...(token !== undefined && { token }) });
    this.used();
    this.flush();
  }

  flush(): void {
    if (this.isOvertaken) return;
    const { outgoing } = this.host;
    for (let item = outgoing.next(); item !== undefined; item = outgoing.next()) {
      this.#put(item);
      this.used();
    }
    this.#acknowledgeIfDue();
  }

  farewell(): void {
    this.#sayAcknowledgement();
  }

  protected release(): void {
    this.#silence.clear();
    this.#acknowledge.clear();
    this.#socket?.close(1000, '');
    this.#socket = undefined;
  }

  #put(record: AnyRecord): void {
    this.#socket?.send(toSocketMessage(record));
  }

  #receive(content: Content): void {
    if (this.isOver) return;
    const record = parseSocketMessage(content);
    if (record === undefined) {
      this.lose(lossOf(400, true, 'The server sent what is no record'));
      return;
    }
    this.heard();
    if (this.#next === 0) this.#begin(record);
    else if (isNumbered(record)) this.#takeItem(this.#next++, record);
    else if (typeof record === 'number') this.host.onAcknowledgement(record);
    else if (isCount(record['seq'])) this.#next = record['seq'];
    else this.host.onControl(record);
  }

  #takeItem(number: number, item: Numbered): void {
    this.host.onItem(this, number, item);
    if (!this.isOver) this.#acknowledgeIfDue();
  }

  #acknowledgeIfDue(): void {
    const { incoming } = this.host;
    if (incoming.isDue) this.#sayAcknowledgement();
    else if (incoming.owed > 0 && !this.#isAcknowledging) {
      this.#isAcknowledging = true;
      this.#acknowledge.set(ACKNOWLEDGE_WITHIN);
    }
  }

  #begin(record: AnyRecord): void {
    const header = readServerHeader(record);
    if (header === undefined || header.gen !== this.generation) {
      this.lose(lossOf(400, true, 'The first message of the server is no header'));
      return;
    }
    this.#next = header.seq;
    this.host.onHeader(this, header);
    if (!this.isOver) this.#silence.set(2 * this.host.heartbeat);
  }

  #sayAcknowledgement(): void {
    this.#isAcknowledging = false;
    const { incoming } = this.host;
    this.#put(incoming.received);
    incoming.owed = 0;
  }

  #onSilence(): void {
    const elapsed = this.host.platform.clock.now() - this.lastHeard;
    const limit = 2 * this.host.heartbeat;
    if (elapsed < limit) this.#silence.set(Math.ceil(limit - elapsed));
    else this.lose(networkLoss(`Nothing was heard of the server for ${limit} ms`));
  }

  #onClose(code: number, reason: string, status: number, retryAfter: number | undefined): void {
    this.#socket = undefined;
    if (code === 1009) this.lose(lossOf(413, true, 'A message is larger than one of both ends takes'));
    else if (code > CLOSE_CODE_BASE && code < CLOSE_CODE_BASE + 600) {
      this.lose(lossOf(code - CLOSE_CODE_BASE, true, reason));
    } else if (status !== 0) {
      this.lose(lossOf(status, false, `The WebSocket was refused with status ${status}`, retryAfter));
    } else {
      const why = reason === '' ? '' : `: ${reason}`;
      this.lose(networkLoss(`The WebSocket closed with ${code}${why}`));
    }
  }
}
