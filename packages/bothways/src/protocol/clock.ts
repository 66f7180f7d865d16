/** A deadline that can be set again and again; setting it replaces what was set. */
export interface Alarm {
  set(milliseconds: number): void;
  clear(): void;
}

/** Time, as the platform or a test has it. */
export interface Clock {
  /** Milliseconds since whenever; it never goes back. */
  now(): number;
  alarm(onRing: () => void): Alarm;
  /** Calls back when what runs now has returned. */
  soon(call: () => void): void;
}
