import { beforeEach, describe, expect, it } from 'vitest';
import type { Peer } from './member.js';
import type { ClientMessage, ServerMessage } from './messages.js';
import { replacedCode, Room } from './room.js';

type OfType<T extends ServerMessage['type']> = Extract<ServerMessage, { type: T }>;

/** A connection that keeps what it gets. */
class TestPeer implements Peer {
  readonly received: ServerMessage[] = [];
  closed: { code: number; reason: string } | undefined;
  subscribed = false;
  /** How many more messages it takes before it is full. */
  room = Number.POSITIVE_INFINITY;

  send(text: string): boolean {
    this.received.push(JSON.parse(text) as ServerMessage);
    this.room -= 1;
    return this.room > 0;
  }

  close(code: number, reason: string): void {
    this.closed ??= { code, reason };
  }

  subscribe(): void {
    this.subscribed = true;
  }

  all<T extends ServerMessage['type']>(type: T): OfType<T>[] {
    return this.received.filter((message): message is OfType<T> => message.type === type);
  }
}

let now = 0;
let peers: TestPeer[] = [];
let room: Room<TestPeer>;

beforeEach(() => {
  now = 1_000_000;
  peers = [];
  room = new Room<TestPeer>({
    epoch: 'first',
    now: () => now,
    publish: (text, except) => {
      for (const peer of peers) if (peer !== except && peer.subscribed && !peer.closed) peer.send(text);
    },
  });
});

function enter(): TestPeer {
  const peer = new TestPeer();
  peers.push(peer);
  room.enter(peer);
  return peer;
}

function tell(peer: TestPeer, message: ClientMessage): void {
  room.receive(peer, JSON.stringify(message));
}

function join(name: string, key = `key-of-${name}-0123456789`.replaceAll(' ', '_')): TestPeer {
  const peer = enter();
  tell(peer, { type: 'hello', name, key });
  return peer;
}

const dot = { type: 'stroke', id: 's1', color: 0, width: 20, points: [10, 20, 50] } as const;
const draw = (peer: TestPeer, id: string): void => tell(peer, { ...dot, id, points: [...dot.points] });

describe('coming and going', () => {
  it('welcomes a newcomer with everybody and everything', () => {
    const ada = join('Ada');
    tell(ada, { type: 'say', ref: 'r1', text: 'Hello' });
    draw(ada, 's1');
    const eve = join('Eve');
    const [welcome] = eve.all('welcome');
    expect(welcome?.you.name).toBe('Eve');
    expect(welcome?.people.map(({ name }) => name)).toEqual(['Ada', 'Eve']);
    expect(welcome?.said.map(({ text }) => text)).toEqual(['Hello']);
    expect(eve.all('strokes').flatMap(({ strokes }) => strokes.map(({ id }) => id))).toEqual(['s1']);
    expect(eve.all('news')).toHaveLength(1);
  });

  it('tells the others of both, and not oneself', () => {
    const ada = join('Ada');
    const eve = join('Eve');
    room.leave(eve);
    expect(ada.all('joined').map(({ person }) => person.name)).toEqual(['Eve']);
    expect(ada.all('left').map(({ person }) => person.name)).toEqual(['Eve']);
    expect(eve.all('joined')).toEqual([]);
  });

  it('numbers a name that somebody has already', () => {
    join('Ada');
    expect(join('Ada', 'another-key-0123456789').all('welcome')[0]?.you.name).toBe('Ada 2');
    expect(join('Ada', 'a-third-key-0123456789').all('welcome')[0]?.you.name).toBe('Ada 3');
  });

  it('lets one take a new name, and the same one again', () => {
    const ada = join('Ada');
    tell(ada, { type: 'rename', name: 'Countess' });
    tell(ada, { type: 'rename', name: 'Countess' });
    expect(ada.all('renamed').map(({ person, was }) => [was, person.name])).toEqual([
      ['Ada', 'Countess'],
      ['Countess', 'Countess'],
    ]);
  });

  it('knows a window again, and ends its older connection', () => {
    const before = join('Ada');
    const after = join('Ada');
    expect(before.closed?.code).toBe(replacedCode);
    expect(after.all('welcome')[0]?.you).toEqual(before.all('welcome')[0]?.you);
    expect(after.all('welcome')[0]?.people).toHaveLength(1);
  });

  it('does not wait for ever for somebody to say hello', () => {
    const silent = enter();
    now += 9_000;
    room.tick();
    expect(silent.closed).toBeUndefined();
    now += 2_000;
    room.tick();
    expect(silent.closed).toEqual({ code: 1008, reason: 'Nobody said hello' });
  });
});

describe('the chat', () => {
  it('reaches everybody, the writer too, with the time and a number', () => {
    const ada = join('Ada');
    const eve = join('Eve');
    tell(ada, { type: 'say', ref: 'r1', text: 'Hello' });
    const expected = { seq: 1, name: 'Ada', text: 'Hello', at: now, ref: 'r1' };
    expect(ada.all('said')[0]?.said).toMatchObject(expected);
    expect(eve.all('said')[0]?.said).toMatchObject(expected);
  });

  it('takes a message once that was sent again after a reconnection', () => {
    const eve = join('Eve');
    tell(join('Ada'), { type: 'say', ref: 'r1', text: 'Hello' });
    const again = join('Ada');
    tell(again, { type: 'say', ref: 'r1', text: 'Hello' });
    expect(eve.all('said')).toHaveLength(1);
    expect(again.all('said')[0]?.said.seq).toBe(1);
  });

  it('keeps the last 200 messages and no more', () => {
    const ada = join('Ada');
    for (let n = 1; n <= 250; n++) {
      now += 1000;
      tell(ada, { type: 'say', ref: `r${n}`, text: `${n}` });
    }
    const said = join('Eve').all('welcome')[0]?.said ?? [];
    expect([said.length, said[0]?.text, said.at(-1)?.text]).toEqual([200, '51', '250']);
  });

  it('refuses what is written too fast, says which, and takes it later', () => {
    const ada = join('Ada');
    for (let n = 1; n <= 25; n++) tell(ada, { type: 'say', ref: `r${n}`, text: 'x' });
    expect(ada.all('refused').map(({ ref }) => ref)).toEqual(['r25']);
    now += 1000;
    tell(ada, { type: 'say', ref: 'r25', text: 'x' });
    expect(ada.all('said')).toHaveLength(25);
  });

  it('tells the others who is typing', () => {
    const ada = join('Ada');
    const eve = join('Eve');
    tell(ada, { type: 'typing', on: true });
    expect(eve.all('typing').map(({ on }) => on)).toEqual([true]);
    expect(ada.all('typing')).toEqual([]);
  });
});

describe('the board', () => {
  it('shows a stroke to the others while it is being drawn', () => {
    const ada = join('Ada');
    const eve = join('Eve');
    draw(ada, 's1');
    tell(ada, { type: 'points', id: 's1', points: [11, 21, 50] });
    tell(ada, { type: 'end', id: 's1' });
    expect(eve.all('stroke')[0]?.stroke.points).toEqual([10, 20, 50]);
    expect(eve.all('points')).toEqual([{ type: 'points', seq: 1, points: [11, 21, 50] }]);
    expect(eve.all('end')).toEqual([{ type: 'end', seq: 1 }]);
    expect(ada.all('drawn')).toEqual([{ type: 'drawn', id: 's1', seq: 1 }]);
  });

  it('is told to a slow newcomer piece by piece, as it is by then', () => {
    const ada = join('Ada');
    const points = Array<number>(3 * 200).fill(1);
    for (let n = 0; n < 40; n++) {
      now += 1000;
      tell(ada, { ...dot, id: `s${n}`, points });
    }
    const eve = enter();
    eve.room = 2;
    tell(eve, { type: 'hello', name: 'Eve', key: 'key-of-eve-0123456789' });
    expect(eve.all('strokes')).toHaveLength(1);
    tell(ada, { type: 'undo' });
    now += 10_000;
    while (eve.all('strokes').length < 3) {
      eve.room = 2;
      room.drain(eve);
    }
    const ids = eve.all('strokes').flatMap(({ strokes }) => strokes.map(({ id }) => id));
    expect(ids).toEqual(Array.from({ length: 39 }, (_, n) => `s${n}`));
  });

  it('takes back strokes, clears, and brings back what was cleared', () => {
    const ada = join('Ada');
    const eve = join('Eve');
    draw(ada, 's1');
    draw(ada, 's2');
    tell(ada, { type: 'undo' });
    tell(eve, { type: 'clear' });
    tell(eve, { type: 'clear' });
    tell(ada, { type: 'restore' });
    tell(ada, { type: 'restore' });
    expect(eve.all('erased').map(({ seqs }) => seqs)).toEqual([[2]]);
    expect(ada.all('cleared')).toEqual([{ type: 'cleared', cleared: { by: 'Eve', strokes: 1 } }]);
    expect(eve.all('restored')).toEqual([{ type: 'restored', by: 'Ada' }]);
    expect(
      eve
        .all('strokes')
        .at(-1)
        ?.strokes.map(({ seq }) => seq),
    ).toEqual([1]);
  });

  it('finds nothing wrong with points of a stroke that somebody cleared, and says so at its end', () => {
    const ada = join('Ada');
    draw(ada, 's1');
    tell(ada, { type: 'clear' });
    tell(ada, { type: 'points', id: 's1', points: [1, 1, 1] });
    tell(ada, { type: 'end', id: 's1' });
    expect(ada.closed).toBeUndefined();
    expect(ada.all('drawn')).toEqual([{ type: 'drawn', id: 's1', seq: 0 }]);
  });
});

describe('the news', () => {
  it('come by themselves, with the rates of both directions', () => {
    const ada = join('Ada');
    room.tick();
    now += 2000;
    tell(ada, { type: 'typing', on: true });
    tell(ada, { type: 'ping', n: 1 });
    room.tick();
    const news = ada.all('news').at(-1)?.news;
    expect(news).toMatchObject({ time: now, uptime: 2000, people: 1, said: 0, strokes: 0 });
    expect(news?.toServer.messages).toBe(1);
    expect(news?.toClients.messages).toBe(1);
  });
});

describe('a connection that breaks the rules', () => {
  it.each<[string, string | Uint8Array, number]>([
    ['binary messages', new Uint8Array([1, 2]), 1008],
    ['no JSON', 'hello', 1007],
    ['something before hello', '{"type":"undo"}', 1008],
  ])('is closed: %s', (_what, data, code) => {
    const peer = enter();
    room.receive(peer, data);
    expect(peer.closed?.code).toBe(code);
  });

  it('is closed for saying hello twice, and not listened to any more', () => {
    const ada = join('Ada');
    const eve = join('Eve');
    tell(ada, { type: 'hello', name: 'Ada', key: 'another-key-0123456789' });
    tell(ada, { type: 'say', ref: 'r1', text: 'Still here' });
    expect(ada.closed?.code).toBe(1008);
    expect(eve.all('said')).toEqual([]);
    expect(eve.all('left')).toHaveLength(1);
  });

  it('is closed when it floods the room', () => {
    const ada = join('Ada');
    for (let n = 0; n < 1300; n++) tell(ada, { type: 'ping', n });
    expect(ada.closed).toEqual({ code: 1008, reason: 'Too many messages in too short a time' });
  });

  it('may draw as fast as a screen refreshes', () => {
    const ada = join('Ada');
    for (let n = 0; n < 1200; n++) {
      now += 2;
      tell(ada, { type: 'cursor', at: [n, n] });
    }
    expect(ada.closed).toBeUndefined();
  });
});
