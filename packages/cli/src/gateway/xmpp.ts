import { randomUUID } from 'node:crypto';
import { CloseCode } from 'bothways/protocol';
import type { Codec, CodecEnds, CodecOptions, Ending } from './codec.js';
import { parseClientMessage, type ClientMessage } from './xmpp/client-message.js';
import { isMechanismOfTls, offersStartTls, writeFeatures } from './xmpp/features.js';
import {
  CLIENT,
  COMPRESSION,
  FRAMING,
  SASL,
  SASL2,
  STREAM_MANAGEMENT,
  STREAMS,
  TLS,
} from './xmpp/namespaces.js';
import type { ServerElement } from './xmpp/server-element.js';
import { ServerStream, type ServerStreamOwner } from './xmpp/server-stream.js';
import { endOfStreamError, writeStreamError } from './xmpp/stream-errors.js';
import { XmlFault, writeAttributes, type Attributes } from './xmpp/xml.js';

export interface XmppOptions extends CodecOptions {
  /**
   * Whether the stream to the server is secured by STARTTLS: it must be, or the connection ends; it is if the server offers
   * it; or never.
   */
  readonly starttls: 'required' | 'optional' | 'never';
}

const CLOSE = `<close xmlns='${FRAMING}'/>`;
const END = '</stream:stream>';

const CLOSED: Ending = { code: CloseCode.NORMAL, reason: 'The stream is closed' };

/**
 * XMPP over WebSocket (RFC 7395) for a server that speaks it over TCP (RFC 6120): `<open/>` and `<close/>` become the
 * start and the end of `<stream:stream>`, each message is one of its children, and the other way round.
 */
export class XmppCodec implements Codec, ServerStreamOwner {
  messagesFromClient = 0;
  messagesFromServer = 0;
  readonly #options: XmppOptions;
  readonly #ends: CodecEnds;
  /** What the server says; there is none before the client has opened its own. */
  #stream: ServerStream | undefined;
  /** What the client opened it with. */
  #open: Attributes = {};
  /** What the server opened it with. */
  #header: Attributes | undefined;
  /** Whether the client may open a stream: the first, and after a login by SASL another (RFC 6120 section 6.4.6). */
  #mayOpen = true;
  /** Whether the client has ever been answered. */
  #isAnswered = false;
  /** What the client sent before: nothing of it may go to the server before there is TLS. */
  #held: string[] = [];
  #heldBytes = 0;
  #tls: 'unknown' | 'asked' | 'proceeding' | 'securing' | 'settled';
  /** The session outlives its connection (XEP-0198), unless the stream is closed. */
  #isResumable = false;
  #isClosedByClient = false;
  #isClosedToServer = false;
  #isOver = false;

  constructor(options: XmppOptions, ends: CodecEnds) {
    this.#options = options;
    this.#ends = ends;
    this.#tls = options.starttls === 'never' ? 'settled' : 'unknown';
  }

  fromClient(data: string | Buffer): void {
    if (this.#isOver || this.#isClosedByClient) return;
    if (typeof data !== 'string') {
      // RFC 7395 section 3.2: "Data frame messages in the XMPP subprotocol MUST be of the text type".
      this.#finish({ code: CloseCode.UNSUPPORTED_DATA, reason: 'XMPP is text' });
      return;
    }
    try {
      const message = parseClientMessage(data);
      this.messagesFromClient++;
      this.#onClientMessage(message);
    } catch (error) {
      if (!(error instanceof XmlFault)) throw error;
      const isPolicy = error.condition === 'policy-violation';
      const code = isPolicy ? CloseCode.POLICY_VIOLATION : CloseCode.INVALID_PAYLOAD;
      this.#refuse(error.condition, { code, reason: error.message });
    }
  }

  fromServer(bytes: Buffer): void {
    if (this.#isOver) return;
    if (this.#stream === undefined) {
      this.#blameServer('It spoke before it was spoken to');
      return;
    }
    try {
      this.#stream.push(bytes);
    } catch (error) {
      if (!(error instanceof XmlFault)) throw error;
      this.#blameServer(error.message);
      return;
    }
    if (this.#tls === 'proceeding' && !this.#isOver) void this.#secure(this.#stream);
  }

  onServerEnd(): Ending {
    this.#isOver = true;
    if (!this.#isClosedByClient)
      return { code: CloseCode.BAD_GATEWAY, reason: 'The server left without closing its stream' };
    this.#sendToClient(CLOSE);
    return CLOSED;
  }

  onClientEnd(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // A session that can be resumed is kept by the server if the stream was not closed (RFC 7395 section 3.6).
    if (!this.#isResumable) this.#closeToServer();
  }

  onDrain(): void {
    if (this.#isOver) return;
    // Likewise: what has been closed cannot be resumed through another gateway.
    if (!this.#isResumable && this.#stream !== undefined) {
      this.#sendError('system-shutdown');
      this.#closeToServer();
    }
    this.#isOver = true;
  }

  // What the client sends.

  #onClientMessage(message: ClientMessage): void {
    const { local, uri, attributes, xml } = message;
    if (uri === FRAMING && local === 'open') this.#onOpen(attributes);
    else if (uri === FRAMING && local === 'close') this.#onClose();
    else if (this.#stream === undefined) this.#refuseOrder('The first message is <open/>');
    else if (uri === FRAMING || (uri === STREAMS && local === 'stream'))
      this.#refuseOrder(`<${local}/> has no place in a stream`);
    else if (uri === TLS || uri === COMPRESSION)
      this.#refuse('policy-violation', {
        code: CloseCode.POLICY_VIOLATION,
        reason: 'TLS and compression are those of the WebSocket',
      });
    else if (isLoginByTls(message)) this.#sendToClient(refuseLogin(uri));
    else if (this.#isAnswered) this.#ends.toServer(xml);
    else this.#hold(xml);
  }

  #onOpen(attributes: Attributes): void {
    if (!this.#mayOpen) {
      this.#refuseOrder('A stream is open already, and there was no login after which another begins');
      return;
    }
    this.#mayOpen = false;
    this.#open = attributes;
    this.#startStream();
  }

  #startStream(): void {
    this.#stream = new ServerStream(this.#options.maxMessageSize, this);
    this.#header = undefined;
    const { to, from, version, 'xml:lang': lang } = this.#open;
    const attributes = writeAttributes({
      xmlns: CLIENT,
      'xmlns:stream': STREAMS,
      // RFC 6120 section 4.7.1: who it is remains unsaid until the stream is secured.
      from: this.#tls === 'settled' ? from : undefined,
      to,
      version,
      'xml:lang': lang,
    });
    this.#ends.toServer(`<?xml version='1.0'?><stream:stream${attributes}>`);
  }

  #onClose(): void {
    this.#isClosedByClient = true;
    if (this.#isAnswered) this.#closeToServer();
    else {
      this.#sendToClient(CLOSE);
      this.#finish(CLOSED);
    }
  }

  #hold(xml: string): void {
    this.#held.push(xml);
    this.#heldBytes += Buffer.byteLength(xml);
    if (this.#heldBytes > this.#options.maxMessageSize)
      this.#refuse('policy-violation', {
        code: CloseCode.POLICY_VIOLATION,
        reason: 'Too much was sent before the server has answered',
      });
  }

  #refuseOrder(reason: string): void {
    this.#refuse('bad-format', { code: CloseCode.PROTOCOL_ERROR, reason });
  }

  #refuse(condition: string, ending: Ending): void {
    this.#sendError(condition);
    this.#finish(ending);
  }

  // What the server sends (ServerStreamOwner).

  onHeader(header: Attributes): void {
    if (this.#isOver) return;
    this.#header = header;
    if (this.#tls === 'settled') this.#answer();
    // RFC 6120 section 4.7.5: before version 1.0 there are no features.
    else if (header['version'] === undefined) this.#goOnWithoutTls();
  }

  onElement(element: ServerElement): void {
    if (this.#isOver) return;
    if (element.is('error', STREAMS)) this.#onStreamError(element);
    else if (this.#tls !== 'settled') this.#onUnsecuredElement(element);
    else if (element.is('features', STREAMS)) this.#sendToClient(writeFeatures(element));
    else {
      if (element.is('success', SASL)) this.#mayOpen = true;
      if (makesResumable(element)) this.#isResumable = true;
      this.#sendToClient(element.xml);
    }
  }

  onStreamEnd(): void {
    if (this.#isOver) return;
    this.#sendToClient(CLOSE);
    this.#finish(CLOSED);
  }

  /** The client gets an error of the stream in a stream that is open (RFC 6120 section 4.9.1.2). */
  #onStreamError(error: ServerElement): void {
    if (!this.#isAnswered) this.#answer();
    this.#sendToClient(error.xml);
    this.#sendToClient(CLOSE);
    this.#finish(this.#isClosedByClient ? CLOSED : endOfStreamError(error));
  }

  /** STARTTLS is between the gateway and the server: the client sees the stream that comes after it. */
  #onUnsecuredElement(element: ServerElement): void {
    if (this.#tls === 'unknown' && element.is('features', STREAMS)) {
      if (offersStartTls(element)) {
        this.#tls = 'asked';
        this.#ends.toServer(`<starttls xmlns='${TLS}'/>`);
      } else if (this.#goOnWithoutTls()) this.#sendToClient(writeFeatures(element));
    } else if (this.#tls === 'asked' && element.is('proceed', TLS)) this.#tls = 'proceeding';
    else if (this.#tls === 'asked' && element.is('failure', TLS)) this.#blameServer('It refuses STARTTLS');
    else this.#blameServer(`It sent <${element.local}/> before TLS`);
  }

  /** @returns whether it goes on. */
  #goOnWithoutTls(): boolean {
    if (this.#options.starttls === 'required') {
      this.#blameServer('It does not offer STARTTLS, which is required');
      return false;
    }
    this.#tls = 'settled';
    this.#answer();
    return true;
  }

  async #secure(plain: ServerStream): Promise<void> {
    // Whoever is between could have put it there, and it would be taken for something that came by TLS.
    if (plain.isWithin) {
      this.#blameServer('It sent something between <proceed/> and TLS');
      return;
    }
    this.#tls = 'securing';
    try {
      await this.#ends.startTls();
    } catch {
      // The gateway ends both sides.
      this.#isOver = true;
      return;
    }
    this.#tls = 'settled';
    if (!this.#isOver) this.#startStream();
  }

  // How the client is told, and how it ends.

  /** Answers `<open/>`. */
  #answer(): void {
    const isFirst = !this.#isAnswered;
    this.#isAnswered = true;
    const { from, to, id, version, 'xml:lang': lang } = this.#header ?? this.#makeHeader();
    const attributes = writeAttributes({ xmlns: FRAMING, from, to, id, version, 'xml:lang': lang });
    this.#sendToClient(`<open${attributes}/>`);
    if (!isFirst) return;
    for (const xml of this.#held) this.#ends.toServer(xml);
    this.#held = [];
  }

  /** For a client that is refused before the server has said anything. */
  #makeHeader(): Attributes {
    const { to } = this.#open;
    return { ...(to !== undefined && { from: to }), id: randomUUID(), version: '1.0' };
  }

  #sendError(condition: string): void {
    this.#held = [];
    if (!this.#isAnswered) this.#answer();
    this.#sendToClient(writeStreamError(condition));
    this.#sendToClient(CLOSE);
  }

  #sendToClient(xml: string): void {
    this.messagesFromServer++;
    this.#ends.toClient(xml);
  }

  #blameServer(what: string): void {
    this.#finish({ code: CloseCode.BAD_GATEWAY, reason: `The server: ${what}` });
  }

  #finish(ending: Ending): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#held = [];
    this.#closeToServer();
    this.#ends.end(ending);
  }

  #closeToServer(): void {
    // While TLS begins there is no stream.
    if (this.#stream === undefined || this.#isClosedToServer || this.#tls === 'securing') return;
    this.#isClosedToServer = true;
    this.#ends.toServer(END);
  }
}

function isLoginByTls({ local, uri, attributes }: ClientMessage): boolean {
  const isLogin = (uri === SASL && local === 'auth') || (uri === SASL2 && local === 'authenticate');
  return isLogin && isMechanismOfTls(attributes['mechanism'] ?? '');
}

/** RFC 6120 section 6.5.7, and likewise in XEP-0388. */
function refuseLogin(uri: string): string {
  const condition = uri === SASL ? '<invalid-mechanism/>' : `<invalid-mechanism xmlns='${SASL}'/>`;
  return `<failure xmlns='${uri}'>${condition}</failure>`;
}

/** XEP-0198 sections 3 and 5; within a login by SASL 2 it is a part of its `<success/>` (XEP-0386). */
function makesResumable(element: ServerElement): boolean {
  return [element, ...element.parts].some(({ local, uri, attributes }) => {
    if (uri !== STREAM_MANAGEMENT) return false;
    return local === 'resumed' || (local === 'enabled' && /^(?:true|1)$/.test(attributes['resume'] ?? ''));
  });
}
