/** How a subject is set up. What is left out is as the library's own defaults have it; compression is off. */
export interface Settings {
  /** permessage-deflate, for messages of any size. */
  readonly compression?: Compression | undefined;
  /** The largest message that is accepted, bytes. */
  readonly maxMessageSize?: number | undefined;
  /** The subprotocols it speaks (a server), or offers (a client). */
  readonly protocols?: readonly string[] | undefined;
  /** How long the peer has to do its part of the closing handshake, milliseconds. */
  readonly closeTimeout?: number | undefined;
}

export interface Compression {
  readonly contextTakeover: boolean;
  /** Left out, the library's default. */
  readonly windowBits?: number | undefined;
}

/** One open connection of the subject's, to make it act. It echoes messages by itself, text as text. */
export interface Endpoint {
  send(message: string | Buffer): void;
  ping(payload: string): void;
  close(code: number | undefined, reason: string): void;
}

/** What the subject's application was told about the connection that was opened at a path. */
export interface Told {
  opened(path: string, endpoint: Endpoint): void;
  closed(path: string, code: number, reason: string): void;
  /** A client's attempt failed. */
  refused(path: string, error: Error): void;
}

/** An implementation that is tested; it runs in the process of the harness. */
export interface Subject {
  readonly name: string;
  readonly version: string;
  /** What a reader should know about how it is set up. */
  readonly note: string;
  serve(settings: Settings, told: Told): Promise<{ readonly port: number; stop(): Promise<void> }>;
  connect(port: number, path: string, settings: Settings, told: Told): void;
}
