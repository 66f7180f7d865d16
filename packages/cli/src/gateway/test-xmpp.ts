import type { Ending } from './codec.js';
import { XmppCodec, type XmppOptions } from './xmpp.js';

export const OPEN = `<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>`;
export const CLOSE = `<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>`;
/** What `OPEN` becomes. */
export const OPENED =
  `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'` +
  ` to='localhost' version='1.0'>`;
/** A server's answer to it. */
export const HEADER =
  `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'` +
  ` from='localhost' id='1' version='1.0'>`;
/** What `HEADER` becomes. */
export const ANSWER = `<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='localhost' id='1' version='1.0'/>`;
export const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
export const TLS = 'urn:ietf:params:xml:ns:xmpp-tls';

/** A codec, and what it does. */
export class Carried {
  readonly codec: XmppCodec;
  readonly #toClient: string[] = [];
  readonly #toServer: string[] = [];
  ending: Ending | undefined;
  tls: { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } | undefined;

  constructor(options: Partial<XmppOptions> = {}) {
    this.codec = new XmppCodec(
      { maxMessageSize: 10_000, starttls: 'never', ...options },
      {
        toClient: (message) => void this.#toClient.push(String(message)),
        toServer: (bytes) => void this.#toServer.push(String(bytes)),
        end: (ending) => {
          if (this.ending !== undefined) throw new Error('It has ended already');
          this.ending = ending;
        },
        startTls: () => {
          let resolve!: () => void;
          let reject!: (error: Error) => void;
          const promise = new Promise<void>((onResolve, onReject) => {
            resolve = onResolve;
            reject = onReject;
          });
          this.tls = { promise, resolve, reject };
          return promise;
        },
      },
    );
  }

  /** What has gone to the client since it was last asked. */
  get toClient(): string[] {
    return this.#toClient.splice(0);
  }

  /** What has gone to the server since it was last asked. */
  get toServer(): string[] {
    return this.#toServer.splice(0);
  }

  client(...messages: string[]): this {
    for (const message of messages) this.codec.fromClient(message);
    return this;
  }

  server(...pieces: (string | Uint8Array)[]): this {
    for (const piece of pieces) this.codec.fromServer(Buffer.from(piece));
    return this;
  }

  /** A stream is open both ways, and what opened it is left out of what has gone. */
  opened(header = HEADER): this {
    this.client(OPEN).server(header);
    this.#toClient.length = 0;
    this.#toServer.length = 0;
    return this;
  }
}
