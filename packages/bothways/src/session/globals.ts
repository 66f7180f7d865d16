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
