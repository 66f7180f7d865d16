import type { Position } from '../protocol/contract.js';
import { BrokerError } from '../protocol/errors.js';
import type { BrokerChanges, BrokerHistory } from '../pubsub/broker-history.js';
import type { RecordPublish } from '../pubsub/broker-records.js';
import type { HistoryLimits, HistoryPage, PageMessage, Since } from '../pubsub/history.js';
import { seal, unseal } from './envelope.js';
import { TIMEOUT, askJetStream } from './nats-asking.js';
import type { NatsConnection } from './nats-connection.js';
import {
  isStreamMissing,
  type NatsJetStream,
  type NatsJetStreamManager,
  type NatsStoredMessage,
  type NatsStreamInfo,
} from './nats-jetstream.js';
import type { NatsPublisher } from './nats-publisher.js';
import { subjectOf, topicOf } from './nats-subjects.js';
import type { Unconfirmed } from './outbox.js';

/** For how long a message that is sent again is known, and so how long all are kept at least, milliseconds. */
const DUPLICATE_WINDOW = 600_000;
/** How many messages may have come for it to be told which topics have changed. */
const MAX_CHANGES = 10_000;
const NANOSECONDS = 1_000_000;
/** What the headers take that say which message it is, bytes, and more than that. */
const HEADERS = 256;

/**
 * What is published is kept in one stream of JetStream: what comes to `PREFIX%kept.TOPIC` it stores, and publishes again
 * as `PREFIX.TOPIC`, with the number that the message has in the stream. That is its offset; the epoch is the stream.
 */
export class NatsHistory implements BrokerHistory {
  readonly #connection: NatsConnection;
  readonly #jetstream: NatsJetStream;
  readonly #publisher: NatsPublisher;
  /** Below which subject all is that is kept. */
  readonly #kept: string;
  readonly #stream: string;
  readonly #target: string;
  #limits: HistoryLimits = { messages: 1, age: 1 };
  #manager: NatsJetStreamManager | undefined;
  /** When the stream was created: another one is another epoch. */
  epoch = '';

  constructor(
    connection: NatsConnection,
    jetstream: NatsJetStream,
    prefix: string,
    publisher: NatsPublisher,
  ) {
    this.#connection = connection;
    this.#jetstream = jetstream;
    this.#publisher = publisher;
    this.#kept = `${prefix}%kept`;
    // What a name may have and a prefix has not; NATS 2.9 takes a % for one of its own formats.
    this.#stream = `${prefix.replaceAll('.', '~')}~kept`;
    this.#target = prefix;
  }

  get origin(): string {
    return this.#publisher.node;
  }

  /** @throws {BrokerError} */
  async open(limits: HistoryLimits): Promise<void> {
    this.#limits = limits;
    await askJetStream(this.#connection, () => this.prepare());
  }

  publish(topic: string, data: string | Uint8Array): number {
    const limit = (this.#connection.info?.max_payload ?? Infinity) - HEADERS;
    if (Buffer.byteLength(data) > limit) {
      throw new BrokerError(
        'ERR_BROKER_FULL',
        `The message is larger than ${limit} bytes, which is the most that NATS keeps: raise its max_payload`,
      );
    }
    return this.#publisher.publish(topic, data, this.#limits);
  }

  /** Hands a message to JetStream. @returns when that has it. */
  async send({ topic, number, bytes }: Unconfirmed): Promise<void> {
    const msgID = `${this.#publisher.node}:${number}`;
    await this.#jetstream.publish(this.subjectOf(topic), bytes, { msgID, timeout: TIMEOUT });
  }

  /** Hands a message to JetStream that is published together with something else: tries until there is an answer. */
  async sendWith({ topic, data, number, origin = this.origin }: RecordPublish, id: string): Promise<void> {
    const bytes = seal(origin, number, data);
    const send = (): Promise<unknown> =>
      this.#jetstream.publish(this.subjectOf(topic), bytes, { msgID: id, timeout: TIMEOUT });
    await askJetStream(this.#connection, send, Infinity);
  }

  subjectOf(topic: string): string {
    return subjectOf(this.#kept, topic);
  }

  async read(topic: string, since: Since, limits: HistoryLimits): Promise<HistoryPage> {
    return askJetStream(this.#connection, () => this.#read(topic, since, limits));
  }

  async changes(since: Position | undefined): Promise<BrokerChanges> {
    return askJetStream(this.#connection, () => this.#changes(since));
  }

  /** Makes the stream, or raises its limits, if that is needed. */
  async prepare(subject?: string): Promise<NatsStreamInfo> {
    this.#manager ??= await this.#jetstream.jetstreamManager();
    const { streams } = this.#manager;
    let info: NatsStreamInfo;
    try {
      const options = subject === undefined ? undefined : { subjects_filter: subject };
      info = await streams.info(this.#stream, options);
    } catch (error) {
      if (!isStreamMissing(error)) throw error;
      const [subjects, republish] = [
        [`${this.#kept}.>`],
        { src: `${this.#kept}.>`, dest: `${this.#target}.>` },
      ];
      info = await streams.add({ name: this.#stream, subjects, republish, ...this.#config(undefined) });
    }
    const { config } = info;
    const needed = this.#config(info);
    const { max_age, max_msgs_per_subject } = needed;
    if (config.max_age < max_age || config.max_msgs_per_subject < max_msgs_per_subject) {
      info = { ...(await streams.update(this.#stream, needed)), state: info.state };
    }
    this.epoch = info.created;
    return info;
  }

  /** One message more than is asked for, so that it is seen when one was dropped. */
  #config(present: NatsStreamInfo | undefined) {
    const { messages, age } = this.#limits;
    return {
      max_msgs_per_subject: Math.max(messages + 1, present?.config.max_msgs_per_subject ?? 0),
      max_age: Math.max(Math.max(age, DUPLICATE_WINDOW) * NANOSECONDS, present?.config.max_age ?? 0),
      duplicate_window: DUPLICATE_WINDOW * NANOSECONDS,
    };
  }

  async #read(topic: string, since: Since, limits: HistoryLimits): Promise<HistoryPage> {
    // All subscriptions hold when it is answered.
    await this.#connection.flush();
    const subject = this.subjectOf(topic);
    const { created, config, state } = await this.prepare(subject);
    const position = { epoch: created, offset: state.last_seq };
    const count = state.subjects?.[subject] ?? 0;
    const isCount = typeof since === 'number';
    if (!isCount && (since.epoch !== created || since.offset > state.last_seq)) {
      return { recovered: false, position, messages: [] };
    }
    const from = isCount ? 0 : since.offset;
    const stored = count === 0 ? [] : await this.#fetch(subject, from, state.last_seq, count, false);
    const oldest = Date.now() - limits.age;
    const young = stored.filter(({ info }) => info.timestampNanos / NANOSECONDS >= oldest);
    const kept = young.slice(-limits.messages);
    const isUncut = kept.length === stored.length && count < config.max_msgs_per_subject;
    if (isCount) {
      const last = since === 0 ? [] : kept.slice(-since);
      return { recovered: last.length >= since || isUncut, position, messages: this.#toPage(last) };
    }
    // Those of a topic are dropped in their order: where an older one is still there, none behind it is missing.
    const isWhole = count > stored.length || (isUncut && from + 1 >= state.first_seq);
    const recovered = isWhole && kept.length === stored.length;
    return { recovered, position, messages: recovered ? this.#toPage(kept) : [] };
  }

  async #changes(since: Position | undefined): Promise<BrokerChanges> {
    await this.#connection.flush();
    const { created, state } = await this.prepare();
    const position = { epoch: created, offset: state.last_seq };
    const topics = since === undefined ? undefined : await this.#topicsSince(since, created, state);
    // What is published by then has come when it is answered.
    await this.#connection.flush();
    return { position, topics };
  }

  async #topicsSince(
    { epoch, offset }: Position,
    created: string,
    { first_seq, last_seq }: NatsStreamInfo['state'],
  ): Promise<string[] | undefined> {
    const isKnown = epoch === created && offset <= last_seq && offset + 1 >= first_seq;
    if (!isKnown || last_seq - offset > MAX_CHANGES) return undefined;
    if (last_seq === offset) return [];
    const stored = await this.#fetch(`${this.#kept}.>`, offset, last_seq, MAX_CHANGES, true);
    return [...new Set(stored.map(({ subject }) => topicOf(this.#kept, subject)))];
  }

  /** What there is behind one number, up to another. */
  async #fetch(
    subject: string,
    from: number,
    to: number,
    most: number,
    isHeadersOnly: boolean,
  ): Promise<NatsStoredMessage[]> {
    const consumer = await this.#jetstream.consumers.get(this.#stream, {
      filter_subjects: subject,
      deliver_policy: 'by_start_sequence',
      opt_start_seq: from + 1,
      headers_only: isHeadersOnly,
    });
    const stored: NatsStoredMessage[] = [];
    try {
      const { num_pending } = await consumer.info(true);
      if (num_pending === 0) return [];
      const max_messages = Math.min(num_pending, most + 1);
      for await (const message of await consumer.fetch({ max_messages, expires: TIMEOUT })) {
        if (message.seq <= to) stored.push(message);
        if (message.seq >= to || message.info.pending === 0) break;
      }
    } finally {
      // It is deleted by itself when nobody uses it for a while.
      consumer.delete().catch(() => {});
    }
    return stored;
  }

  #toPage(stored: readonly NatsStoredMessage[]): PageMessage[] {
    return stored.flatMap(({ seq, data }) => {
      const envelope = unseal(Buffer.from(data.buffer, data.byteOffset, data.length));
      if (envelope === undefined) return [];
      const own = envelope.node === this.#publisher.node ? envelope.number : undefined;
      return [{ offset: seq, data: envelope.data, own, origin: `${envelope.node} ${envelope.number}` }];
    });
  }
}
