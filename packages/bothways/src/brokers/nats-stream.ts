import { TIMEOUT, askJetStream } from './nats-asking.js';
import type { NatsConnection } from './nats-connection.js';
import {
  isStreamMissing,
  type NatsJetStream,
  type NatsJetStreamManager,
  type NatsMessageQuery,
} from './nats-jetstream.js';

const NANOSECONDS = 1_000_000;
/** JetStream's code for: that is not the last message of its subject. */
const WRONG_LAST_SEQUENCE = 10_071;

/** A message of a stream, and its number there. */
export interface StreamMessage {
  readonly seq: number;
  readonly data: Buffer;
}

/** A stream of JetStream of whose subjects the last message says how things are. */
export class NatsStream {
  readonly #connection: NatsConnection;
  readonly #jetstream: NatsJetStream;
  readonly #name: string;
  readonly #subject: string;
  readonly #age: number;
  #manager: NatsJetStreamManager | undefined;
  #isThere = false;

  /**
   * @param kind what its name ends with, and its subjects begin with, behind the prefix.
   * @param age how long a message is kept, milliseconds.
   */
  constructor(
    connection: NatsConnection,
    jetstream: NatsJetStream,
    prefix: string,
    kind: string,
    age: number,
  ) {
    this.#connection = connection;
    this.#jetstream = jetstream;
    // What a name may have and a prefix has not.
    this.#name = `${prefix.replaceAll('.', '~')}~${kind}`;
    this.#subject = `${prefix}%${kind}`;
    this.#age = age;
  }

  /**
   * Adds a message if nothing has been added to its key since.
   *
   * @param expected the number of the last message of the key; 0 for none.
   * @param id by which it is known that it is sent again.
   * @param isPatient whether it is tried until there is an answer.
   * @returns its number; `undefined` when there is another last message.
   */
  async add(
    key: string,
    data: Uint8Array,
    expected: number,
    id: string,
    isPatient: boolean,
  ): Promise<number | undefined> {
    const options = { msgID: id, timeout: TIMEOUT, expect: { lastSubjectSequence: expected } };
    try {
      const { seq } = await this.#ask(
        () => this.#jetstream.publish(`${this.#subject}.${key}`, data, options),
        isPatient ? Infinity : TIMEOUT,
      );
      return seq;
    } catch (error) {
      if (codeOf(error) === WRONG_LAST_SEQUENCE) return undefined;
      throw error;
    }
  }

  /** The last message of a key. */
  async last(key: string): Promise<StreamMessage | undefined> {
    return this.#get({ last_by_subj: `${this.#subject}.${key}` });
  }

  /** All messages of a key, up to a number. */
  async all(key: string, to: number): Promise<readonly StreamMessage[]> {
    const messages: StreamMessage[] = [];
    for (let seq = 1; seq <= to;) {
      const next = await this.#get({ seq, next_by_subj: `${this.#subject}.${key}` });
      if (next === undefined || next.seq > to) break;
      messages.push(next);
      seq = next.seq + 1;
    }
    return messages;
  }

  /** Lets go of the messages of a key before a number. What stays all the same does no harm. */
  dropBefore(key: string, seq: number): void {
    // For NATS that would be all of them.
    if (seq <= 1) return;
    const purged = this.#manager?.streams.purge(this.#name, { filter: `${this.#subject}.${key}`, seq });
    purged?.catch(() => {});
  }

  async #get(query: NatsMessageQuery): Promise<StreamMessage | undefined> {
    const { message } = await this.#ask(async () => ({
      message: await this.#manager!.streams.getMessage(this.#name, query),
    }));
    if (message === null) return undefined;
    const { seq, data } = message;
    return { seq, data: Buffer.from(data.buffer, data.byteOffset, data.length) };
  }

  #ask<Answer>(ask: () => Promise<Answer>, patience = TIMEOUT): Promise<Answer> {
    return askJetStream(this.#connection, () => this.#inStream(ask), patience);
  }

  /** Makes the stream first, if it is not there, or may have been deleted. */
  async #inStream<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    const wasThere = this.#isThere;
    await this.#prepare();
    try {
      return await ask();
    } catch (error) {
      this.#isThere = false;
      if (wasThere && isStreamMissing(error)) return this.#inStream(ask);
      throw error;
    }
  }

  async #prepare(): Promise<void> {
    this.#manager ??= await this.#jetstream.jetstreamManager();
    if (!this.#isThere) {
      const { streams } = this.#manager;
      try {
        await streams.info(this.#name);
      } catch (error) {
        if (!isStreamMissing(error)) throw error;
        await streams.add({
          name: this.#name,
          subjects: [`${this.#subject}.>`],
          max_age: this.#age * NANOSECONDS,
        });
      }
      this.#isThere = true;
    }
  }
}

function codeOf(error: unknown): number | undefined {
  const { cause } = error as { cause?: { code?: number } };
  return cause?.code;
}
