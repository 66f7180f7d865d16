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

export const EventBase = Event;
export const EventTargetBase = EventTarget;

interface Timers {
  readonly performance: { now(): number };
  setTimeout(call: () => void, milliseconds: number): object | number;
  clearTimeout(timer: object | number | undefined): void;
  queueMicrotask(call: () => void): void;
}

// eslint-disable-next-line no-shadow-restricted-names -- it is that one, and has no type without the DOM or Node
declare const globalThis: Timers;

/** The platform's clock and timers; looked up when they are used, so that what stands for them in tests is found. */
export const timers: Timers = globalThis;
