import { describe, expect, it } from 'vitest';
import type { HandedOn } from './saved-incoming.js';
import { Journal, type JournalSource, type Snapshot } from './journal.js';
import type { Numbered } from './records.js';
import type { SaveOutcome, SavedSession, SessionChange, SessionStore } from './store.js';
import { VirtualTime } from './test-time.js';

interface Saving {
  readonly number: number;
  readonly change: SessionChange;
  readonly answer: (outcome?: SaveOutcome) => void;
}

/** A store whose answers the test gives. */
class ScriptedStore implements SessionStore {
  readonly saving: Saving[] = [];
  readonly removed: string[] = [];

  save(_id: string, number: number, change: SessionChange, onSaved: (outcome: SaveOutcome) => void): void {
    this.saving.push({ number, change, answer: (outcome = 'saved') => onSaved(outcome) });
  }

  take(): void {}

  remove(id: string): void {
    this.removed.push(id);
  }
}

/** A session as its journal sees it, and the story of what that tells it. */
class ScriptedSource implements JournalSource {
  fields: Record<string, string> | undefined = { state: 'a' };
  acknowledged = 0;
  received = 0;
  readonly messages: Numbered[] = [];
  readonly story: string[] = [];

  snapshot(): Snapshot | undefined {
    const { fields, acknowledged, received } = this;
    return fields && { fields: { ...fields }, acknowledged, handedOn: { received, weight: received * 10 } };
  }

  messagesAfter(number: number): readonly Numbered[] {
    return this.messages.slice(number);
  }

  onSaved({ received, weight }: HandedOn): void {
    this.story.push(`kept ${received} ${weight}`);
  }

  onLeaving(): void {
    this.story.push('leaving');
  }

  onMoved(): void {
    this.story.push('moved');
  }
}

function openJournal(saved?: SavedSession) {
  const time = new VirtualTime();
  const store = new ScriptedStore();
  const source = new ScriptedSource();
  const journal = new Journal('id', store, time, source, saved, source.acknowledged);
  /** What is being saved, by itself. */
  const next = (): Saving => {
    time.pass(0);
    expect(store.saving).toHaveLength(1);
    return store.saving.shift()!;
  };
  return { time, store, source, journal, next };
}

describe('A journal', () => {
  it('saves all of a session first, and then what has changed', () => {
    const { journal, source, next } = openJournal();
    source.messages.push('one', 'two');
    source.fields = { state: 'a', topics: 't' };
    journal.note();
    journal.note();
    const first = next();
    expect([first.number, first.change]).toEqual([
      1,
      {
        isWhole: true,
        fields: { state: 'a', topics: 't' },
        messages: [
          [1, 'one'],
          [2, 'two'],
        ],
        acknowledged: 0,
        publishes: [],
      },
    ]);
    first.answer();
    source.messages.push('three');
    source.fields['state'] = 'b';
    source.acknowledged = 2;
    journal.note();
    const second = next();
    expect([second.number, second.change]).toEqual([
      2,
      { isWhole: false, fields: { state: 'b' }, messages: [[3, 'three']], acknowledged: 2, publishes: [] },
    ]);
    second.answer();
    source.messages.push('four');
    journal.note();
    expect(next().change).toMatchObject({ fields: {}, messages: [[4, 'four']] });
  });

  it('saves one change after the other, each with all that has happened meanwhile', () => {
    const { time, journal, source, store, next } = openJournal();
    source.received = 1;
    journal.note();
    const first = next();
    source.received = 2;
    journal.note();
    source.received = 3;
    journal.publish('p');
    time.pass(1_000);
    expect([store.saving, source.story, journal.isSaved]).toEqual([[], [], false]);
    first.answer();
    expect(source.story).toEqual(['kept 1 10']);
    const second = next();
    expect([second.number, second.change.publishes]).toEqual([2, ['p']]);
    second.answer();
    expect([source.story, journal.isSaved]).toEqual([['kept 1 10', 'kept 3 30'], true]);
  });

  it('knows which messages are saved, and which may be', () => {
    const { journal, source, next } = openJournal();
    source.messages.push('one', 'two');
    journal.note();
    const { answer } = next();
    source.messages.push('three');
    expect([journal.savedTo, journal.writtenTo]).toEqual([0, 2]);
    answer();
    expect([journal.savedTo, journal.writtenTo]).toEqual([2, 2]);
  });

  it('goes on where another server was', () => {
    const { journal, source, next } = openJournal({
      number: 7,
      fields: { state: 'a' },
      messages: [
        [3, 'three'],
        [4, 'four'],
      ],
    });
    expect(journal.savedTo).toBe(4);
    source.messages.push('one', 'two', 'three', 'four', 'five');
    journal.note();
    const { number, change } = next();
    expect([number, change.isWhole, change.messages]).toEqual([8, false, [[5, 'five']]]);
  });

  it('asks again when nothing can be said yet', () => {
    const { time, journal, source, store, next } = openJournal();
    source.fields = undefined;
    journal.note();
    time.pass(1_000);
    expect([store.saving, journal.isSaved]).toEqual([[], false]);
    source.fields = { state: 'later' };
    time.pass(20);
    expect(next().change.fields).toEqual({ state: 'later' });
  });

  it('saves all of it once more, and what was to be published, when the store has lost it', () => {
    const { journal, source, next } = openJournal();
    source.messages.push('one', 'two', 'three');
    source.acknowledged = 1;
    journal.note();
    next().answer();
    journal.publish('p');
    next().answer('missing');
    journal.publish('q');
    const { change, answer } = next();
    expect(change).toEqual({
      isWhole: true,
      fields: { state: 'a' },
      messages: [
        [2, 'two'],
        [3, 'three'],
      ],
      acknowledged: 1,
      publishes: ['p'],
    });
    answer();
    expect(next().change).toMatchObject({ isWhole: false, fields: {}, publishes: ['q'] });
  });

  it('says when another server has the session, and nothing is saved any more', () => {
    const { time, journal, source, store, next } = openJournal();
    journal.note();
    next().answer('lost');
    expect(source.story).toEqual(['moved']);
    journal.note();
    journal.publish('p');
    time.pass(1_000);
    expect(store.saving).toEqual([]);
  });

  it('lets messages go now and then that the client has', () => {
    const { time, journal, source, store, next } = openJournal();
    journal.note();
    next().answer();
    journal.noteAcknowledged(63);
    time.pass(0);
    expect(store.saving).toEqual([]);
    source.acknowledged = 64;
    journal.noteAcknowledged(64);
    expect(next().change.acknowledged).toBe(64);
  });
});

describe('The journal of a session that has ended', () => {
  it('removes it', () => {
    const { time, journal, store, next } = openJournal();
    journal.note();
    next().answer();
    journal.note();
    journal.close(true);
    time.pass(1_000);
    expect([store.removed, store.saving]).toEqual([['id'], []]);
  });

  it.each([false, true])('publishes what is to be published first, being saved before: %s', (isSaving) => {
    const { journal, source, store, next } = openJournal();
    if (isSaving) journal.note();
    const before = isSaving ? next() : undefined;
    journal.publish('p');
    source.fields = { state: 'a', ended: '1' };
    journal.close(true);
    before?.answer();
    const { change, answer } = next();
    expect([change.publishes, store.removed]).toEqual([['p'], []]);
    answer();
    expect(store.removed).toEqual(['id']);
    expect(source.story).toEqual([]);
  });

  it('removes nothing when another server has it', () => {
    const { time, journal, store, next } = openJournal();
    journal.publish('p');
    const { answer } = next();
    journal.close(true);
    answer('lost');
    time.pass(1_000);
    expect([store.removed, store.saving]).toEqual([[], []]);
  });
});

describe('The journal of a session that leaves', () => {
  it('saves all of it, while nothing happens any more, and says so', () => {
    const { time, journal, source, store, next } = openJournal();
    journal.note();
    const before = next();
    journal.leave(() => source.story.push('left'));
    source.fields = { state: 'last' };
    before.answer();
    const { change, answer } = next();
    expect([change.fields, source.story]).toEqual([{ state: 'last' }, ['kept 0 0', 'leaving']]);
    source.fields = { state: 'too late' };
    journal.note();
    answer();
    time.pass(1_000);
    expect([source.story, store.saving, store.removed]).toEqual([['kept 0 0', 'leaving', 'left'], [], []]);
  });

  it('saves it whole as it was then when the store has lost it', () => {
    const { journal, source, next } = openJournal();
    journal.note();
    next().answer();
    source.fields = { state: 'last' };
    journal.leave(() => source.story.push('left'));
    const { answer } = next();
    source.fields = { state: 'too late' };
    answer('missing');
    const again = next();
    expect(again.change).toMatchObject({ isWhole: true, fields: { state: 'last' } });
    again.answer();
    expect(source.story).toEqual(['kept 0 0', 'leaving', 'left']);
  });

  it.each([
    ['another server has it', (_: Journal, { answer }: Saving) => answer('lost')],
    [
      'it has ended',
      (journal: Journal, { answer }: Saving) => {
        journal.close(true);
        answer();
      },
    ],
    ['it is cut', (journal: Journal) => journal.close(false)],
  ] as const)('says so as well when %s', (_, happen) => {
    const { journal, next } = openJournal();
    journal.note();
    const saving = next();
    let left = 0;
    journal.leave(() => void left++);
    happen(journal, saving);
    expect(left).toBe(1);
    journal.leave(() => void left++);
    expect(left).toBe(2);
  });
});
