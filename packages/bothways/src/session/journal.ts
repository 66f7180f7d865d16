import type { Alarm, Clock } from '../protocol/clock.js';
import type { HandedOn } from './saved-incoming.js';
import type { Numbered } from './records.js';
import type { KeptPublish, SaveOutcome, SavedSession, SessionStore } from './store.js';

/** A session, as it is at one moment. */
export interface Snapshot {
  /** By name, all of them. */
  readonly fields: Readonly<Record<string, string>>;
  /** How many of its messages the client has. */
  readonly acknowledged: number;
  /** What was handed on of what the client has sent. */
  readonly handedOn: HandedOn;
}

/** What a journal writes down. */
export interface JournalSource {
  /** `undefined` while it cannot be said. */
  snapshot(): Snapshot | undefined;
  /** The messages to the client behind a number. */
  messagesAfter(number: number): readonly Numbered[];
  /** What was so at some moment is kept now. */
  onSaved(handedOn: HandedOn): void;
  /** It leaves, and nothing may happen any more: what it was is being saved. */
  onLeaving(): void;
  /** Another server has the session. */
  onMoved(): void;
}

/** When it is asked again what could not be said, milliseconds. */
const SAVED_AGAIN = 20;
/** How many messages that the client has are kept before they are let go. */
const TRIM = 64;

/** Saves what happens to a session: one change after another, each with all that has happened meanwhile. */
export class Journal {
  /** The last message to the client that is saved. */
  savedTo: number;
  readonly #id: string;
  readonly #store: SessionStore;
  readonly #clock: Clock;
  readonly #source: JournalSource;
  #number: number;
  #fields: Readonly<Record<string, string>> = {};
  #acknowledged: number;
  #publishes: KeptPublish[] = [];
  /** The last message that is being saved. */
  #savingTo: number;
  #isSaving = false;
  /** Rings when what could not be said may be said by now. */
  #again: Alarm | undefined;
  #isDirty = false;
  #isClosed = false;
  /** Nothing is saved any more. */
  #isOver = false;
  /** Another server is to go on: who is told when all is saved, and what all is. */
  readonly #onLeft: (() => void)[] = [];
  #final: Snapshot | undefined;
  #isWhole: boolean;
  savedAt: number;

  /** @param saved what was saved of it by another server. */
  constructor(
    id: string,
    store: SessionStore,
    clock: Clock,
    source: JournalSource,
    saved: SavedSession | undefined,
    acknowledged: number,
  ) {
    this.#id = id;
    this.#store = store;
    this.#clock = clock;
    this.#source = source;
    this.#number = saved?.number ?? 0;
    this.#isWhole = saved === undefined;
    this.savedTo = saved?.messages.at(-1)?.[0] ?? acknowledged;
    this.#acknowledged = acknowledged;
    this.#savingTo = this.savedTo;
    this.savedAt = clock.now();
  }

  /** Whether all that has happened is saved. */
  get isSaved(): boolean {
    return !this.#isDirty && !this.#isSaving;
  }

  /** The last message that is saved, or may be. */
  get writtenTo(): number {
    return this.#savingTo;
  }

  /** Whether nothing is saved any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Something has happened. */
  note(): void {
    if (this.#isDirty || this.#isClosed || this.#final !== undefined) return;
    this.#isDirty = true;
    if (!this.#isSaving) this.#clock.soon(() => this.#save());
  }

  /** The client has all messages up to this one. */
  noteAcknowledged(number: number): void {
    if (number - this.#acknowledged >= TRIM) this.note();
  }

  publish(publish: KeptPublish): void {
    this.#publishes.push(publish);
    this.note();
  }

  /** Saves it as it is, for another server. @param onLeft is told when that is done, or it has ended or moved. */
  leave(onLeft: () => void): void {
    if (this.#isOver) {
      onLeft();
      return;
    }
    this.#onLeft.push(onLeft);
    this.note();
  }

  /** The session is not here any more. @param hasEnded whether it is nowhere else either. */
  close(hasEnded: boolean): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (hasEnded) this.#finish();
    else this.#end();
  }

  #end(): void {
    this.#isOver = true;
    this.#again?.clear();
    for (const onLeft of this.#onLeft.splice(0)) onLeft();
  }

  /** What is to be published is published, all the same. */
  #finish(): void {
    if (this.#isSaving) return;
    this.#isDirty = this.#publishes.length > 0;
    if (this.#isDirty) {
      this.#save();
      return;
    }
    this.#store.remove(this.#id);
    this.#end();
  }

  #save(): void {
    if (!this.#isDirty || this.#isSaving || this.#isOver) return;
    const snapshot = this.#final ?? this.#source.snapshot();
    if (snapshot === undefined) {
      this.#again ??= this.#clock.alarm(() => this.#save());
      this.#again.set(SAVED_AGAIN);
      return;
    }
    const { fields, acknowledged, handedOn } = snapshot;
    this.#isDirty = false;
    this.#isSaving = true;
    const before = this.#isWhole ? {} : this.#fields;
    const from = this.#isWhole ? acknowledged : this.#savingTo;
    const messages = this.#source.messagesAfter(from);
    const change = {
      isWhole: this.#isWhole,
      fields: Object.fromEntries(Object.entries(fields).filter(([name, value]) => before[name] !== value)),
      messages: messages.map((item, index) => [from + 1 + index, item] as const),
      acknowledged,
      publishes: this.#publishes,
    };
    this.#isWhole = false;
    this.#fields = fields;
    this.#acknowledged = acknowledged;
    this.#publishes = [];
    this.#savingTo = from + messages.length;
    this.#store.save(this.#id, ++this.#number, change, (outcome) =>
      this.#onSaved(outcome, handedOn, change.publishes),
    );
    if (this.#onLeft.length === 0 || this.#isClosed || this.#final !== undefined) return;
    this.#final = snapshot;
    this.#source.onLeaving();
  }

  #onSaved(outcome: SaveOutcome, handedOn: HandedOn, publishes: readonly KeptPublish[]): void {
    if (this.#isOver) return;
    this.#isSaving = false;
    if (outcome === 'lost') {
      if (!this.#isClosed && this.#final === undefined) this.#source.onMoved();
      this.#end();
      return;
    }
    if (outcome === 'missing') {
      this.#isWhole = true;
      this.#publishes.unshift(...publishes);
      this.#isDirty = true;
    } else {
      this.savedAt = this.#clock.now();
      this.savedTo = this.#savingTo;
      if (!this.#isClosed && this.#final === undefined) this.#source.onSaved(handedOn);
    }
    if (this.#isClosed) this.#finish();
    else if (this.#isDirty) this.#save();
    else if (this.#final !== undefined) this.#end();
  }
}
