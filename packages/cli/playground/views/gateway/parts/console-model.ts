import type { Wire } from '../wire/wire.js';

/** What the consoles have in common, whatever they speak. */
export interface ConsoleModel {
  readonly wire: Wire;
  connect(): void;
  disconnect(): void;
  /** Ends for good, because the view is left. */
  dispose(): void;
}
