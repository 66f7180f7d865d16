/** What browsers and Node both have and the ES library's types leave out. Nothing else of them is named in this folder. */

/** The part of the DOM's `Event` that is used here. */
export interface PlatformEvent {
  readonly type: string;
}

export interface PlatformEventTarget {
  dispatchEvent(event: PlatformEvent): boolean;
  addEventListener(type: string, listener: unknown, options?: unknown): void;
  removeEventListener(type: string, listener: unknown, options?: unknown): void;
}

declare const Event: new (type: string) => PlatformEvent;
declare const EventTarget: new () => PlatformEventTarget;

/** The DOM's `Blob`: bytes that are read later. */
export interface PlatformBlob {
  readonly size: number;
  arrayBuffer(): Promise<ArrayBuffer>;
}

declare const Blob: new (parts: readonly Uint8Array[]) => PlatformBlob;
declare const MessageEvent: new (
  type: string,
  init: { data: unknown; origin: string },
) => PlatformMessageEvent;

/** The part of the DOM's `MessageEvent` that a WebSocket uses. */
export interface PlatformMessageEvent extends PlatformEvent {
  readonly data: unknown;
  /** Where the message is from, such as `ws://127.0.0.1:8080`. */
  readonly origin: string;
}

/** Looked up when they are used. */
export const messageParts = {
  blob: (bytes: Uint8Array): PlatformBlob => new Blob([bytes]),
  event: (data: unknown, origin: string): PlatformMessageEvent =>
    new MessageEvent('message', { data, origin }),
};

export const EventBase = Event;
export const EventTargetBase = EventTarget;

declare const performance: { now(): number };
declare function setTimeout(call: () => void, milliseconds: number): object | number;
declare function clearTimeout(timer: object | number | undefined): void;
declare function queueMicrotask(call: () => void): void;

/** The platform's clock and timers; looked up when they are used, so that what stands for them in tests is found. */
export const timers = {
  now: (): number => performance.now(),
  set: (call: () => void, milliseconds: number): object | number => setTimeout(call, milliseconds),
  clear: (timer: object | number | undefined): void => clearTimeout(timer),
  soon: (call: () => void): void => queueMicrotask(call),
};
