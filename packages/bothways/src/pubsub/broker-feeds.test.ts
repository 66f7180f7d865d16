import { describe, expect, it } from 'vitest';
import { deferred, turns, type Deferred } from '../node/test-arrivals.js';
import type { Position } from '../protocol/contract.js';
import { BrokerError } from '../protocol/errors.js';
import { VirtualTime } from '../session/test-time.js';
import { BrokerFeeds } from './broker-feeds.js';
import type { BrokerChanges, BrokerHistory } from './broker-history.js';
import { matches } from './filter.js';
import { HistoryRules } from './history-rules.js';
import type { HistoryPage, Since } from './history.js';

const OPTIONS = { messages: 100, age: 60_000 };
const AWAY = new BrokerError('ERR_BROKER_AWAY', 'away');

interface Read {
  readonly topic: string;
  readonly since: Since;
  readonly answer: Deferred<HistoryPage>;
}

/** A history whose answers the test gives. */
class ScriptedHistory implements BrokerHistory {
  readonly origin = 'me';
  readonly reads: Read[] = [];
  readonly asked: Deferred<BrokerChanges>[] = [];
  /** From where on it was asked last. */
  since: Position | undefined;
  number = 0;

  publish(): number {
    return ++this.number;
  }

  read(topic: string, since: Since): Promise<HistoryPage> {
    const answer = deferred<HistoryPage>();
    this.reads.push({ topic, since, answer });
    return answer.promise;
  }

  changes(since: Position | undefined): Promise<BrokerChanges> {
    this.since = since;
    const answer = deferred<BrokerChanges>();
    this.asked.push(answer);
    return answer.promise;
  }
}

interface Subscriber {
  readonly name: string;
  filters: readonly string[];
}

function position(offset: number, epoch = 'e') {
  return { epoch, offset };
}

/** Feeds of a node with subscribers, and the story of what each gets and is told. */
function openFeeds(...subscribers: readonly Subscriber[]) {
  const time = new VirtualTime();
  const history = new ScriptedHistory();
  const story: string[] = [];
  const here = new Set(subscribers);
  const feeds = new BrokerFeeds<Subscriber>(
    {
      subscribersOf: (topic) =>
        [...here].filter(({ filters }) => filters.some((each) => matches(each, topic))),
      deliver: (each, data, except) => {
        for (const one of each) if (one !== except) story.push(`${one.name}:${String(data)}`);
      },
      tellMissed: (isConcerned) => {
        for (const { name, filters } of here) {
          const concerned = filters.filter((filter) => isConcerned(filter));
          if (concerned.length > 0) story.push(`${name} missed ${concerned.join()}`);
        }
      },
      onThrown: (thrown) => void story.push(String(thrown)),
    },
    history,
    new HistoryRules({ '#': OPTIONS }),
    time,
  );
  for (const { filters } of subscribers) for (const filter of filters) feeds.subscribed(filter);
  const take = (topic: string, offset: number, previous: number, own?: number, epoch?: string): void =>
    feeds.take(topic, { data: `${offset}`, position: position(offset, epoch), previous, own });
  const told = (): string[] => story.splice(0);
  /** Answers where the broker is. */
  const look = async (at: number, topics?: readonly string[], epoch?: string): Promise<void> => {
    time.pass(0);
    history.asked.shift()!.resolve({ position: position(at, epoch), topics });
    await turns();
  };
  const answer = async (recovered: boolean, at: number, ...offsets: number[]): Promise<Read> => {
    const read = history.reads.shift()!;
    const messages = offsets.map((offset) => ({ offset, data: `${offset}` }));
    read.answer.resolve({ recovered, position: position(at), messages });
    await turns();
    return read;
  };
  return { time, history, feeds, here, take, told, look, answer };
}

const ann: Subscriber = { name: 'ann', filters: ['a'] };
const bob: Subscriber = { name: 'bob', filters: ['+'] };

describe('A gap in a topic', () => {
  it('is none when what is missing comes at once: it is delivered in its order', async () => {
    const { time, history, take, told, look } = openFeeds(ann);
    await look(0);
    for (const offset of [1, 4, 3, 2, 5, 7, 6, 6, 3]) take('a', offset, offset - 1);
    expect(told()).toEqual(['ann:1', 'ann:2', 'ann:3', 'ann:4', 'ann:5', 'ann:6', 'ann:7']);
    time.pass(5_000);
    expect(history.reads).toEqual([]);
  });

  it('is filled by what is read, and then what came meanwhile is delivered', async () => {
    const { time, history, take, told, look, answer } = openFeeds(ann, bob);
    await look(0);
    take('a', 1, 0);
    take('a', 3, 2);
    take('b', 4, 0);
    time.pass(49);
    expect([told(), history.reads.length]).toEqual([['ann:1', 'bob:1', 'bob:4'], 0]);
    time.pass(1);
    take('a', 5, 3);
    take('a', 6, 5);
    expect(told()).toEqual([]);
    const { topic, since } = await answer(true, 5, 2, 3, 5);
    expect([topic, since]).toEqual(['a', position(1)]);
    expect(told()).toEqual(['ann:2', 'bob:2', 'ann:3', 'bob:3', 'ann:5', 'bob:5', 'ann:6', 'bob:6']);
    take('a', 7, 6);
    expect(told()).toEqual(['ann:7', 'bob:7']);
  });

  it('is filled also before the first message that comes', async () => {
    const { time, take, told, look, answer } = openFeeds(ann);
    await look(10);
    take('a', 12, 11);
    expect(told()).toEqual([]);
    time.pass(50);
    expect((await answer(true, 12, 11, 12)).since).toEqual(position(10));
    expect(told()).toEqual(['ann:11', 'ann:12']);
  });

  it('is none before the node has subscribed', async () => {
    const { time, history, feeds, take, told, look } = openFeeds(bob);
    await look(10);
    take('b', 11, 9);
    take('c', 12, 0);
    feeds.unsubscribed('+');
    feeds.subscribed('+');
    take('b', 14, 13);
    await look(20);
    take('c', 21, 19);
    expect(told()).toEqual(['bob:11', 'bob:12', 'bob:14', 'bob:21']);
    take('b', 24, 23);
    time.pass(50);
    expect(history.reads.map(({ since }) => since)).toEqual([position(20)]);
  });

  it.each([
    ['is not kept any more', false],
    ['cannot be read', true],
  ])('is told once when it %s', async (_, isAway) => {
    const { time, history, take, told, look, answer } = openFeeds(ann, bob);
    await look(0);
    take('a', 1, 0);
    take('a', 3, 2);
    time.pass(50);
    take('a', 4, 3);
    told();
    if (isAway) history.reads.shift()!.answer.reject(AWAY);
    else await answer(false, 4);
    await turns();
    expect(told()).toEqual(['ann missed a', 'bob missed +', 'ann:3', 'bob:3', 'ann:4', 'bob:4']);
    take('a', 5, 4);
    expect(told()).toEqual(['ann:5', 'bob:5']);
  });

  it('is told when too much comes while it is filled', async () => {
    const { time, take, told, look, answer } = openFeeds(ann);
    await look(0);
    take('a', 1, 0);
    for (let offset = 3; offset < 10_003; offset++) take('a', offset, offset - 1);
    time.pass(50);
    expect(told()).toEqual(['ann:1']);
    take('a', 10_003, 10_002);
    const all = told();
    expect([all.length, all[0], all[1], all.at(-1)]).toEqual([10_002, 'ann missed a', 'ann:3', 'ann:10003']);
    await answer(true, 10_003, 2);
    take('a', 10_005, 10_004);
    expect(told()).toEqual([]);
    time.pass(50);
    await answer(true, 10_005, 10_004, 10_005);
    expect(told()).toEqual(['ann:10004', 'ann:10005']);
  });
});

describe('When the broker was away', () => {
  it('what was missed is read, of topics that nobody knew as well, and what comes waits', async () => {
    const { history, feeds, take, told, look, answer } = openFeeds(ann, bob);
    await look(5);
    take('a', 6, 0);
    feeds.missed();
    take('a', 9, 8);
    take('c', 10, 0);
    told();
    await look(10, ['a', 'b', 'c']);
    expect(told()).toEqual([]);
    expect(history.reads.map(({ topic, since }) => [topic, since])).toEqual([
      ['a', position(6)],
      ['b', position(5)],
      ['c', position(5)],
    ]);
    await answer(true, 10, 8, 9);
    await answer(true, 10, 7);
    await answer(true, 10, 10);
    expect(told()).toEqual(['ann:8', 'bob:8', 'ann:9', 'bob:9', 'bob:7', 'bob:10']);
    take('c', 11, 10);
    expect(told()).toEqual(['bob:11']);
  });

  it('again before all was read, it is read again from where it was', async () => {
    const { feeds, take, told, look, answer, history } = openFeeds(ann);
    await look(5);
    take('a', 6, 0);
    feeds.missed();
    await look(10, ['a']);
    feeds.missed();
    await answer(true, 10, 7, 8);
    expect(told()).toEqual(['ann:6']);
    await look(12, []);
    expect(history.reads[0]!.since).toEqual(position(6));
    await answer(true, 12, 7, 8);
    expect(told()).toEqual(['ann:7', 'ann:8']);
  });

  it.each([
    ['another epoch has begun', 'other', undefined],
    ['too much has changed', 'e', undefined],
  ])('and %s, all are told', async (_, epoch, topics) => {
    const { feeds, take, told, look } = openFeeds(ann, bob);
    await look(5);
    take('a', 6, 0);
    feeds.missed();
    take('a', 7, 6, undefined, epoch);
    told();
    await look(7, topics, epoch);
    expect(told()).toEqual(['ann missed a', 'bob missed +', 'ann:7', 'bob:7']);
    take('a', 8, 7, undefined, epoch);
    expect(told()).toEqual(['ann:8', 'bob:8']);
  });

  it('and too much of a topic was published, its subscribers are told once', async () => {
    const { feeds, take, told, look, answer } = openFeeds(ann, { name: 'cid', filters: ['c'] });
    await look(5);
    feeds.missed();
    await look(10, ['a']);
    await answer(false, 10);
    take('a', 11, 9);
    expect(told()).toEqual(['ann missed a', 'ann:11']);
  });

  it('and does not answer, all are told', async () => {
    const { history, feeds, told, look } = openFeeds(ann);
    await look(5);
    feeds.missed();
    history.asked.shift()!.reject(AWAY);
    await turns();
    expect(told()).toEqual(['ann missed a']);
  });

  it('and too much comes before it answers, all are told', async () => {
    const { feeds, take, told, look, history } = openFeeds(ann);
    await look(5);
    feeds.missed();
    for (let offset = 6; offset < 10_006; offset++) take('a', offset, offset - 1);
    expect(told()).toEqual([]);
    take('a', 10_006, 10_005);
    expect(told().slice(0, 2)).toEqual(['ann missed a', 'ann:6']);
    await look(10_006, ['a']);
    expect(history.reads).toEqual([]);
  });

  it('before it was known where a subscription began, its subscribers are told', async () => {
    const { feeds, here, told, look, answer } = openFeeds(ann);
    await look(5);
    here.add(bob);
    feeds.subscribed('+');
    feeds.missed();
    await look(6, ['a']);
    await answer(true, 6, 6);
    expect(told()).toEqual(['bob missed +', 'ann:6', 'bob:6']);
    const late = openFeeds(bob);
    late.feeds.missed();
    await late.look(6, ['a']);
    expect(late.told()).toEqual(['bob missed +']);
  });

  it('what was missed is asked for from where all had come 10 seconds before at most', async () => {
    const { time, history, feeds, look, take, told } = openFeeds(ann);
    await look(5);
    take('a', 6, 0);
    time.pass(10_000);
    await look(8);
    time.pass(10_000);
    await look(9);
    time.pass(10_000);
    history.asked.shift()!.reject(AWAY);
    await turns();
    feeds.missed();
    expect([history.since, told()]).toEqual([position(8), ['ann:6']]);
  });
});

describe('An epoch that begins while nothing is missed', () => {
  it('goes on with what comes', async () => {
    const { time, take, told, look, history } = openFeeds(ann);
    await look(50);
    take('a', 51, 0);
    take('a', 1, 0, undefined, 'other');
    take('a', 2, 1, undefined, 'other');
    time.pass(10_000);
    expect(told()).toEqual(['ann:51', 'ann:1', 'ann:2']);
    expect(history.reads).toEqual([]);
  });

  it('and of which nothing has come is told as missed', async () => {
    const { time, told, look } = openFeeds(ann);
    await look(50);
    time.pass(10_000);
    await look(3, undefined, 'other');
    await look(3, undefined, 'other');
    expect(told()).toEqual(['ann missed a']);
  });
});

describe('A subscriber that recovers', () => {
  it('gets its page and then what came meanwhile, while others get that at once', async () => {
    const { feeds, take, told, look, answer } = openFeeds(ann, bob);
    await look(0);
    take('a', 1, 0);
    told();
    const recovery = feeds.recover(ann, 'a', position(0), OPTIONS);
    for (const offset of [2, 3, 4]) take('a', offset, offset - 1);
    expect(told()).toEqual(['bob:2', 'bob:3', 'bob:4']);
    await answer(true, 3, 1, 2, 3);
    expect(await recovery).toEqual({ recovered: true, epoch: 'e', offset: 3 });
    expect(told()).toEqual(['ann:1', 'ann:2', 'ann:3', 'ann:4']);
    take('a', 5, 4);
    expect(told()).toEqual(['ann:5', 'bob:5']);
  });

  it('gets nothing twice of what comes behind its page and is in it', async () => {
    const { feeds, take, told, look, answer } = openFeeds(ann, bob);
    await look(0);
    const recovery = feeds.recover(ann, 'a', 2, OPTIONS);
    await answer(true, 3, 2, 3);
    await recovery;
    for (const offset of [1, 2, 3, 4]) take('a', offset, offset - 1);
    expect(told()).toEqual(['ann:2', 'ann:3', 'bob:1', 'bob:2', 'bob:3', 'ann:4', 'bob:4']);
  });

  it('gets what it left out itself neither before nor afterwards', async () => {
    const { feeds, take, told, look, answer } = openFeeds(ann, bob);
    await look(0);
    const recovery = feeds.recover(ann, 'a', 0, OPTIONS);
    feeds.publish('a', '1', OPTIONS, ann);
    take('a', 1, 0, 1);
    await answer(true, 0);
    await recovery;
    feeds.publish('a', '2', OPTIONS, ann);
    take('a', 2, 1, 2);
    take('a', 3, 2);
    expect(told()).toEqual(['bob:1', 'bob:2', 'ann:3', 'bob:3']);
  });

  it('is told that it has not when too much comes meanwhile', async () => {
    const { feeds, take, told, look, answer } = openFeeds(ann);
    await look(0);
    const recovery = feeds.recover(ann, 'a', position(0), OPTIONS);
    for (let offset = 1; offset <= 10_001; offset++) take('a', offset, offset - 1);
    await answer(true, 0);
    expect(await recovery).toMatchObject({ recovered: false });
    take('a', 10_002, 10_001);
    expect(told()).toEqual(['ann:10002']);
  });

  it('gets what came meanwhile when nothing can be read', async () => {
    const { feeds, history, take, told, look } = openFeeds(ann);
    await look(0);
    const recovery = feeds.recover(ann, 'a', 1, OPTIONS);
    take('a', 1, 0);
    history.reads.shift()!.answer.reject(AWAY);
    await expect(recovery).rejects.toBe(AWAY);
    take('a', 2, 1);
    expect(told()).toEqual(['ann:1', 'ann:2']);
  });

  it('gets nothing when it has gone meanwhile', async () => {
    const { feeds, here, told, look, answer } = openFeeds(ann);
    await look(0);
    const recovery = feeds.recover(ann, 'a', 1, OPTIONS);
    here.delete(ann);
    feeds.left(ann, 'a');
    await answer(true, 1, 1);
    await recovery;
    expect(told()).toEqual([]);
  });
});

describe('Where a subscriber is, for another node to go on from there,', () => {
  it('is the newest that has come, or what the broker has said, once all before it is here', async () => {
    const { time, feeds, take, look, answer } = openFeeds(ann, bob);
    expect(feeds.positionOf(ann, ['a'])).toBeUndefined();
    await look(5);
    expect(feeds.positionOf(ann, ['a'])).toEqual(position(5));
    take('b', 7, 0);
    expect(feeds.positionOf(ann, ['a'])).toEqual(position(7));
    take('a', 9, 8);
    expect(feeds.positionOf(ann, ['a'])).toBeUndefined();
    time.pass(50);
    expect(feeds.positionOf(bob, ['+'])).toBeUndefined();
    await answer(true, 9, 8, 9);
    expect(feeds.positionOf(ann, ['a'])).toEqual(position(9));
    time.pass(10_000);
    await look(20);
    expect(feeds.positionOf(ann, ['a'])).toEqual(position(20));
    feeds.missed();
    expect(feeds.positionOf(ann, ['a'])).toBeUndefined();
  });

  it('is not known before it is known where its filters begin', async () => {
    const { feeds, look } = openFeeds(ann);
    await look(5);
    feeds.subscribed('b');
    expect(feeds.positionOf(ann, ['a', 'b'])).toBeUndefined();
    expect(feeds.positionOf(ann, ['a'])).toEqual(position(5));
    await look(8);
    expect(feeds.positionOf(ann, ['a', 'b'])).toEqual(position(8));
  });

  it('is behind the page that it has got: then the broker is asked', async () => {
    const { feeds, look, answer, told } = openFeeds(ann);
    await look(5);
    const recovery = feeds.recover(ann, 'a', 2, OPTIONS);
    expect(feeds.positionOf(ann, ['a'])).toBeUndefined();
    await answer(true, 9, 8, 9);
    await recovery;
    expect(told()).toEqual(['ann:8', 'ann:9']);
    expect(feeds.positionOf(ann, ['a'])).toBeUndefined();
    await look(9);
    expect(feeds.positionOf(ann, ['a'])).toEqual(position(9));
  });

  it('says what it has published itself and what has not come back', async () => {
    const { feeds, look, take } = openFeeds(ann, bob);
    await look(0);
    feeds.publish('a', '1', OPTIONS, ann);
    feeds.publish('a', '2', OPTIONS, undefined);
    feeds.publish('a', '3', OPTIONS, ann);
    expect([feeds.ownOf(ann), feeds.ownOf(bob)]).toEqual([['me 1', 'me 3'], []]);
    take('a', 1, 0, 1);
    expect(feeds.ownOf(ann)).toEqual(['me 3']);
  });
});

describe('A subscriber of a node that is gone', () => {
  const cid: Subscriber = { name: 'cid', filters: ['b', 'c/#'] };

  it('gets what came since over all its topics in their order, and then what comes', async () => {
    const { feeds, here, take, told, look, answer, history } = openFeeds(ann);
    await look(3);
    here.add(cid);
    const missed = feeds.resume(cid, cid.filters, returning(2));
    take('b', 9, 7);
    take('a', 11, 0);
    expect(told()).toEqual(['ann:11']);
    expect(history.since).toEqual(position(2));
    await look(8, ['a', 'b', 'c/d']);
    expect(history.reads.map(({ topic }) => topic)).toEqual(['b']);
    await answer(true, 9, 3, 7, 9);
    take('c/d', 10, 4);
    await answer(true, 8, 4, 8);
    expect(await missed).toEqual([]);
    expect(told()).toEqual(['cid:3', 'cid:4', 'cid:7', 'cid:8', 'cid:9', 'cid:10']);
    take('b', 12, 9);
    expect(told()).toEqual(['cid:12']);
  });

  it('gets nothing again of what its node had and this one has only now', async () => {
    const { feeds, here, take, told, look, answer } = openFeeds(bob);
    await look(3);
    here.add(cid);
    const missed = feeds.resume(cid, cid.filters, returning(6));
    take('b', 5, 0);
    for (const offset of [6, 7]) take('b', offset, offset - 1);
    await look(7, ['b']);
    await answer(true, 7, 7);
    expect([await missed, told().filter((each) => each.startsWith('cid'))]).toEqual([[], ['cid:7']]);
  });

  it('does not get what it has published itself', async () => {
    const { feeds, here, told, look, history } = openFeeds();
    here.add(cid);
    const missed = feeds.resume(cid, cid.filters, returning(2, 'dead 7'));
    await look(5, ['b']);
    history.reads[0]!.answer.resolve({
      recovered: true,
      position: position(5),
      messages: [
        { offset: 3, data: 'own', origin: 'dead 7' },
        { offset: 4, data: 'of another one', origin: 'alive 7' },
      ],
    });
    expect([await missed, told()]).toEqual([[], ['cid:of another one']]);
  });

  it.each([
    [
      'of one topic is not kept any more',
      async (scene: Scene) => {
        await scene.look(8, ['b', 'c/d']);
        await scene.answer(false, 8);
        await scene.answer(true, 8, 5);
      },
      ['b'],
      ['cid:5'],
    ],
    ['nobody knows', async (scene: Scene) => scene.look(8), ['b', 'c/#'], []],
    [
      'cannot be read',
      async (scene: Scene) => {
        await scene.look(8, ['b']);
        scene.history.reads.shift()!.answer.reject(new BrokerError('ERR_BROKER_REFUSED', 'no'));
      },
      ['b', 'c/#'],
      [],
    ],
  ] as const)('is told when what came since %s', async (_, happen, filters, texts) => {
    const scene = openFeeds();
    scene.here.add(cid);
    const missed = scene.feeds.resume(cid, cid.filters, returning(2));
    await happen(scene);
    expect([await missed, scene.told()]).toEqual([filters, texts]);
    scene.take('b', 9, 8);
    expect(scene.told()).toEqual(['cid:9']);
  });

  it('is told when too much comes meanwhile', async () => {
    const { feeds, here, take, told, look } = openFeeds();
    here.add(cid);
    const missed = feeds.resume(cid, cid.filters, returning(2));
    for (let offset = 3; offset <= 10_003; offset++) take('b', offset, offset - 1);
    await look(2, []);
    expect([await missed, told().length]).toEqual([['b', 'c/#'], 10_000]);
    take('b', 10_004, 10_003);
    expect(told()).toEqual(['cid:10004']);
  });

  it('waits while the broker is away', async () => {
    const { time, feeds, here, told, look, answer, history } = openFeeds();
    here.add(cid);
    const missed = feeds.resume(cid, cid.filters, returning(2));
    history.asked.shift()!.reject(AWAY);
    await turns();
    time.pass(1_000);
    await turns();
    await look(4, ['b']);
    history.reads.shift()!.answer.reject(AWAY);
    await turns();
    time.pass(1_000);
    await turns();
    await answer(true, 4, 3, 4);
    expect([await missed, told()]).toEqual([[], ['cid:3', 'cid:4']]);
  });

  it('gets nothing of what it has given up meanwhile, and all of what it has asked for', async () => {
    const { feeds, here, take, told, look, answer } = openFeeds();
    const dan: Subscriber = { name: 'dan', filters: ['b', 'c/#'] };
    here.add(dan);
    const missed = feeds.resume(dan, dan.filters, returning(20));
    feeds.left(dan, 'b');
    dan.filters = ['c/#', 'd'];
    take('b', 21, 0);
    take('d', 5, 0);
    await look(28, ['b', 'c/e']);
    await answer(true, 28, 25);
    await answer(true, 28, 26);
    expect([await missed, told()]).toEqual([[], ['dan:5', 'dan:26']]);
  });
});

type Scene = ReturnType<typeof openFeeds>;

/** What a node that is gone knew. */
function returning(since: number, ...own: string[]) {
  return { since: position(since), own: new Set(own) };
}
