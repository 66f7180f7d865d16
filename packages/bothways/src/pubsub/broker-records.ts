import type { HistoryLimits } from './history.js';

/** A message that is published and kept together with a change of a record. */
export interface RecordPublish {
  readonly topic: string;
  readonly data: string | Uint8Array;
  readonly limits: HistoryLimits;
  /** The number by which the message is known when it comes, as `publish` of `BrokerHistory` returns one. */
  readonly number: number;
  /** `origin` of the history of the node whose number that is, if another one may have to publish it. */
  readonly origin?: string | undefined;
}

/** What becomes different in a record. */
export interface RecordChange {
  /** Whether nothing of what it was before stays. */
  readonly isWhole: boolean;
  /** By name: those that have another value. A name is 1 to 100 letters. */
  readonly fields: Readonly<Record<string, string>>;
  /** What is added, each with its number: they go up. */
  readonly entries: readonly (readonly [number: number, data: string | Uint8Array])[];
  /** Entries up to this number are dropped. */
  readonly dropTo: number;
  readonly publishes: readonly RecordPublish[];
}

/** A record, as it is kept. */
export interface KeptRecord {
  /** That of the last change. */
  readonly number: number;
  readonly fields: Readonly<Record<string, string>>;
  /** In the order of their numbers. */
  readonly entries: readonly (readonly [number: number, data: string | Uint8Array])[];
}

/**
 * Keeps records, each of which one node holds at a time: another one may take it when that is gone. All nodes that share
 * topics MUST share them. Keys are 1 to 100 characters of base64url.
 */
export interface BrokerRecords {
  /**
   * Changes a record, whole or not at all, and publishes. It MUST be tried until it is known what came of it, and MUST
   * be done once, however often it is tried. Changes of one record are asked for one after the other.
   *
   * @param number of the change: higher than that of the one before.
   * @returns `lost` when another node holds it, or it was removed; `missing` when it is not there, or has to be written
   * as a whole again, and the change is not whole: then nothing was changed or published.
   * @throws {BrokerError} `ERR_BROKER_AWAY` when the broker was closed before it was known.
   */
  save(
    key: string,
    holder: string,
    number: number,
    change: RecordChange,
  ): Promise<'saved' | 'lost' | 'missing'>;

  /**
   * Takes a record from a node that is gone, or from this one. It MUST NOT be taken from another.
   *
   * @returns the record; or who holds it and is not gone; or `undefined` when nobody does.
   * @throws {BrokerError} `ERR_BROKER_AWAY` when the broker does not answer within a few seconds.
   */
  take(
    key: string,
    holder: string,
    isGone: (node: string) => boolean,
  ): Promise<KeptRecord | string | undefined>;

  /**
   * Removes a record, if this node holds it. For two minutes `save` MUST say `lost`, so that nobody who takes itself
   * for the holder brings it back. It MUST NOT throw.
   */
  remove(key: string, holder: string): void;

  /** A number for a message that is published with a change. */
  nextNumber(): number;
}
