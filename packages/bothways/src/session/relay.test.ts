import { describe, expect, it } from 'vitest';
import { DELAY, TestCluster, headerOf, OPENING_KEY } from './test-relay.js';

const RESUME_TIMEOUT = 60_000;
/** How much may be on the way to a client that does not read. */
const CREDIT = 262_144;
/** A message and its line feed and quotation marks take a KiB of a stream. */
const KIB = 'x'.repeat(1_021);

function start(settings?: ConstructorParameters<typeof TestCluster>[1]) {
  const cluster = new TestCluster(['a', 'b', 'c'], settings);
  return { cluster, ...cluster.open('a') };
}

/** What a stream, or a WebSocket, says: how many messages have come on it. */
function countIn(text: string): number {
  return text.split('\n').filter((line) => line.startsWith('"')).length;
}

describe('A WebSocket at another server', () => {
  it('carries texts and bytes both ways, as one at the server that has the session', () => {
    const { cluster, token, visit } = start();
    const socket = cluster.socket('b', headerOf({ gen: 2, token }));
    socket.say('.Grüße 👋', Uint8Array.of(0, 255), '.');
    cluster.settle();
    visit.session.send('text');
    visit.session.send(Uint8Array.of(1, 2, 3));
    cluster.settle();
    expect(visit.messages).toEqual(['Grüße 👋', Uint8Array.of(0, 255), '']);
    expect(socket.received.slice(1)).toEqual(['.text', Uint8Array.of(1, 2, 3)]);
    expect(JSON.parse(String(socket.received[0]))).toMatchObject({ gen: 2, ack: 0, seq: 1 });
    visit.session.close(3000, '');
    cluster.settle();
    socket.say('3');
    cluster.settle();
    expect([socket.code, visit.ends[0]?.[0], ...cluster.links]).toEqual([1000, 3000, 0, 0, 0]);
  });

  it('whose client leaves is detached: the session ends when nobody has come for it in time', () => {
    const { cluster, token, visit } = start();
    const socket = cluster.socket('b', headerOf({ gen: 2, token }));
    cluster.time.pass(10 * RESUME_TIMEOUT);
    expect(visit.ends).toEqual([]);
    socket.end.close();
    const left = cluster.time.now();
    cluster.time.pass(2 * RESUME_TIMEOUT);
    expect(visit.ends).toEqual([[1006, left + DELAY + RESUME_TIMEOUT]]);
    expect(cluster.links).toEqual([0, 0, 0]);
  });

  it('whose client does not read stops the server that has the session, and loses nothing', () => {
    const { cluster, token, visit } = start({ window: 8 * CREDIT });
    const socket = cluster.socket('b', headerOf({ gen: 2, token, window: 8 * CREDIT }));
    cluster.settle();
    socket.isFull = true;
    for (let number = 0; number < 1_000; number++) visit.session.send(KIB);
    cluster.settle();
    const arrived = socket.received.length;
    expect(arrived).toBeGreaterThan(CREDIT / 1_024);
    expect(arrived).toBeLessThan(CREDIT / 1_000);
    socket.drain();
    cluster.settle();
    expect(socket.received.length).toBe(1 + 1_000);
  });

  it('whose client sends more than is taken is not read from until then', () => {
    const { cluster, token, visit } = start({ window: 8 * CREDIT });
    const socket = cluster.socket('b', headerOf({ gen: 2, token, window: 8 * CREDIT }));
    cluster.settle();
    for (let number = 0; number < 1_000; number++) socket.say(`.${KIB}`);
    expect(socket.isPaused).toBe(true);
    cluster.time.pass(DELAY);
    expect(visit.messages.length).toBeGreaterThanOrEqual(CREDIT / 1_024);
    expect(visit.messages.length).toBeLessThan(CREDIT / 1_000);
    cluster.time.pass(30 * DELAY);
    expect([visit.messages.length, socket.isPaused]).toEqual([1_000, false]);
  });

  it('whose client leaves before the session was found is forgotten', () => {
    const { cluster, token } = start();
    cluster.socket('b', headerOf({ gen: 2, token })).end.close();
    cluster.settle();
    expect(cluster.links).toEqual([0, 0, 0]);
  });

  it('is fenced by one at a third server', () => {
    const { cluster, token, visit } = start();
    const before = cluster.socket('b', headerOf({ gen: 2, token }));
    cluster.settle();
    const after = cluster.socket('c', headerOf({ gen: 3, token }));
    after.say('.after');
    cluster.settle();
    before.say('.before');
    cluster.settle();
    expect([before.code, after.code, visit.messages]).toEqual([4409, undefined, ['after']]);
    expect(cluster.links).toEqual([1, 0, 1]);
  });
});

describe('A request at another server', () => {
  it('is answered by the server that has the session, which gets what it brings', () => {
    const { cluster, token, visit } = start();
    visit.session.send('down');
    const answer = cluster.post('b', { gen: 1, ack: 0, seq: 1 }, token, '"up"', '["AP8="]');
    cluster.settle();
    expect(visit.messages).toEqual(['up', Uint8Array.of(0, 255)]);
    expect([answer.status, answer.body]).toEqual([200, '{"gen":1,"ack":2,"seq":1}\n"down"\n']);
    expect(cluster.links).toEqual([1, 1, 0]);
    answer.leave();
    cluster.settle();
    expect(cluster.links).toEqual([0, 0, 0]);
  });

  it('that is held is answered when there is something to say', () => {
    const { cluster, token, visit } = start();
    const answer = cluster.post('b', { gen: 1, ack: 0, seq: 1, wait: 20_000 }, token);
    cluster.settle();
    expect(answer.status).toBe(0);
    visit.session.send('late');
    cluster.settle();
    expect(answer.body).toBe('{"gen":1,"ack":0,"seq":1}\n"late"\n');
  });

  it('that is held and whose client leaves is let go', () => {
    const { cluster, token, visit } = start();
    const answer = cluster.post('b', { gen: 1, ack: 0, seq: 1, wait: 20_000 }, token);
    cluster.settle();
    answer.leave();
    const left = cluster.time.now();
    cluster.time.pass(2 * RESUME_TIMEOUT);
    expect(visit.ends).toEqual([[1006, left + DELAY + RESUME_TIMEOUT]]);
    expect(cluster.links).toEqual([0, 0, 0]);
  });

  it('for a stream goes on until its client leaves, stops when that does not read, and loses nothing', () => {
    const { cluster, token, visit } = start({ window: 8 * CREDIT });
    const stream = cluster.post('b', headerOf({ gen: 2, window: 8 * CREDIT, stream: 'lines' }), token);
    cluster.settle();
    stream.isFull = true;
    for (let number = 0; number < 1_000; number++) {
      visit.session.send(KIB);
      if (number % 10 === 0) cluster.settle();
    }
    cluster.settle();
    expect(countIn(stream.body)).toBeGreaterThanOrEqual(CREDIT / 1_024);
    expect(countIn(stream.body)).toBeLessThan(2 * (CREDIT / 1_024));
    stream.drain();
    cluster.settle();
    expect(countIn(stream.body)).toBe(1_000);
    stream.leave();
    cluster.settle();
    expect(cluster.links).toEqual([0, 0, 0]);
  });

  it('that an EventSource makes goes where its ticket is from, and is good once', () => {
    const { cluster, token, visit } = start();
    const promised = cluster.post('b', headerOf({ gen: 2, stream: 'events' }), token);
    cluster.settle();
    const { ticket } = JSON.parse(promised.body) as { ticket: string };
    promised.leave();
    const stream = cluster.get('c', ticket);
    cluster.settle();
    const again = cluster.get('b', ticket);
    visit.session.send('event');
    cluster.settle();
    expect(stream.body).toContain('data:"event"\n');
    expect([stream.status, again.status]).toEqual([200, 204]);
    again.leave();
    cluster.peers.states.set('a', 'gone');
    expect(cluster.get('c', ticket).status).toBe(204);
  });

  it('tells that server when what it has answered, and nobody has read, is to be given up', () => {
    const { cluster, token, visit } = start();
    visit.session.send('down');
    const unread = cluster.post('b', { gen: 1, ack: 0, seq: 1 }, token);
    cluster.settle();
    expect([unread.status, unread.isAbandoned]).toEqual([200, false]);
    cluster.socket('c', headerOf({ gen: 2, token }));
    cluster.settle();
    expect(unread.isAbandoned).toBe(true);
  });

  it('is not given up when its client has read it', () => {
    const { cluster, token, visit } = start();
    visit.session.send('down');
    const read = cluster.post('b', { gen: 1, ack: 0, seq: 1 }, token);
    cluster.settle();
    read.leave();
    cluster.settle();
    cluster.socket('c', headerOf({ gen: 2, token }));
    cluster.settle();
    expect(read.isAbandoned).toBe(false);
  });
});

describe('A server that has a session', () => {
  it('and is gone is missed: what is relayed to it breaks', () => {
    const { cluster, token } = start();
    const held = cluster.post('b', { gen: 1, ack: 0, seq: 1, wait: 20_000 }, token);
    const { token: second } = cluster.open('a');
    const stream = cluster.post('b', headerOf({ gen: 2, stream: 'lines' }), second);
    const { token: third } = cluster.open('a');
    const socket = cluster.socket('b', headerOf({ gen: 2, token: third }));
    cluster.settle();
    cluster.peers.listenerOf('b').onGone('a');
    expect([held.status, stream.isEnded, socket.code]).toEqual([503, true, 4503]);
    expect(held.body).toContain('"unavailable"');
    expect([cluster.links[1], cluster.servers.get('b')!.relay!.peers]).toEqual([0, 0]);
  });

  it('and is gone is not asked: its sessions are unknown', () => {
    const { cluster, token } = start();
    cluster.peers.states.set('a', 'gone');
    expect(cluster.post('b', { gen: 1, ack: 0, seq: 1 }, token).status).toBe(404);
    expect(cluster.socket('b', headerOf({ gen: 2, token })).code).toBe(4404);
  });

  it('and of which nobody knows whether it is there is not asked yet', () => {
    const { cluster, token } = start();
    cluster.peers.states.set('a', 'unsure');
    const answer = cluster.post('b', { gen: 1, ack: 0, seq: 1 }, token);
    expect([answer.status, answer.retryAfter]).toEqual([503, 1]);
    expect(cluster.socket('b', headerOf({ gen: 2, token })).code).toBe(4503);
  });

  it('and does not know it any more says so to whoever relays for it', () => {
    const { cluster, token, visit } = start();
    visit.session.terminate({ code: 1006, reason: '', wasClean: false, initiator: 'network' });
    const answer = cluster.post('b', { gen: 1, ack: 0, seq: 1 }, token);
    const socket = cluster.socket('b', headerOf({ gen: 2, token }));
    cluster.settle();
    expect([answer.status, socket.code]).toEqual([404, 4404]);
  });

  it('learns that whoever relayed for it is gone', () => {
    const { cluster, token, visit } = start();
    cluster.socket('b', headerOf({ gen: 2, token }));
    cluster.settle();
    cluster.peers.listenerOf('a').onGone('b');
    const lost = cluster.time.now();
    cluster.time.pass(2 * RESUME_TIMEOUT);
    expect(visit.ends).toEqual([[1006, lost + RESUME_TIMEOUT]]);
    expect(cluster.links[0]).toBe(0);
  });
});

/** A WebSocket and a held request, each way between two servers. */
function startBoth() {
  const { cluster, token, visit } = start();
  const other = cluster.open('b');
  const held = cluster.post('b', { gen: 1, ack: 0, seq: 1, wait: 20_000 }, token);
  const socket = cluster.socket('a', headerOf({ gen: 2, token: other.token }));
  cluster.settle();
  expect(cluster.links).toEqual([2, 2, 0]);
  return { cluster, token, visit, held, socket, other };
}

describe('What is relayed between two servers breaks, at both of them,', () => {
  it.each(['a', 'b'])('when %s may have missed something', (name) => {
    const { cluster, held, socket } = startBoth();
    cluster.peers.listenerOf(name).onMissed();
    cluster.settle();
    expect([held.status, socket.code]).toEqual([503, 4503]);
    expect(cluster.links).toEqual([0, 0, 0]);
  });

  it('when something has not come', () => {
    const { cluster, visit, held, socket, other } = startBoth();
    cluster.peers.fate = (from) => (from === 'a' ? 'lost' : undefined);
    visit.session.send('lost');
    cluster.settle();
    cluster.peers.fate = undefined;
    expect([held.status, socket.code]).toEqual([0, undefined]);
    socket.say('.what comes behind it');
    cluster.settle();
    expect([held.status, socket.code, other.visit.messages]).toEqual([503, 4503, []]);
    expect(cluster.links).toEqual([0, 0, 0]);
  });

  it('when something cannot be sent, though nothing comes behind it', () => {
    const { cluster, visit, held, socket, other } = startBoth();
    cluster.peers.fate = () => 'refused';
    visit.session.send('not sent');
    cluster.settle();
    expect([cluster.links[0], socket.code]).toEqual([0, 4503]);
    expect([cluster.links[1], held.status]).toEqual([2, 0]);
    cluster.peers.fate = undefined;
    cluster.time.pass(1_000);
    expect(held.status).toBe(503);
    expect(cluster.links).toEqual([0, 0, 0]);
    const left = cluster.time.now();
    cluster.time.pass(2 * RESUME_TIMEOUT);
    expect(other.visit.ends[0]![1]).toBeLessThanOrEqual(left + RESUME_TIMEOUT);
  });

  it('when one of them takes the other for dead', () => {
    const { cluster, held, socket } = startBoth();
    cluster.peers.listenerOf('a').onGone('b');
    cluster.settle();
    expect([held.status, socket.code]).toEqual([503, 4503]);
    expect(cluster.links).toEqual([0, 0, 0]);
  });

  it('when one of them closes', () => {
    const { cluster, held, socket } = startBoth();
    cluster.servers.get('a')!.close();
    cluster.settle();
    expect([held.status, socket.code]).toEqual([503, 4503]);
    expect(cluster.links).toEqual([0, 0, 0]);
  });
});

describe('What is relayed between two servers goes on', () => {
  it.each(['a', 'b'])('when %s had taken the other for dead', (name) => {
    const { cluster, token, visit } = startBoth();
    cluster.peers.listenerOf(name).onGone(name === 'a' ? 'b' : 'a');
    cluster.settle();
    const answers = ['1', '2', '3'].map((number, index) => {
      const answer = cluster.post('b', { gen: 1, ack: 0, seq: index + 1 }, token, `"${number}"`);
      cluster.settle();
      return answer.status;
    });
    // What shows that something is forgotten may break.
    expect(answers.slice(1)).toEqual([200, 200]);
    expect(visit.messages).toContain('3');
  });

  it('when one of them had taken the other for dead, and could not tell it', () => {
    const { cluster, token, visit, socket } = startBoth();
    cluster.peers.fate = () => 'lost';
    cluster.peers.listenerOf('b').onGone('a');
    cluster.settle();
    cluster.peers.fate = undefined;
    cluster.post('b', { gen: 1, ack: 0, seq: 1, wait: 20_000 }, token);
    expect(socket.code).toBeUndefined();
    cluster.time.pass(DELAY);
    expect(socket.code).toBe(4503);
    cluster.settle();
    const answers = [1, 2, 3].map((seq) => {
      const answer = cluster.post('b', { gen: 1, ack: 0, seq }, token, `"${seq}"`);
      cluster.settle();
      answer.leave();
      return answer.status;
    });
    cluster.settle();
    expect(answers.slice(1)).toEqual([200, 200]);
    expect(visit.messages).toContain('2');
    expect(cluster.links).toEqual([0, 0, 0]);
  });

  it('for what is asked while the other learns that something was lost, or breaks with it', () => {
    const { cluster, token } = startBoth();
    cluster.peers.fate = (from) => (from === 'b' ? 'lost' : undefined);
    cluster.post('b', { gen: 1, ack: 0, seq: 1 }, token);
    cluster.settle();
    cluster.peers.fate = undefined;
    const both = [1, 2].map(() => {
      const answer = cluster.post('b', { gen: 1, ack: 0, seq: 1, wait: 20_000 }, token);
      cluster.time.pass(1);
      return answer;
    });
    cluster.settle();
    expect(both.map(({ status }) => status)).toEqual([503, 503]);
    expect(cluster.links).toEqual([0, 0, 0]);
    expect(cluster.post('b', { gen: 1, ack: 0, seq: 1, wait: 20_000 }, token).status).toBe(0);
    cluster.settle();
    expect(cluster.links).toEqual([1, 1, 0]);
  });
});

describe('An opening', () => {
  it('whose attempts come to several servers makes one session', () => {
    const cluster = new TestCluster(['a', 'b', 'c']);
    const open = OPENING_KEY;
    const socket = cluster.socket('a', headerOf({ open }));
    const stream = cluster.post('b', headerOf({ gen: 2, stream: 'lines', open }));
    const held = cluster.post('c', headerOf({ gen: 3, open }));
    cluster.settle();
    expect(cluster.visits.length).toBe(1);
    expect(socket.code === 4409 || socket.received.length > 0).toBe(true);
    expect(stream.isEnded).toBe(true);
    expect(JSON.parse(held.body)).toMatchObject({ gen: 3, session: cluster.visits[0]!.session.id });
  });

  it('that is decided about elsewhere waits there, and the newest attempt gets it', () => {
    const cluster = new TestCluster(['a', 'b']);
    cluster.isDeciding = true;
    const first = cluster.post('a', headerOf({ open: OPENING_KEY }));
    cluster.settle();
    const second = cluster.post('b', headerOf({ gen: 2, open: OPENING_KEY }));
    cluster.settle();
    expect(cluster.openings.map(({ at }) => at)).toEqual(['a']);
    expect([first.status, second.status]).toEqual([409, 0]);
    cluster.accept('a', cluster.openings[0]!.opening);
    cluster.settle();
    expect([second.status, cluster.visits.length]).toEqual([200, 1]);
  });

  it('that is refused may be accepted by another server', () => {
    const cluster = new TestCluster(['a', 'b']);
    cluster.isDeciding = true;
    const first = cluster.post('a', headerOf({ open: OPENING_KEY }));
    cluster.settle();
    cluster.openings[0]!.opening.refuse(503, 'Too many', 30);
    expect([first.status, first.retryAfter, cluster.peers.claimed]).toEqual([503, 30, 0]);
    cluster.isDeciding = false;
    const second = cluster.post('b', headerOf({ gen: 2, open: OPENING_KEY }));
    cluster.settle();
    expect([second.status, cluster.visits[0]!.at]).toEqual([200, 'b']);
  });

  it('waits while nobody can tell who has it, and is not held against it then', () => {
    const cluster = new TestCluster(['a', 'b']);
    cluster.peers.areClaimsAway = true;
    const first = cluster.post('a', headerOf({ open: OPENING_KEY }));
    cluster.settle();
    expect([first.status, first.retryAfter]).toEqual([503, 1]);
    expect([cluster.visits.length, cluster.servers.get('a')!.undecided]).toEqual([0, 0]);
    cluster.peers.areClaimsAway = false;
    const second = cluster.post('b', headerOf({ gen: 2, open: OPENING_KEY }));
    cluster.settle();
    expect([second.status, cluster.visits[0]!.at]).toEqual([200, 'b']);
  });

  it('that a server has which is gone begins anew', () => {
    const cluster = new TestCluster(['a', 'b']);
    cluster.post('a', headerOf({ open: OPENING_KEY }));
    cluster.settle();
    cluster.peers.states.set('a', 'gone');
    const answer = cluster.post('b', headerOf({ gen: 2, open: OPENING_KEY }));
    cluster.settle();
    expect([answer.status, cluster.visits.length]).toEqual([404, 1]);
  });
});

describe('A server of another version', () => {
  it.each([
    [null],
    [[]],
    [['request']],
    [['request', 1]],
    [['request', 1, 'somebody', null]],
    [['request', 1, 'somebody', {}, '']],
    [['request', -1, 'somebody', null, '']],
    [['request', '1', 'somebody', null, '']],
    [['events', 1, 'somebody', 5]],
    [['socket', 1]],
    [['message', 2, 5]],
    [['message', 2, 'text', 'yes']],
    [['took', 2, 'x']],
    [['took', 2, -1]],
    [['answer', 1, 99, '']],
    [['answer', 1, 'x', '', null]],
    [['answer', 1, 200, 5, null]],
    [['answer', 1, 200, '', 'x']],
    [['stream', 1, 'other']],
    [['write', 1, {}]],
    [['send', 1]],
    [['close', 1, 'x', '']],
    [['close', 1, 1005, '']],
    [['close', 1, 3000, 'x'.repeat(124)]],
    [['future', 1, 2, 3]],
    [['__proto__', 1]],
  ])('may say what nobody knows: %j', (entry) => {
    const { cluster, held, socket, visit } = startBoth();
    const listener = cluster.peers.listenerOf('a');
    listener.receive('z', 1, [entry, 5, 'x', entry]);
    expect([cluster.links[0], held.status, socket.code]).toEqual([2, 0, undefined]);
    visit.session.send('still here');
    cluster.settle();
    expect(held.body).toContain('still here');
    listener.onGone('z');
    expect(cluster.servers.get('a')!.relay!.peers).toBe(1);
  });

  it.each([
    [['answer', 1, 99, '', null]],
    [['close', 1, 1005, '']],
    [['stream', 1, 'other']],
    [['send', 1, 5]],
  ])('may say what nobody knows of something that is relayed: %j', (entry) => {
    const { cluster, token } = start();
    cluster.peers.fate = () => 'lost';
    const held = cluster.post('b', { gen: 1, ack: 0, seq: 1 }, token);
    cluster.settle();
    cluster.peers.listenerOf('b').receive('a', 1, [entry, ['answer', 1, 200, 'right', null]]);
    expect([held.status, held.body]).toEqual([200, 'right']);
  });
});

it('Something that comes twice, or late, is taken once', () => {
  const { cluster, token, visit } = start();
  const contentOf = (seq: number): unknown[] => [
    ['request', seq, 'somebody', token, `{"gen":1,"ack":0,"seq":${seq}}\n"${seq}"\n`],
  ];
  const listener = cluster.peers.listenerOf('a');
  listener.receive('z', 1, contentOf(1));
  listener.receive('z', 2, contentOf(2));
  listener.receive('z', 2, contentOf(3));
  listener.receive('z', 1, contentOf(3));
  expect([visit.messages, cluster.links[0]]).toEqual([['1', '2'], 2]);
});
