import type { Numbered } from './records.js';

/** What is published in the name of a session, as whoever keeps sessions takes it. */
export type KeptPublish = unknown;

/** What has changed of a session since it was saved last. */
export interface SessionChange {
  /** Whether it is all that there is to know of it. */
  readonly isWhole: boolean;
  /** By name; what has not changed is left out. */
  readonly fields: Readonly<Record<string, string>>;
  /** Messages to its client, and their numbers. */
  readonly messages: readonly (readonly [number: number, item: Numbered])[];
  /** The client has all messages up to this one: they need not be kept. */
  readonly acknowledged: number;
  /** To be published when this is saved, and only then. */
  readonly publishes: readonly KeptPublish[];
}

/** A session, as it was saved last. */
export interface SavedSession {
  /** How many changes have been saved. */
  readonly number: number;
  readonly fields: Readonly<Record<string, string>>;
  /** Those that may not have arrived, in order. */
  readonly messages: readonly (readonly [number: number, item: Numbered])[];
}

/** `lost`: another server has it. `missing`: nobody has; all of it has to be saved anew. */
export type SaveOutcome = 'saved' | 'lost' | 'missing';

/** Where sessions are kept, so that another server can go on with them when this one is dead. */
export interface SessionStore {
  /**
   * Saves a change, whole or not at all, if this server has the session. It is tried until it is known what came of it.
   *
   * @param number how many changes there are with this one.
   */
  save(id: string, number: number, change: SessionChange, onSaved: (outcome: SaveOutcome) => void): void;
  /**
   * Takes a session from a server that is gone.
   *
   * @param isGone says whether a server is.
   * @param onTaken is told what was saved; or which server has it; or that nobody has (`undefined`), or can tell.
   */
  take(
    id: string,
    isGone: (node: string) => boolean,
    onTaken: (found: SavedSession | string | undefined, isKnown: boolean) => void,
  ): void;
  /** It has ended: for two minutes, a server that takes itself for the one that has it is told `lost`. */
  remove(id: string): void;
}
