import type { Abortable, RequestEvents } from '../client-platform.js';
import { readServerHeader, type ClientHeader, type ServerHeader } from '../headers.js';
import type { Alarm } from '../../protocol/clock.js';
import {
  OPENING_BODY,
  byteLengthOf,
  isCount,
  isNumbered,
  parseLine,
  toLine,
  type AnyRecord,
  type Control,
} from '../records.js';
import { ClientCarrier, lossOf, networkLoss, type Loss } from './carrier.js';
import { Lines } from './lines.js';

/** How large a request may be, bytes, unless it has a single message. */
const BODY = 262_144;

/** How far a response has been read. */
export interface Reader {
  /** The number of the next message; 0 before the header. */
  next: number;
  take(record: AnyRecord): void;
}

/** One request, and its response as it comes. */
interface Exchange {
  readonly request: Abortable;
  readonly alarm: Alarm;
}

/** What carriers over HTTP share: requests, and what their responses say (PROTOCOL.md section 6). */
export abstract class HttpCarrier extends ClientCarrier {
  readonly #underWay = new Set<Exchange>();
  #isFlushing = false;

  get underWay(): number {
    return this.#underWay.size;
  }

  start(): void {
    this.host.onReady(this);
  }

  /** What is sent in one tick goes into one request. */
  flush(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.host.platform.clock.soon(() => {
      this.#isFlushing = false;
      if (!this.isOver) this.work();
    });
  }

  farewell(): void {
    // The request that was to attach it may not come to anything.
    this.#send(this.isAttached ? this.header() : this.host.attach(this), IGNORE);
  }

  /** Does what there is to do: sends, asks, waits. */
  protected abstract work(): void;

  protected release(): void {
    for (const { request, alarm } of this.#underWay) {
      alarm.clear();
      request.abort();
    }
    this.#underWay.clear();
  }

  /**
   * Sends a request with all that waits.
   *
   * @param timeout how long it may take until something of the response is there, milliseconds.
   * @param onEnd is called when the response is whole.
   */
  protected post(header: ClientHeader, timeout: number, reader: Reader, onEnd: () => void): void {
    let failure: Loss | undefined;
    const lines = new Lines((line) => {
      if (this.isOver) return;
      const record = parseLine(line, this.host.platform.base64);
      if (failure !== undefined) failure = explained(failure, record);
      else if (record !== undefined) reader.take(record);
      else this.lose(lossOf(400, true, 'The server sent what is no record'));
    });
    const alarm = this.host.platform.clock.alarm(() =>
      this.lose(networkLoss('The server did not answer in time')),
    );
    const request = this.#send(header, {
      head: (status, isOurs, retryAfter) => {
        if (status === 200 && isOurs) return;
        const who = isOurs ? 'The server' : 'What is there, and is no server of sessions,';
        failure = lossOf(status, isOurs, `${who} answered with status ${status}`, retryAfter);
        if (!isOurs) this.lose(failure);
      },
      text: (text) => {
        alarm.clear();
        if (!lines.add(text)) this.lose(lossOf(400, true, 'The server sent a line without an end'));
      },
      end: () => {
        alarm.clear();
        this.#underWay.delete(exchange);
        if (this.isOver) return;
        if (failure !== undefined) this.lose(failure);
        else if (lines.isWhole && reader.next > 0) onEnd();
        else this.lose(networkLoss('The response was cut'));
      },
      fail: (reason) => this.lose(networkLoss(reason)),
    });
    const exchange: Exchange = { request, alarm };
    this.#underWay.add(exchange);
    alarm.set(timeout);
    this.used();
  }

  /** What the records of a response are for: the first is a header, and the others are numbered from it on. */
  protected reader(onHeader: (header: ServerHeader) => void): Reader {
    const reader: Reader = {
      next: 0,
      take: (record) => {
        this.heard();
        if (reader.next === 0) this.#begin(reader, record, onHeader);
        else if (isNumbered(record)) this.host.onItem(this, reader.next++, record);
        else if (typeof record === 'number') this.onAcknowledgement(record);
        else if (isCount(record['seq'])) reader.next = record['seq'];
        else this.host.onControl(record);
      },
    };
    return reader;
  }

  #begin(reader: Reader, record: AnyRecord, onHeader: (header: ServerHeader) => void): void {
    const header = readServerHeader(record);
    if (header === undefined || header.gen !== this.generation) {
      this.lose(lossOf(400, true, 'The response does not begin with a header of this generation'));
      return;
    }
    reader.next = header.seq;
    onHeader(header);
  }

  protected onAcknowledgement(number: number): void {
    this.host.onAcknowledgement(number);
  }

  #send(header: ClientHeader, events: RequestEvents): Abortable {
    const { platform, token, outgoing } = this.host;
    let body = toLine(header as unknown as Control, platform.base64);
    let size = byteLengthOf(body);
    // Without a token no request may be larger; with one, a message that is larger goes alone.
    const isOpening = token === undefined;
    let isAlone = !isOpening;
    for (let item = outgoing.upcoming; item !== undefined; item = outgoing.upcoming) {
      const line = toLine(item, platform.base64);
      const length = byteLengthOf(line);
      if (size + length > (isOpening ? OPENING_BODY : BODY) && !isAlone) break;
      outgoing.next();
      body += line;
      size += length;
      isAlone = false;
    }
    return platform.request({ token, body }, events);
  }
}

const IGNORE: RequestEvents = { head: () => {}, text: () => {}, end: () => {}, fail: () => {} };

/** A failure with the server's own words, if this is where they are (section 7). */
function explained(failure: Loss, record: AnyRecord | undefined): Loss {
  const message = typeof record === 'object' && !isNumbered(record) ? record['message'] : undefined;
  return typeof message === 'string' ? { ...failure, reason: message } : failure;
}
