import type { ClientRequest, OpeningCase, OpeningSeen, WireLine } from './case.js';
import type { Report, Stage } from './stage.js';
import { cut, cutsOf, type ChunkingName, type Stretch } from './wire/chunking.js';
import { Conversation } from './wire/conversation.js';
import { CLOSE, TEXT, encodeFrame, frame, type Role } from './wire/frame.js';
import { DeflateEnd, parseAgreement } from './wire/deflate.js';
import { HeadReader, acceptOf, newRequest, readHead, readRequest, statusOf, type Head } from './wire/http.js';
import { Link } from './wire/link.js';

export interface OpeningOutcome {
  readonly seen: OpeningSeen;
  readonly wire: readonly WireLine[];
  readonly stretches: readonly Stretch[];
}

/** Runs an opening handshake, and sees whether a connection that opens works. */
export async function runOpening(
  each: OpeningCase & { readonly id: string },
  role: Role,
  chunking: ChunkingName,
  maxSingleBytes: number,
  stage: Stage,
): Promise<OpeningOutcome> {
  const { path, report } = stage.open(each.id);
  const { settings = {} } = each;
  const link =
    role === 'server'
      ? await Link.connect(await stage.portOf(settings))
      : await Link.accept((port) => stage.connect(port, path, settings));
  const opening = new Opening(each, role, path, link, report);
  try {
    return await opening.run(chunking, maxSingleBytes);
  } finally {
    link.destroy();
    stage.forget(path);
  }
}

class Opening {
  readonly #case: OpeningCase;
  readonly #role: Role;
  readonly #link: Link;
  readonly #report: Report;
  #conversation: Conversation | undefined;
  readonly #reader: HeadReader;
  readonly #wire: WireLine[] = [];
  #request: ClientRequest;
  /** The harness's own, where it is the server. */
  #response: Head | undefined;
  readonly #seen: OpeningSeen = {
    opens: false,
    status: undefined,
    headers: new Map(),
    request: undefined,
    faults: [],
    missing: undefined,
  };

  constructor(each: OpeningCase, role: Role, path: string, link: Link, report: Report) {
    this.#case = each;
    this.#role = role;
    this.#link = link;
    this.#report = report;
    this.#request = newRequest(path);
    this.#reader = new HeadReader((rest) => this.#talk.push(rest));
    link.onData = (chunk) => this.#reader.push(chunk);
  }

  async run(chunking: ChunkingName, maxSingleBytes: number): Promise<OpeningOutcome> {
    if (this.#role === 'client') await this.#readRequest();
    const head = this.#case.head(this.#request);
    this.#response = this.#role === 'client' ? readHead(head) : undefined;
    const lines = head.split('\r\n').slice(0, -1);
    const frames = (this.#case.behind ?? []).map((each) => encodeFrame(each, this.#role === 'server').bytes);
    const bytes = Buffer.concat([Buffer.from(head, 'latin1'), ...frames]);
    const boundaries: number[] = [];
    for (let at = 0, index = 0; index < lines.length; index++)
      boundaries.push((at += lines[index]!.length + 2));
    for (let at = Buffer.byteLength(head, 'latin1'), index = 0; index < frames.length; index++) {
      boundaries.push((at += frames[index]!.length));
    }
    for (const line of lines.slice(0, 20)) this.#note(this.#role, shorten(line));
    for (const each of this.#case.behind ?? []) this.#note(this.#role, `a frame, opcode ${each.opcode}`);
    const stretch = { length: bytes.length, boundaries };
    await this.#link.deliver(cut(bytes, cutsOf(chunking, stretch, maxSingleBytes)));
    if (this.#role === 'server') await this.#readResponse();
    else await this.#awaitClient();
    if (this.#seen.opens) await this.#converse();
    return {
      seen: this.#seen,
      wire: [...this.#wire, ...(this.#conversation?.wire ?? [])],
      stretches: [stretch],
    };
  }

  /** What the subject says behind the handshake, by what that agreed on. */
  get #talk(): Conversation {
    this.#conversation ??= this.#newConversation();
    return this.#conversation;
  }

  #newConversation(): Conversation {
    const response = this.#response ?? this.#reader.head;
    const accepted = response?.headers.get('sec-websocket-extensions')?.join(', ');
    const isDeflate = accepted?.startsWith('permessage-deflate') === true && !accepted.includes(',');
    const deflate = isDeflate ? new DeflateEnd(parseAgreement(accepted), this.#role) : undefined;
    return new Conversation(this.#role, deflate);
  }

  async #readRequest(): Promise<void> {
    await this.#link.until(() => this.#reader.head !== undefined || this.#link.isOver);
    const { head } = this.#reader;
    if (head === undefined) {
      this.#seen.missing = 'a request';
      return;
    }
    this.#noteHead('server');
    this.#request = readRequest(head);
    this.#seen.request = this.#request;
    this.#seen.headers = head.headers;
  }

  async #readResponse(): Promise<void> {
    await this.#link.until(() => this.#reader.head !== undefined || this.#link.isOver);
    const { head } = this.#reader;
    if (head === undefined) {
      if (!this.#link.isOver) this.#seen.missing = 'an answer';
      return;
    }
    this.#noteHead('client');
    this.#seen.status = statusOf(head);
    this.#seen.headers = head.headers;
    this.#seen.opens = this.#seen.status === 101;
    if (this.#seen.opens) this.#checkResponse(head);
  }

  /** RFC 6455 section 4.2.2, item 5. */
  #checkResponse({ headers }: Head): void {
    const { faults } = this.#seen;
    const only = (name: string): string | undefined =>
      headers.get(name)?.length === 1 ? headers.get(name)![0] : undefined;
    if (only('upgrade')?.toLowerCase() !== 'websocket') faults.push('no Upgrade: websocket');
    if (!/(?:^|,)\s*upgrade\s*(?:$|,)/i.test(only('connection') ?? '')) faults.push('no Connection: Upgrade');
    const keySent = /^sec-websocket-key:\s*(\S+)/im.exec(this.#case.head(this.#request))?.[1] ?? '';
    if (only('sec-websocket-accept') !== acceptOf(keySent)) faults.push('a wrong Sec-WebSocket-Accept');
  }

  async #awaitClient(): Promise<void> {
    const report = this.#report;
    const isDecided = (): boolean => report.endpoint !== undefined || report.refused !== undefined;
    await this.#link.poll(isDecided);
    this.#seen.opens = report.endpoint !== undefined;
    if (!isDecided()) this.#seen.missing = 'what the client makes of it';
  }

  /** Says something, hears it back, and closes. */
  async #converse(): Promise<void> {
    const { seen } = this.#talk;
    const isBehind = (this.#case.behind ?? []).length;
    const send = (...frames: readonly Parameters<typeof encodeFrame>[0][]): Promise<void> =>
      this.#link.deliver(frames.map((each) => encodeFrame(each, this.#role === 'server').bytes));
    await send(frame(TEXT, 'Hello'));
    const isAnswered = await this.#link.until(
      () => seen.messages.length > isBehind || seen.close !== undefined || this.#link.isOver,
    );
    const last = seen.messages.at(-1)?.data.toString();
    if (!isAnswered || seen.messages.length !== isBehind + 1 || last !== 'Hello') {
      this.#seen.missing = 'the echo of a message';
      return;
    }
    await send(frame(CLOSE, Buffer.from([3, 0xe8])));
    if (this.#role === 'client') this.#link.end();
    await this.#link.until(() => this.#link.isOver);
    this.#seen.faults.push(...seen.faults);
  }

  #noteHead(to: Role): void {
    for (const line of this.#reader.text.split('\r\n').slice(0, 20)) this.#note(to, shorten(line));
  }

  #note(to: Role, words: string): void {
    this.#wire.push({ to, hex: '', words });
  }
}

function shorten(line: string): string {
  return line.length > 160 ? `${line.slice(0, 160)}…` : line;
}
