import { isThenable, toError } from './handlers.js';

/** What `addEventListener` takes. */
export type AnyListener = Parameters<EventTarget['addEventListener']>[1];
export type ListenerOptions = Parameters<EventTarget['addEventListener']>[2];

/** The same listener has one guard for ever, so that it is added once, and found when it is removed. */
const guards = new WeakMap<object, (event: Event) => void>();

/**
 * The listener that stands for another one. DOM, "inner invoke": an exception of a listener is reported, and neither
 * the other listeners nor the connection learn of it. A page lives on with what was reported; Node would end the
 * process, so here it becomes a warning of the process.
 */
export function guardListener(listener: unknown): AnyListener {
  // Node refuses, or ignores, what can be no listener.
  if (listener === null || (typeof listener !== 'function' && typeof listener !== 'object')) {
    return listener as AnyListener;
  }
  let guard = guards.get(listener);
  if (guard === undefined) {
    guard = (event) => callListener(listener as NonNullable<AnyListener>, event);
    guards.set(listener, guard);
    // An AbortSignal removes what was added, which is the guard.
    guards.set(guard, guard);
  }
  return guard;
}

function callListener(listener: NonNullable<AnyListener>, event: Event): void {
  try {
    const outcome: unknown =
      typeof listener === 'function'
        ? listener.call(event.currentTarget!, event)
        : listener.handleEvent(event);
    if (isThenable(outcome)) outcome.then(undefined, reportException);
  } catch (thrown) {
    reportException(thrown);
  }
}

function reportException(thrown: unknown): void {
  process.emitWarning(toError(thrown));
}

/** The listener behind an event handler attribute such as `onmessage`. */
export class AttributeListener {
  /** A function; or another object, which HTML keeps as well and never calls. */
  handler: object;

  constructor(handler: object) {
    this.handler = handler;
  }

  /** HTML, "the event handler processing algorithm". */
  handleEvent(event: Event): unknown {
    if (typeof this.handler !== 'function') return undefined;
    const outcome: unknown = (this.handler as (event: Event) => unknown).call(event.currentTarget, event);
    if (outcome === false) event.preventDefault();
    return outcome;
  }
}
