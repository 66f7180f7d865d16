import type { Settings } from './subjects/subject.js';
import type { DeflateOptions } from './wire/deflate.js';
import type { Frame, Role } from './wire/frame.js';

export type { Role };

/** The sentence of a standard that a group of cases is about. */
export interface Rule {
  readonly rfc: 6455 | 7692;
  readonly section: string;
  /** What it says, in short. */
  readonly says: string;
}

export interface Message {
  readonly type: 'text' | 'binary';
  readonly data: Buffer;
}

/** What the harness does, in order. Runs of `send` are one stretch of bytes, which each chunking cuts elsewhere. */
export type Step =
  | { readonly do: 'send'; readonly frames: readonly Frame[] }
  /** The beginning of a frame, with so many bytes of its payload, or what is behind them. */
  | { readonly do: 'send-part'; readonly frame: Frame; readonly until?: number; readonly from?: number }
  /** A message compressed by what was agreed on. */
  | { readonly do: 'send-compressed'; readonly message: Message; readonly options: CompressedOptions }
  /** Waits until the subject has sent so many of these, all in all; or a Pong with this payload. */
  | { readonly do: 'await'; readonly what: Awaited; readonly count: number; readonly payload?: string }
  /** Waits a moment whether the subject fails the connection: if so, it did at this point. */
  | { readonly do: 'mark'; readonly point: string }
  /** Ends the harness's side of the TCP connection. */
  | { readonly do: 'end' }
  | { readonly do: 'reset' }
  /** Makes the subject's application act. */
  | { readonly do: 'tell'; readonly action: Action };

export type Awaited = 'messages' | 'pongs' | 'pings' | 'close' | 'end';

export type Action =
  | { readonly send: string }
  | { readonly ping: string }
  | { readonly close: readonly [code: number, reason: string] };

export interface CompressedOptions extends DeflateOptions {
  /** How many bytes the frames have; left out, one frame. */
  readonly fragmentSize?: number | undefined;
}

/** What may be seen. Everything that is left out must not come. */
export interface Expectation {
  /** In a few words: "echoes both messages", "fails with 1002". */
  readonly says: string;
  /** The messages that come back, in order; `any` where `also` looks at them. */
  readonly messages?: readonly Message[] | 'any' | undefined;
  /** The payloads of the Pongs, in order. */
  readonly pongs?: readonly string[] | undefined;
  /** Of the Pongs only the last is needed (RFC 6455 section 5.5.3). */
  readonly onlyLastPong?: boolean | undefined;
  readonly pings?: readonly string[] | undefined;
  /** The code of the subject's Close frame; 1005 for an empty one, `none` where TCP ends without one. */
  readonly close: CloseMatch;
  readonly reason?: string | undefined;
  /** What the application is told when the connection is gone. */
  readonly told?: { readonly code: number; readonly reason?: string | undefined } | undefined;
  /** Whether some message came back compressed. */
  readonly compressed?: boolean | undefined;
  /** Anything else that has to be so. */
  readonly also?: ((seen: Seen) => boolean) | undefined;
}

/** A code, any of some, any that may be in a Close frame, or no Close frame at all. */
export type CloseMatch = number | readonly number[] | 'any' | 'none';

/** What a connection came to, as the harness saw it. */
export interface Seen {
  readonly messages: (Message & { readonly compressed: boolean; readonly frames: number })[];
  readonly pongs: Buffer[];
  readonly pings: Buffer[];
  close: { readonly code: number; readonly reason: string } | undefined;
  /** Masking keys of the frames. */
  readonly keys: string[];
  /** What no endpoint may send, in words. */
  readonly faults: string[];
  /** The point at which the connection was failed, if the case marks points. */
  noticed: string | undefined;
  /** How TCP ended: by the subject's FIN or RST, or not at all. */
  ended: 'by FIN' | 'by RST' | 'only after the peer had closed' | 'by the harness' | 'not';
  told: { readonly code: number; readonly reason: string } | undefined;
  /** What was waited for in vain. */
  missing: string | undefined;
}

export interface Script {
  readonly steps: readonly Step[];
  /** What the standard allows; where that is several things, what is best comes first. */
  readonly strict: readonly Expectation[];
  /** What tolerates a fault of the peer that the standard does not allow, without harm. */
  readonly lenient?: readonly Expectation[] | undefined;
}

interface CaseBase {
  readonly title: string;
  readonly rule?: Rule | undefined;
  /** Left out, both. */
  readonly role?: Role | undefined;
  readonly settings?: Settings | undefined;
  /** Whether it is left out of the quick run. */
  readonly isSlow?: boolean | undefined;
}

/** A case on an open connection. */
export interface TalkCase extends CaseBase {
  readonly kind: 'talk';
  /** permessage-deflate: what the harness offers to a server, and what it answers to a client. */
  readonly extension?: string | undefined;
  /** Made when the case is run: some are large. */
  readonly script: () => Script;
  /** Chunks of one byte and cuts around each frame boundary make no sense for some. */
  readonly isWholeOnly?: boolean | undefined;
}

/** A case about the opening handshake. */
export interface OpeningCase extends CaseBase {
  readonly kind: 'opening';
  /** The bytes of the request to a server, or of the response to a client that sent this request. */
  readonly head: (request: ClientRequest) => string;
  /** What is sent right behind it, in the same bytes. */
  readonly behind?: readonly Frame[] | undefined;
  readonly strict: readonly OpeningExpectation[];
  readonly lenient?: readonly OpeningExpectation[] | undefined;
}

/** What a harness that is a server got; a harness that is a client makes up the key. */
export interface ClientRequest {
  readonly line: string;
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly path: string;
  readonly key: string;
  readonly accept: string;
}

export interface OpeningExpectation {
  readonly says: string;
  /** Whether the connection opens and works. */
  readonly opens: boolean;
  /** The statuses that a server may answer with. */
  readonly status?: readonly number[] | undefined;
  /** Anything else that has to be so of the answer, or of the client's request. */
  readonly also?: ((seen: OpeningSeen) => boolean) | undefined;
}

export interface OpeningSeen {
  opens: boolean;
  status: number | undefined;
  /** The header fields of the subject, by lower-case name. */
  headers: ReadonlyMap<string, readonly string[]>;
  request: ClientRequest | undefined;
  readonly faults: string[];
  missing: string | undefined;
}

export type CaseBody = TalkCase | OpeningCase;

export interface Group {
  readonly title: string;
  readonly rule: Rule;
  readonly cases: readonly CaseBody[];
}

export interface Chapter {
  readonly title: string;
  readonly groups: readonly Group[];
}

/** A case with its place in the catalogue. */
export type Case = CaseBody & {
  /** Such as 6.4.2. */
  readonly id: string;
  readonly chapter: string;
  readonly group: string;
  readonly rule: Rule;
};

export type Outcome = 'strict' | 'lenient' | 'failed';

/** One line of what went over the wire. */
export interface WireLine {
  readonly to: Role;
  readonly hex: string;
  readonly words: string;
}

export interface Result {
  readonly id: string;
  readonly outcome: Outcome;
  /** Which of the strict expectations it met, from 0; what is not the first is still by the standard. */
  readonly choice: number;
  /** What strict behaviour is, what is best first. */
  readonly strict: readonly string[];
  /** What was seen, in words. */
  readonly seen: string;
  readonly noticed: string | undefined;
  readonly milliseconds: number;
  readonly chunkings: readonly {
    readonly name: string;
    readonly outcome: Outcome;
    readonly choice: number;
    readonly seen: string;
  }[];
  /** The transcript of the worst chunking. */
  readonly wire: readonly WireLine[];
}
