import type { Abortable } from '../client-platform.js';
import type { ServerHeader } from '../headers.js';
import type { Alarm } from '../../protocol/clock.js';
import { parseLine } from '../records.js';
import { lossOf, networkLoss, type CarrierHost } from './carrier.js';
import { HttpCarrier, type Reader } from './http.js';

/** How long a message may wait for its acknowledgement where nothing else goes by, milliseconds. */
const ACKNOWLEDGE_WITHIN = 3_000;

/**
 * One response that goes on brings what the server says, as lines or as the events of an `EventSource`; requests take
 * what the client says, one at a time (PROTOCOL.md section 6.3).
 */
export class StreamCarrier extends HttpCarrier {
  readonly name: 'streaming' | 'eventsource';
  #events: Abortable | undefined;
  #isUnderWay = false;
  /** Something has to be said, if only that we are there. */
  #mustAnswer = false;
  readonly #silence: Alarm;
  readonly #acknowledge: Alarm;
  #isAcknowledging = false;

  constructor(name: 'streaming' | 'eventsource', host: CarrierHost) {
    super(host);
    this.name = name;
    const { clock } = host.platform;
    this.#silence = clock.alarm(() => this.#onSilence());
    this.#acknowledge = clock.alarm(() => this.#answer());
  }

  attach(): void {
    const header = this.host.attach(this);
    const { heartbeat } = this.host;
    const ended = (): void => this.lose(networkLoss('The stream has ended'));
    if (this.name === 'streaming') {
      this.post({ ...header, stream: 'lines' }, heartbeat, this.#downstream(), ended);
      return;
    }
    let ticket: string | undefined;
    // What its answer acknowledges counts, but it does not carry yet.
    const reader = this.reader((answer) => {
      this.host.learn(answer);
      ticket = answer.ticket;
      if (ticket === undefined) this.lose(lossOf(400, true, 'The server gave no ticket'));
    });
    this.post({ ...header, stream: 'events' }, heartbeat, reader, () => this.#openEvents(ticket!, ended));
  }

  protected work(): void {
    if (!this.isAttached || this.isOvertaken || this.#isUnderWay) return;
    this.#acknowledgeIfDue();
    const { outgoing, incoming } = this.host;
    if (!outgoing.hasNext && !incoming.isDue && !this.#mustAnswer) return;
    this.#isUnderWay = true;
    this.#mustAnswer = false;
    const reader = this.reader((answer) => this.host.learn(answer));
    this.post(this.header(), this.host.heartbeat, reader, () => {
      this.#isUnderWay = false;
      this.work();
    });
  }

  protected override release(): void {
    this.#silence.clear();
    this.#acknowledge.clear();
    this.#events?.abort();
    super.release();
  }

  protected override onAcknowledgement(number: number): void {
    // It may be a heartbeat, which is to be answered.
    this.#answer();
    super.onAcknowledgement(number);
  }

  #openEvents(ticket: string, onEnd: () => void): void {
    const reader = this.#downstream();
    this.#events = this.host.platform.openEvents(
      ticket,
      (data) => {
        const record = parseLine(data, this.host.platform.base64);
        if (record === undefined) this.lose(lossOf(400, true, 'The server sent what is no record'));
        else if (!this.isOver) reader.take(record);
      },
      onEnd,
    );
    this.#silence.set(2 * this.host.heartbeat);
  }

  /** Takes what comes on the stream. */
  #downstream(): Reader {
    const reader = this.reader((header: ServerHeader) => {
      this.host.onHeader(this, header);
      if (!this.isOver) this.#silence.set(2 * this.host.heartbeat);
    });
    const take = reader.take.bind(reader);
    reader.take = (record) => {
      take(record);
      if (!this.isOver) this.#acknowledgeIfDue();
    };
    return reader;
  }

  #acknowledgeIfDue(): void {
    const { incoming } = this.host;
    if (incoming.isDue) this.#answer();
    else if (incoming.owed > 0 && !this.#isAcknowledging) {
      this.#isAcknowledging = true;
      this.#acknowledge.set(ACKNOWLEDGE_WITHIN);
    }
  }

  #answer(): void {
    this.#isAcknowledging = false;
    this.#mustAnswer = true;
    this.flush();
  }

  #onSilence(): void {
    const elapsed = this.host.platform.clock.now() - this.lastHeard;
    const limit = 2 * this.host.heartbeat;
    if (elapsed < limit) this.#silence.set(Math.ceil(limit - elapsed));
    else this.lose(networkLoss(`Nothing was heard of the server for ${limit} ms`));
  }
}
