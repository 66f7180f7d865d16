import type { BrokerRecords, KeptRecord, RecordPublish } from '../pubsub/broker-records.js';
import { Closing, parseSocketMessage, toSocketMessage, type Numbered } from '../session/records.js';
import type { SavedSession, SaveOutcome, SessionChange, SessionStore } from '../session/store.js';

/** Sessions as records of a broker. */
export class RecordStore implements SessionStore {
  readonly #records: BrokerRecords;
  readonly #node: string;

  /** @param node this server, to the others. */
  constructor(records: BrokerRecords, node: string) {
    this.#records = records;
    this.#node = node;
  }

  save(id: string, number: number, change: SessionChange, onSaved: (outcome: SaveOutcome) => void): void {
    const { isWhole, fields, messages, acknowledged, publishes } = change;
    const saved = this.#records.save(id, this.#node, number, {
      isWhole,
      fields,
      entries: messages.map(([at, item]) => [at, toSocketMessage(item)] as const),
      dropTo: acknowledged,
      publishes: publishes as readonly RecordPublish[],
    });
    // It fails when the server closes: then nobody wants to know.
    saved.then(onSaved, () => {});
  }

  take(
    id: string,
    isGone: (node: string) => boolean,
    onTaken: (found: SavedSession | string | undefined, isKnown: boolean) => void,
  ): void {
    this.#records.take(id, this.#node, isGone).then(
      (found) => onTaken(typeof found === 'object' ? sessionOf(found) : found, true),
      () => onTaken(undefined, false),
    );
  }

  remove(id: string): void {
    this.#records.remove(id, this.#node);
  }
}

function sessionOf({ number, fields, entries }: KeptRecord): SavedSession {
  return { number, fields, messages: entries.map(([at, data]) => [at, itemOf(data)] as const) };
}

/** As `toSocketMessage` has written it. */
function itemOf(data: string | Uint8Array): Numbered {
  const record = parseSocketMessage(data);
  if (typeof record === 'string' || record instanceof Uint8Array || record instanceof Closing) return record;
  throw new TypeError('What is kept of a session is no message');
}
