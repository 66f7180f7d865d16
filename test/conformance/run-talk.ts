import type { CompressedOptions, Message, Script, Seen, Step, TalkCase, WireLine } from './case.js';
import { openTalk, type Opened } from './open-talk.js';
import type { Report, Stage } from './stage.js';
import { cut, cutsOf, type ChunkingName, type Stretch } from './wire/chunking.js';
import { Conversation } from './wire/conversation.js';
import {
  BINARY,
  CLOSE,
  CONTINUATION,
  TEXT,
  encodeFrame,
  frame,
  type EncodedFrame,
  type Frame,
  type Role,
} from './wire/frame.js';
import type { Link } from './wire/link.js';
import { count, hexOf, wordsOfFrame } from './wire/words.js';

export interface TalkOutcome {
  readonly seen: Seen;
  readonly wire: readonly WireLine[];
  /** What went out together. */
  readonly stretches: readonly Stretch[];
}

/** Runs a script on a connection of its own. */
export async function runTalk(
  each: TalkCase & { readonly id: string },
  script: Script,
  role: Role,
  chunking: ChunkingName,
  maxSingleBytes: number,
  stage: Stage,
): Promise<TalkOutcome> {
  const { path, report } = stage.open(each.id);
  const opened = await openTalk(each, role, path, stage);
  const talk = new Talk(role, opened, report, chunking, maxSingleBytes);
  try {
    return await talk.run(script);
  } finally {
    opened.link.destroy();
    stage.forget(path);
  }
}

class Talk {
  readonly #role: Role;
  readonly #link: Link;
  readonly #deflate: Opened['deflate'];
  readonly #report: Report;
  readonly #chunking: ChunkingName;
  readonly #maxSingleBytes: number;
  readonly #conversation: Conversation;
  #sentClose = false;
  readonly #stretches: Stretch[] = [];
  /** A frame of which only the beginning was sent. */
  #begun: EncodedFrame | undefined;

  constructor(role: Role, opened: Opened, report: Report, chunking: ChunkingName, maxSingleBytes: number) {
    this.#role = role;
    this.#link = opened.link;
    this.#deflate = opened.deflate;
    this.#report = report;
    this.#chunking = chunking;
    this.#maxSingleBytes = maxSingleBytes;
    this.#conversation = new Conversation(role, opened.deflate);
    if (opened.problem !== undefined) this.#seen.faults.push(opened.problem);
    this.#link.onData = (chunk) => this.#conversation.push(chunk);
    if (opened.rest.length > 0) this.#conversation.push(opened.rest);
  }

  get #seen(): Seen {
    return this.#conversation.seen;
  }

  async run({ steps, strict }: Script): Promise<TalkOutcome> {
    if (this.#seen.faults.length === 0) {
      for (let at = 0; at < steps.length && this.#seen.missing === undefined;) {
        const stretch = takeStretch(steps, at);
        if (stretch.length > 0) await this.#send(stretch);
        else await this.#act(steps[at]!);
        at += Math.max(1, stretch.length);
      }
      await this.#finish();
      if (strict.some((each) => each.told !== undefined)) await this.#awaitTold();
    }
    const { wire, omitted } = this.#conversation;
    const more =
      omitted === 0
        ? []
        : [{ to: this.#role, hex: '…', words: `${omitted.toLocaleString('en-US')} frames more` }];
    return { seen: this.#seen, wire: [...wire, ...more], stretches: this.#stretches };
  }

  /** One stretch of bytes, cut as the chunking says. */
  async #send(steps: readonly Step[]): Promise<void> {
    const pieces: Buffer[] = [];
    const boundaries: number[] = [];
    let length = 0;
    const add = (bytes: Buffer, payloadAt: number): void => {
      boundaries.push(length, length + payloadAt);
      pieces.push(bytes);
      length += bytes.length;
    };
    for (const step of steps) {
      if (step.do === 'send-part') add(...this.#partOf(step));
      for (const each of this.#framesOf(step)) {
        const { bytes, payloadAt } = encodeFrame(each, this.#role === 'server');
        add(bytes, payloadAt);
        if (each.opcode === CLOSE) this.#sentClose = true;
        const header = bytes.subarray(0, payloadAt);
        this.#conversation.note(this.#role, hexOf(header, each.payload), wordsOfFrame(each));
      }
    }
    const stretch = { length, boundaries };
    this.#stretches.push(stretch);
    const cuts = cutsOf(this.#chunking, stretch, this.#maxSingleBytes);
    await this.#link.deliver(cut(Buffer.concat(pieces), cuts));
  }

  /** A part of a frame, with the mask of the whole one; and how much of it is the header. */
  #partOf({
    frame: whole,
    until,
    from,
  }: Extract<Step, { do: 'send-part' }>): [bytes: Buffer, payloadAt: number] {
    const encoded = this.#begun ?? encodeFrame(whole, this.#role === 'server');
    this.#begun = from === undefined ? encoded : undefined;
    const { bytes, payloadAt } = encoded;
    const words = wordsOfFrame(whole);
    if (from === undefined) {
      const header = bytes.subarray(0, payloadAt);
      const payload = whole.payload.subarray(0, until);
      this.#conversation.note(
        this.#role,
        hexOf(header, payload),
        `${words}: its first ${count(payload.length)}`,
      );
      return [bytes.subarray(0, payloadAt + payload.length), payloadAt];
    }
    this.#conversation.note(
      this.#role,
      hexOf(new Uint8Array(0), whole.payload.subarray(from)),
      `${words}: the rest`,
    );
    return [bytes.subarray(payloadAt + from), 0];
  }

  #framesOf(step: Step): readonly Frame[] {
    if (step.do === 'send') return step.frames;
    return step.do === 'send-compressed' ? this.#compress(step.message, step.options) : [];
  }

  #compress(message: Message, { fragmentSize, ...options }: CompressedOptions): Frame[] {
    const opcode = message.type === 'text' ? TEXT : BINARY;
    const deflate = this.#deflate;
    if (deflate === undefined) return [frame(opcode, message.data)];
    const payload = deflate.deflate(message.data, options);
    if (fragmentSize === undefined) return [frame(opcode, payload, { rsv: 4 })];
    const frames: Frame[] = [];
    for (let at = 0; at < payload.length || at === 0; at += fragmentSize) {
      const fin = at + fragmentSize >= payload.length;
      const part = payload.subarray(at, at + fragmentSize);
      frames.push(frame(at === 0 ? opcode : CONTINUATION, part, { fin, rsv: at === 0 ? 4 : 0 }));
    }
    return frames;
  }

  async #act(step: Step): Promise<void> {
    const seen = this.#seen;
    if (step.do === 'await') {
      const { payload } = step;
      const isThere = (): boolean =>
        payload === undefined
          ? this.#count(step.what) >= step.count
          : seen.pongs.some((each) => each.toString('latin1') === payload);
      const isOver = (): boolean => isThere() || (seen.close !== undefined && step.what !== 'end');
      await this.#link.until(() => isOver() || this.#link.isOver);
      // A connection that has ended in place of it is judged by what was seen.
      if (!isThere() && !isOver() && !this.#link.isOver) seen.missing = `${step.count} ${step.what}`;
    } else if (step.do === 'mark') {
      const hasFailed = (): boolean => seen.close !== undefined || this.#link.isOver;
      if (seen.noticed === undefined && (await this.#link.moment(hasFailed))) seen.noticed = step.point;
    } else if (step.do === 'end') {
      this.#conversation.note(this.#role, '', 'ends TCP');
      this.#link.end();
    } else if (step.do === 'reset') {
      this.#conversation.note(this.#role, '', 'resets TCP');
      this.#link.reset();
      seen.ended = 'by the harness';
    } else if (step.do === 'tell') {
      await this.#link.poll(() => this.#report.endpoint !== undefined || this.#link.isOver);
      const { endpoint } = this.#report;
      if (endpoint === undefined) return;
      if ('send' in step.action) endpoint.send(step.action.send);
      else if ('ping' in step.action) endpoint.ping(step.action.ping);
      else endpoint.close(...step.action.close);
    }
  }

  #count(what: Extract<Step, { do: 'await' }>['what']): number {
    const seen = this.#seen;
    if (what === 'close') return seen.close === undefined ? 0 : 1;
    if (what === 'end') return this.#link.isOver ? 1 : 0;
    return seen[what].length;
  }

  /** The end of every case: both Close frames, if it comes to that, and the end of TCP. */
  async #finish(): Promise<void> {
    const link = this.#link;
    const seen = this.#seen;
    if (seen.ended === 'by the harness') return;
    const isThere = await link.until(() => link.isOver || seen.close !== undefined);
    if (!isThere) seen.missing ??= 'the end of the connection';
    // RFC 6455 section 5.5.1: after both Close frames the server ends TCP at once, and the client waits for that.
    if (this.#role === 'client' && this.#sentClose && seen.close !== undefined && !link.isOver) link.end();
    let byItself = await link.moment(() => link.isOver);
    if (!byItself) {
      // Whoever failed the connection may wait a while for the other end, which has no more to say.
      if (!this.#sentClose)
        await link.deliver([
          encodeFrame(frame(CLOSE, Buffer.from([3, 0xe8])), this.#role === 'server').bytes,
        ]);
      byItself = this.#role === 'server' && this.#sentClose && (await link.until(() => link.isOver));
      link.end();
    }
    await link.until(() => link.isOver);
    seen.ended =
      byItself || link.ended === 'not' || link.ended === 'by RST'
        ? link.ended
        : 'only after the peer had closed';
    if (link.ended !== 'not') this.#note(`ends TCP ${link.ended}`);
    this.#conversation.end();
  }

  async #awaitTold(): Promise<void> {
    this.#link.end();
    await this.#link.poll(() => this.#report.told !== undefined);
    this.#seen.told = this.#report.told;
  }

  #note(words: string): void {
    this.#conversation.note(this.#role === 'server' ? 'client' : 'server', '', words);
  }
}

/** The steps from `at` on that make one stretch of bytes. */
function takeStretch(steps: readonly Step[], at: number): readonly Step[] {
  let end = at;
  while (end < steps.length && steps[end]!.do.startsWith('send')) end++;
  return steps.slice(at, end);
}
