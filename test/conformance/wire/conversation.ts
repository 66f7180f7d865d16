import type { Seen, WireLine } from '../case.js';
import type { DeflateEnd } from './deflate.js';
import {
  BINARY,
  CLOSE,
  CONTINUATION,
  FrameReader,
  PING,
  PONG,
  TEXT,
  type ReadFrame,
  type Role,
} from './frame.js';
import { hexOf, wordsOfFrame } from './words.js';

const MAX_LINES = 60;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads what the subject says after the opening handshake, and notes each rule that it breaks. */
export class Conversation {
  readonly seen: Seen = {
    messages: [],
    pongs: [],
    pings: [],
    close: undefined,
    keys: [],
    faults: [],
    noticed: undefined,
    ended: 'not',
    told: undefined,
    missing: undefined,
  };
  readonly wire: WireLine[] = [];
  /** Lines that the transcript has no room for. */
  omitted = 0;
  readonly #subject: Role;
  readonly #deflate: DeflateEnd | undefined;
  readonly #reader: FrameReader;
  #fragments: ReadFrame[] = [];

  constructor(subject: Role, deflate: DeflateEnd | undefined) {
    this.#subject = subject;
    this.#deflate = deflate;
    const isMasked = subject === 'client';
    this.#reader = new FrameReader(
      isMasked,
      (frame) => this.#onFrame(frame),
      (what) => this.#fault(what),
    );
  }

  push(chunk: Buffer): void {
    this.#reader.push(chunk);
  }

  /** The subject will send no more. */
  end(): void {
    if (this.#reader.isInFrame && this.seen.ended === 'by FIN') this.#fault('a frame that breaks off');
  }

  note(to: Role, hex: string, words: string): void {
    if (this.wire.length < MAX_LINES) this.wire.push({ to, hex, words });
    else this.omitted++;
  }

  #onFrame(frame: ReadFrame): void {
    const { seen } = this;
    this.note(
      this.#subject === 'server' ? 'client' : 'server',
      hexOf(frame.header, frame.payload),
      wordsOfFrame(frame),
    );
    if (frame.key !== undefined) seen.keys.push(frame.key.toString('hex'));
    if (seen.close !== undefined) this.#fault(`${wordsOfFrame(frame)} after the Close frame`);
    if ((frame.rsv & 3) !== 0) this.#fault(`reserved bits ${frame.rsv} on ${wordsOfFrame(frame)}`);
    if (frame.opcode >= CLOSE) this.#onControl(frame);
    else this.#onFragment(frame);
  }

  #onControl(frame: ReadFrame): void {
    const { seen } = this;
    const { opcode, payload } = frame;
    if (!frame.fin) this.#fault('a control frame that is a fragment');
    if (payload.length > 125) this.#fault(`a control frame of ${payload.length} bytes`);
    if (frame.rsv !== 0) this.#fault('RSV1 on a control frame');
    if (opcode === PING) seen.pings.push(Buffer.from(payload));
    else if (opcode === PONG) seen.pongs.push(Buffer.from(payload));
    else if (opcode === CLOSE) this.#onClose(payload);
    else this.#fault(`the opcode ${opcode}`);
  }

  #onClose(payload: Buffer): void {
    if (payload.length === 1) this.#fault('a Close frame of one byte');
    const code = payload.length < 2 ? 1005 : payload.readUInt16BE(0);
    const reason = payload.subarray(2);
    if (payload.length >= 2 && !mayBeSent(code)) this.#fault(`the close code ${code}`);
    if (!isText(reason)) this.#fault('a close reason that is not UTF-8');
    this.seen.close ??= { code, reason: reason.toString() };
  }

  #onFragment(frame: ReadFrame): void {
    const isFirst = frame.opcode !== CONTINUATION;
    if (isFirst !== (this.#fragments.length === 0)) {
      this.#fault(isFirst ? 'a message inside a message' : 'a continuation of nothing');
    }
    if (isFirst && frame.opcode !== TEXT && frame.opcode !== BINARY)
      this.#fault(`the opcode ${frame.opcode}`);
    if ((frame.rsv & 4) !== 0 && (this.#deflate === undefined || !isFirst)) {
      this.#fault(isFirst ? 'RSV1 without an extension' : 'RSV1 on a continuation');
    }
    this.#fragments.push(frame);
    if (!frame.fin) return;
    const fragments = this.#fragments;
    this.#fragments = [];
    const payload =
      fragments.length === 1 ? frame.payload : Buffer.concat(fragments.map((each) => each.payload));
    this.#onMessage(fragments[0]!, payload, fragments.length);
  }

  #onMessage({ opcode, rsv }: ReadFrame, payload: Buffer, frames: number): void {
    const compressed = (rsv & 4) !== 0 && this.#deflate !== undefined;
    const data = compressed ? this.#deflate.inflate(payload) : Buffer.from(payload);
    if (typeof data === 'string') {
      this.#fault(data);
      return;
    }
    const type = opcode === BINARY ? 'binary' : 'text';
    if (type === 'text' && !isText(data)) this.#fault('a text that is not UTF-8');
    this.seen.messages.push({ type, data, compressed, frames });
  }

  #fault(what: string): void {
    if (this.seen.faults.length < 5) this.seen.faults.push(what);
  }
}

/** RFC 6455 section 7.4: what is not ruled out, if only because somebody may define it one day. */
function mayBeSent(code: number): boolean {
  return code >= 1000 && code <= 4999 && code !== 1004 && code !== 1005 && code !== 1006 && code !== 1015;
}

function isText(bytes: Buffer): boolean {
  try {
    utf8.decode(bytes);
    return true;
  } catch {
    return false;
  }
}
