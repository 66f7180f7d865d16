import type { BrokerError } from '../protocol/errors.js';
import type { BrokerRecords, KeptRecord, RecordChange, RecordPublish } from '../pubsub/broker-records.js';
import type { NatsStream, StreamMessage } from './nats-stream.js';
import { untilTaken } from './until-taken.js';

/** What a message of a record says; its entries and what it publishes are bytes in Base64, or text. */
interface Step {
  readonly holder: string;
  readonly number: number;
  /** Nobody holds it any more. */
  readonly isRemoved?: boolean;
  readonly change?: PackedChange;
}

interface PackedChange {
  readonly isWhole: boolean;
  readonly fields: Readonly<Record<string, string>>;
  readonly entries: readonly (readonly [number: number, ...data: Packed])[];
  readonly dropTo: number;
  readonly publishes: readonly (Omit<RecordPublish, 'data'> & { readonly data: Packed })[];
}

type Packed = readonly [text: string, isBinary?: true];

/** What a node knows of a record that it holds. */
interface Held {
  readonly holder: string;
  /** The number of the last message, in the stream. */
  seq: number;
  /** How many messages there are behind the last whole change, and when that was, milliseconds. */
  steps: number;
  wholeAt: number;
}

/** After how many changes, and how long, a record is written down as a whole again: what is older is dropped then. */
const MOST_STEPS = 64;
const MOST_AGE = 180_000;
/** A piece of a message that is too long for NATS begins with this byte, and so does not the last one. */
const MORE = 0x2b;
const LAST = 0x2e;

/** Publishes the messages of a record, each once, however often it is asked for. */
export interface RecordPublisher {
  sendWith(publish: RecordPublish, id: string): Promise<void>;
}

/** Records in JetStream: a record is all messages of its key, and whoever writes one says which one it takes for the last. */
export class NatsRecords implements BrokerRecords {
  readonly #stream: NatsStream;
  readonly #publisher: RecordPublisher;
  readonly #maxPayload: () => number;
  readonly #nextNumber: () => number;
  readonly #onFailed: (error: BrokerError) => void;
  readonly #held = new Map<string, Held>();

  /** @param onFailed is told what JetStream refuses, and what is tried again. */
  constructor(
    stream: NatsStream,
    publisher: RecordPublisher,
    maxPayload: () => number,
    nextNumber: () => number,
    onFailed: (error: BrokerError) => void,
  ) {
    this.#stream = stream;
    this.#publisher = publisher;
    this.#maxPayload = maxPayload;
    this.#nextNumber = nextNumber;
    this.#onFailed = onFailed;
  }

  async save(
    key: string,
    holder: string,
    number: number,
    change: RecordChange,
  ): Promise<'saved' | 'lost' | 'missing'> {
    return untilTaken(() => this.#save(key, holder, number, change), this.#onFailed);
  }

  async take(
    key: string,
    holder: string,
    isGone: (node: string) => boolean,
  ): Promise<KeptRecord | string | undefined> {
    for (;;) {
      const last = await this.#stream.last(key);
      if (last === undefined) return undefined;
      const head = headOf(last);
      if (head.isRemoved === true) return undefined;
      if (head.holder !== holder && !isGone(head.holder)) return head.holder;
      const step = { holder, number: head.number };
      const seq = await this.#stream.add(key, whole(step), last.seq, `${key}:${holder}:${last.seq}`, false);
      if (seq === undefined) continue;
      const steps = stepsOf(await this.#stream.all(key, seq - 1));
      // At its last holder it was written down as a whole not long ago.
      this.#held.set(key, { holder, seq, steps: steps.length, wholeAt: performance.now() });
      // Its holder may not have got to that.
      const changed = steps.findLast(({ change }) => change !== undefined);
      if (changed !== undefined) await this.#publishAll(key, changed);
      return recordOf(steps, head.number);
    }
  }

  remove(key: string, holder: string): void {
    const held = this.#heldBy(key, holder);
    if (held === undefined) return;
    this.#held.delete(key);
    // It is dropped some time, all the same.
    this.#remove(key, holder, held.seq).catch(() => {});
  }

  nextNumber(): number {
    return this.#nextNumber();
  }

  async #remove(key: string, holder: string, expected: number): Promise<void> {
    const step = { holder, number: 0, isRemoved: true };
    const seq = await this.#stream.add(key, whole(step), expected, `${key}:removed`, true);
    if (seq !== undefined) this.#stream.dropBefore(key, seq);
  }

  async #save(
    key: string,
    holder: string,
    number: number,
    change: RecordChange,
  ): Promise<'saved' | 'lost' | 'missing'> {
    const held = this.#heldBy(key, holder);
    if (held === undefined && !change.isWhole) {
      const outcome = await this.#lookAgain(key, holder, number, change);
      return outcome ?? this.#save(key, holder, number, change);
    }
    const isOld =
      held !== undefined && (held.steps >= MOST_STEPS || performance.now() - held.wholeAt > MOST_AGE);
    if (!change.isWhole && isOld) return 'missing';
    const step = { holder, number, change: packChange(change) };
    const pieces = cut(pack(step), this.#maxPayload());
    let seq = held?.seq ?? 0;
    for (const [index, piece] of pieces.entries()) {
      const added = await this.#stream.add(key, piece, seq, `${key}:${holder}:${number}:${index}`, true);
      if (added === undefined) {
        const outcome = await this.#lookAgain(key, holder, number, change);
        if (outcome === 'saved') await this.#publishAll(key, step);
        return outcome ?? this.#save(key, holder, number, change);
      }
      seq = added;
    }
    const isFirst = change.isWhole;
    this.#held.set(key, {
      holder,
      seq,
      steps: isFirst ? 0 : (held?.steps ?? 0) + pieces.length,
      wholeAt: isFirst ? performance.now() : (held?.wholeAt ?? -Infinity),
    });
    if (isFirst && pieces.length === 1) this.#stream.dropBefore(key, seq);
    await this.#publishAll(key, step);
    return 'saved';
  }

  #heldBy(key: string, holder: string): Held | undefined {
    const held = this.#held.get(key);
    return held?.holder === holder ? held : undefined;
  }

  /** Another message is the last. @returns what that means; `undefined` when it is to be tried again behind that. */
  async #lookAgain(
    key: string,
    holder: string,
    number: number,
    { isWhole }: RecordChange,
  ): Promise<'saved' | 'lost' | 'missing' | undefined> {
    const last = await this.#stream.last(key);
    if (last === undefined) {
      this.#held.delete(key);
      return isWhole ? undefined : 'missing';
    }
    const head = headOf(last);
    if (head.isRemoved === true || head.holder !== holder) {
      if (this.#heldBy(key, holder) !== undefined) this.#held.delete(key);
      return 'lost';
    }
    const { steps = 0, wholeAt = -Infinity } = this.#held.get(key) ?? {};
    this.#held.set(key, { holder, seq: last.seq, steps: steps + 1, wholeAt });
    return head.number >= number && last.data[0] === LAST ? 'saved' : undefined;
  }

  /** One after the other, so that they come in order. */
  async #publishAll(key: string, { number, change }: Step): Promise<void> {
    for (const [index, { data, ...publish }] of (change?.publishes ?? []).entries()) {
      await this.#publisher.sendWith({ ...publish, data: unpack(data) }, `${key}:${number}:${index}`);
    }
  }
}

type Head = Omit<Step, 'change'>;

// A message of a record: a byte that says whether more belongs to it, its head as a line of JSON, and its change, or a
// piece of that, as JSON.

function pack({ change, ...head }: Step): Packet {
  return {
    head: `${JSON.stringify(head)}\n`,
    body: Buffer.from(change === undefined ? '' : JSON.stringify(change)),
  };
}

interface Packet {
  readonly head: string;
  readonly body: Buffer;
}

/** In one message. */
function whole(step: Step): Buffer {
  return cut(pack(step), Infinity)[0]!;
}

/** @param limit how long a message may be, bytes. */
function cut({ head, body }: Packet, limit: number): Buffer[] {
  const room = Math.max(1, limit - Buffer.byteLength(head) - 1);
  const pieces: Buffer[] = [];
  let start = 0;
  do {
    const end = start + room;
    const mark = Buffer.of(end < body.length ? MORE : LAST);
    pieces.push(Buffer.concat([mark, Buffer.from(head), body.subarray(start, end)]));
    start = end;
  } while (start < body.length);
  return pieces;
}

function headOf({ data }: StreamMessage): Head {
  return JSON.parse(data.toString('utf8', 1, data.indexOf(0x0a))) as Head;
}

/** The changes that are whole; one that nobody has finished is none. */
function stepsOf(messages: readonly StreamMessage[]): Step[] {
  const steps: Step[] = [];
  let parts: Buffer[] = [];
  let of = '';
  for (const message of messages) {
    const head = headOf(message);
    const id = `${head.holder} ${head.number}`;
    if (id !== of) parts = [];
    of = id;
    parts.push(message.data.subarray(message.data.indexOf(0x0a) + 1));
    if (message.data[0] === MORE) continue;
    const text = Buffer.concat(parts).toString();
    parts = [];
    steps.push(text === '' ? head : { ...head, change: JSON.parse(text) as PackedChange });
  }
  return steps;
}

function recordOf(steps: readonly Step[], number: number): KeptRecord {
  let fields: Record<string, string> = {};
  const entries = new Map<number, string | Uint8Array>();
  for (const { change } of steps) {
    if (change === undefined) continue;
    if (change.isWhole) {
      fields = {};
      entries.clear();
    }
    Object.assign(fields, change.fields);
    for (const [at, ...data] of change.entries) entries.set(at, unpack(data));
    for (const at of entries.keys()) if (at <= change.dropTo) entries.delete(at);
  }
  return { number, fields, entries: [...entries] };
}

function packChange({ entries, publishes, ...change }: RecordChange): PackedChange {
  return {
    ...change,
    entries: entries.map(([at, data]) => [at, ...packData(data)] as const),
    publishes: publishes.map(({ data, ...publish }) => ({ ...publish, data: packData(data) })),
  };
}

function packData(data: string | Uint8Array): Packed {
  if (typeof data === 'string') return [data];
  return [Buffer.from(data.buffer, data.byteOffset, data.length).toString('base64'), true];
}

function unpack([text, isBinary]: Packed): string | Uint8Array {
  return isBinary === true ? Buffer.from(text, 'base64') : text;
}
