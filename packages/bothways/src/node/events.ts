import { defineInterface } from './web-idl.js';

type EventInit = NonNullable<ConstructorParameters<typeof Event>[1]>;

/** The event that ends a WebSocket, where the platform has none (Node 20 and 22). WHATWG WebSockets section 4. */
export class CloseEvent extends Event {
  readonly wasClean: boolean;
  readonly code: number;
  readonly reason: string;

  constructor(type: string, init: { wasClean?: boolean; code?: number; reason?: string } & EventInit = {}) {
    super(type, init);
    this.wasClean = init.wasClean ?? false;
    this.code = init.code ?? 0;
    this.reason = init.reason ?? '';
  }
}

defineInterface(CloseEvent, 'CloseEvent');

/** The event of a WebSocket that failed. The standard tells a page nothing; here the reason is in `error`. */
export class ErrorEvent extends Event {
  readonly error: Error;
  readonly message: string;

  constructor(type: string, init: { error: Error } & EventInit) {
    super(type, init);
    this.error = init.error;
    this.message = init.error.message;
  }
}

defineInterface(ErrorEvent, 'ErrorEvent');

/** What the events of a WebSocket are called, and what they are. */
export interface WebSocketEventMap {
  open: Event;
  message: MessageEvent;
  error: ErrorEvent;
  close: CloseEvent;
}
