import { EventBase, type PlatformEvent } from './globals.js';
import type { Content } from './records.js';

/** A message arrived. */
export class SessionMessageEvent extends EventBase {
  /** A string for a text message, bytes for a binary one. */
  readonly data: Content;

  constructor(data: Content) {
    super('message');
    this.data = data;
  }
}

/** The session is carried again, after a loss. */
export class SessionResumeEvent extends EventBase {
  /** Whether it is the same session, in which nothing is lost or repeated. */
  readonly resumed: boolean;
  /**
   * If it has not resumed: the messages that were sent and not acknowledged. Whether they arrived is not known; they
   * are not sent again, unless the application does. What was never sent is sent in the new session.
   */
  readonly unacknowledged: readonly Content[];

  constructor(resumed: boolean, unacknowledged: readonly Content[]) {
    super('resume');
    this.resumed = resumed;
    this.unacknowledged = unacknowledged;
  }
}

/** Nothing carries the session, and the client will try again. */
export class SessionRetryEvent extends EventBase {
  /** Why it has lost its carrier, or could not get one. */
  readonly reason: string;
  /** In how long it tries again, milliseconds. */
  readonly delay: number;

  constructor(reason: string, delay: number) {
    super('retry');
    this.reason = reason;
    this.delay = delay;
  }
}

/** The session was given up: what is wrong cannot heal. `close` follows. */
export class SessionErrorEvent extends EventBase {
  readonly error: Error;
  readonly message: string;

  constructor(error: Error) {
    super('error');
    this.error = error;
    this.message = error.message;
  }
}

/** The session has ended. */
export class SessionCloseEvent extends EventBase {
  readonly code: number;
  readonly reason: string;
  /** Whether both sides know. */
  readonly wasClean: boolean;

  constructor(code: number, reason: string, wasClean: boolean) {
    super('close');
    this.code = code;
    this.reason = reason;
    this.wasClean = wasClean;
  }
}

/** What the events of a session are called, and what they are. */
export interface SessionEventMap {
  open: PlatformEvent;
  message: SessionMessageEvent;
  resume: SessionResumeEvent;
  retry: SessionRetryEvent;
  statechange: PlatformEvent;
  carrierchange: PlatformEvent;
  error: SessionErrorEvent;
  close: SessionCloseEvent;
}
