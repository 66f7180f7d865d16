import { describe, expect, it } from 'vitest';
import type { Connection } from '../protocol/contract.js';
import type { KeptMessage } from '../pubsub/history.js';
import { admit, type Admission } from './admission.js';
import { connect } from './connect.js';
import type { Handlers } from './handlers.js';
import type { ServeOptions } from './options.js';
import { until } from './test-arrivals.js';
import { start, startWatched, wsJoin } from './test-server.js';
import { attended } from './test-session.js';

type Socket = Connection<unknown, Buffer>;

/** A server that tells who comes and goes; its clients may be sessions. */
async function startShown(options: ServeOptions = {}, handlers: Handlers = {}) {
  const told: string[] = [];
  const watched = await startWatched(
    { sessions: true, ...options },
    {
      ...handlers,
      join: (topic, { id }) => void told.push(`+${topic}:${id}`),
      leave: (topic, { id }) => void told.push(`-${topic}:${id}`),
    },
  );
  const enter = async (): Promise<{ client: Awaited<ReturnType<typeof wsJoin>>; socket: Socket }> => {
    const client = await wsJoin(watched.server);
    return { client, socket: await watched.opened.next() };
  };
  return { ...watched, told, enter };
}

describe('Members of topics', () => {
  it('are those that join names, by whatever connections, until they leave', async () => {
    const { server, opened, told, enter } = await startShown();
    const { socket } = await enter();
    await attended(server, { carriers: ['long-polling'] });
    const session = await opened.next();
    socket.join('room', 'ann', { mood: 'good' });
    session.join('room', 'bob');
    session.join('room', 'ann', { mood: 'good' });
    session.join('hall', 'bob');
    expect(server.members('room')).toEqual([{ id: 'ann', info: { mood: 'good' } }]);
    expect(server.members('hall')).toEqual([{ id: 'bob', info: null }]);
    expect(server.members('nowhere')).toEqual([]);
    socket.leave('room');
    socket.leave('room');
    expect(server.members('room')).toHaveLength(1);
    session.leave('room');
    expect(told).toEqual(['+room:ann', '+room:bob', '-room:bob', '+hall:bob', '-room:ann']);
  });

  it('are there for a while after their last connection is gone, and are not told of when they return', async () => {
    const { server, told, enter } = await startShown({ presenceGrace: 60_000 });
    const first = await enter();
    first.socket.join('room', 'ann');
    first.client.socket.terminate();
    await until(() => server.connections.size === 0);
    expect(server.members('room')).toHaveLength(1);
    const second = await enter();
    second.socket.join('room', 'ann');
    expect(told).toEqual(['+room:ann']);
  });

  it('are gone when presenceGrace is over', async () => {
    const { server, told, enter } = await startShown({ presenceGrace: 50 });
    const { client, socket } = await enter();
    socket.join('room', 'ann');
    client.socket.terminate();
    await until(() => told.length === 2);
    expect([told, server.members('room')]).toEqual([['+room:ann', '-room:ann'], []]);
  });

  it('are copies, of what JSON can carry', async () => {
    const { server, enter } = await startShown();
    const { socket } = await enter();
    const info = { list: [1], left: undefined };
    socket.join('room', 'ann', info);
    info.list.push(2);
    expect(server.members('room')).toEqual([{ id: 'ann', info: { list: [1] } }]);
  });

  it.each([
    ['', 'ann', null],
    ['a/+', 'ann', null],
    ['a', '', null],
    ['a', 'x'.repeat(257), null],
    ['a', 5, null],
    ['a', 'ann', 'x'.repeat(4_096)],
    ['a', 'ann', 5n],
  ])('cannot be: topic %j, id %j', async (topic, id, info) => {
    const { server, told, enter } = await startShown();
    const { socket } = await enter();
    expect(() => socket.join(topic, id as string, info)).toThrow(TypeError);
    expect([told, server.members('a')]).toEqual([[], []]);
  });

  it('does nothing for a connection that is gone', async () => {
    const { server, told, enter } = await startShown();
    const { client, socket } = await enter();
    client.socket.terminate();
    await socket.closed;
    socket.join('room', 'ann');
    socket.leave('room');
    socket.publish('room', 'nobody');
    expect([told, server.members('room')]).toEqual([[], []]);
  });

  it('are told of in spite of a handler that throws', async () => {
    const errors: unknown[] = [];
    const failure = new Error('of the handler');
    const { server, opened } = await startWatched(
      {},
      {
        join() {
          throw failure;
        },
        error: (error, socket) => void errors.push([error, socket]),
      },
    );
    await wsJoin(server);
    const socket = await opened.next();
    socket.join('room', 'ann');
    expect([errors, server.members('room')]).toEqual([[[failure, undefined]], [{ id: 'ann', info: null }]]);
    expect(server.nodes).toMatchObject([{ connections: 1, isOwn: true }]);
  });
});

describe('publish of a connection', () => {
  it('leaves that connection out', async () => {
    const { enter, server } = await startShown();
    const [one, two] = [await enter(), await enter()];
    for (const { socket } of [one, two]) socket.subscribe('a');
    one.socket.publish('a', 'of one');
    server.publish('a', 'to all', { local: true });
    expect(await two.client.messages.take(2)).toEqual(['of one', 'to all']);
    expect(await one.client.messages.next()).toBe('to all');
  });

  it('throws at a client, and for what is no topic', async () => {
    const { server, enter } = await startShown();
    const client = await connect(server.url);
    for (const call of [
      () => client.publish('a', 'b'),
      () => client.join('a', 'ann'),
      () => client.leave('a'),
    ]) {
      expect(call).toThrow(TypeError);
    }
    client.terminate();
    const { socket } = await enter();
    expect(() => socket.publish('a/#', 'b')).toThrow(TypeError);
  });
});

const accept = (): Admission<{ user: string }> =>
  admit({ user: 'ann' }, { subscribe: ['news/#', 'users/ann', 'rooms/+'], publish: ['rooms/+'] });

describe('Rights', () => {
  it('are what admit says, and the state is there as well', async () => {
    const { server, opened } = await startWatched({ accept });
    await wsJoin(server);
    const socket = await opened.next();
    expect(socket.state).toEqual({ user: 'ann' });
    for (const filter of ['news', 'news/a/b', 'news/+', 'news/#', 'users/ann', 'rooms/7', 'rooms/+']) {
      socket.subscribe(filter);
    }
    for (const filter of ['#', 'users/bob', 'users/+', 'rooms/#', 'rooms/7/8', 'new']) {
      expect(() => socket.subscribe(filter)).toThrow(
        expect.objectContaining({ code: 'ERR_FORBIDDEN_TOPIC', right: 'subscribe', topic: filter }),
      );
    }
    socket.publish('rooms/7', 'allowed');
    socket.join('rooms/7', 'ann');
    for (const call of [() => socket.publish('news', 'x'), () => socket.join('users/bob', 'ann')]) {
      expect(call).toThrow(expect.objectContaining({ code: 'ERR_FORBIDDEN_TOPIC' }));
    }
    socket.unsubscribe('users/bob');
    // What the server does for all is not for a connection to allow.
    server.publish('news', 'from the server');
  });

  it('hold when the connection is gone: a handler may still be at work in its name', async () => {
    const { server, opened } = await startWatched({ accept });
    const client = await wsJoin(server);
    const socket = await opened.next();
    client.socket.terminate();
    await socket.closed;
    expect(() => socket.publish('news', 'x')).toThrow(
      expect.objectContaining({ code: 'ERR_FORBIDDEN_TOPIC' }),
    );
    socket.publish('rooms/7', 'allowed');
  });

  it('that are left out grant nothing, and no rights at all grant everything', async () => {
    const accepts = [() => admit('none', {}), () => 'all'];
    const { server, opened } = await startWatched({ accept: () => accepts.shift()!() });
    await wsJoin(server);
    const none = await opened.next();
    expect(() => none.subscribe('a')).toThrow(expect.objectContaining({ code: 'ERR_FORBIDDEN_TOPIC' }));
    expect(() => none.publish('a', 'b')).toThrow(expect.objectContaining({ code: 'ERR_FORBIDDEN_TOPIC' }));
    await wsJoin(server);
    const all = await opened.next();
    all.subscribe('#');
    all.publish('a', 'b');
    expect([none.state, all.state]).toEqual(['none', 'all']);
  });

  it('that a client exceeds close its connection with 1008, and no error is reported', async () => {
    const errors: unknown[] = [];
    const server = await start(
      { accept, sessions: true },
      {
        message: (socket, data) => socket.subscribe(data.toString()),
        error: (error) => void errors.push(error),
      },
    );
    const reason = 'You may not do that with this topic';
    const plain = await wsJoin(server);
    plain.socket.send('users/bob');
    expect(await plain.closed).toEqual([1008, reason]);
    const client = await attended(server);
    client.session.send('users/bob');
    expect(await client.closed).toMatchObject({ code: 1008, reason });
    expect(errors).toEqual([]);
  });

  it('hold for sessions, also when accept takes its time', async () => {
    const { server, opened } = await startWatched({
      sessions: true,
      accept: () => Promise.resolve(accept()),
    });
    await attended(server);
    const session = await opened.next();
    expect(session.state).toEqual({ user: 'ann' });
    session.subscribe('news/today');
    expect(() => session.subscribe('users/bob')).toThrow(
      expect.objectContaining({ code: 'ERR_FORBIDDEN_TOPIC' }),
    );
  });

  it.each([{ subscribe: ['a+'] }, { publish: [''] }, { subscribe: ['$bothways/x'] }])(
    'cannot be %j',
    (rights) => {
      expect(() => admit(undefined, rights)).toThrow(TypeError);
    },
  );
});

const encode = ({ topic, data, epoch, offset }: KeptMessage): string =>
  JSON.stringify({ topic, text: data.toString(), epoch: epoch.length > 0, offset });

describe('The history of a topic', () => {
  const history = { 'chat/#': { messages: 3, age: 60_000 } };
  it('is sent to whoever asks for it, and what is published then comes behind it', async () => {
    const { server, enter } = await startShown({ history });
    const first = await enter();
    const begun = await first.socket.recover('chat/a', 0);
    expect(begun).toEqual({ recovered: true, epoch: expect.any(String) as string, offset: 0 });
    for (const text of ['1', '2']) server.publish('chat/a', text);
    expect(await first.client.messages.take(2)).toEqual(['1', '2']);
    const second = await enter();
    const recovery = second.socket.recover('chat/a', { epoch: begun.epoch, offset: 1 });
    server.publish('chat/a', '3');
    expect(await recovery).toEqual({ recovered: true, epoch: begun.epoch, offset: 2 });
    expect(await second.client.messages.take(2)).toEqual(['2', '3']);
    expect(await first.client.messages.next()).toBe('3');
    const third = await enter();
    await third.socket.recover('chat/a', 2);
    expect(await third.client.messages.take(2)).toEqual(['2', '3']);
  });

  it('is told to be incomplete when it is', async () => {
    const { server, enter } = await startShown({ history });
    const { client, socket } = await enter();
    const { epoch } = await socket.recover('chat/a', 0);
    for (let number = 1; number <= 5; number++) server.publish('chat/a', `${number}`);
    await client.messages.take(5);
    const late = await enter();
    expect(await late.socket.recover('chat/a', { epoch, offset: 1 })).toMatchObject({
      recovered: false,
      offset: 5,
    });
    expect(await late.socket.recover('chat/a', { epoch: 'another', offset: 5 })).toMatchObject({
      recovered: false,
    });
    server.publish('chat/a', '6');
    expect(await late.client.messages.next()).toBe('6');
  });

  it('has what was published at that time, of texts and bytes', async () => {
    const { server, enter } = await startShown({ history });
    const bytes = Buffer.from([1, 2]);
    server.publish('chat/a', bytes);
    bytes.fill(0);
    server.publish('chat/a', 'text');
    server.publish('chat/a', 'not kept', { local: true });
    server.publish('other', 'not kept either');
    const { client, socket } = await enter();
    await socket.recover('chat/a', 3);
    server.publish('chat/a', 'last');
    expect(await client.messages.take(3)).toEqual([Buffer.from([1, 2]), 'text', 'last']);
  });

  it('is encoded with its positions, for those who have been there as for those who ask', async () => {
    const { server, enter } = await startShown({ history: { '#': { messages: 3, age: 1_000, encode } } });
    const { client, socket } = await enter();
    socket.subscribe('chat/+');
    server.publish('chat/a', 'x');
    server.publish('chat/b', Buffer.from('y'));
    const late = await enter();
    await late.socket.recover('chat/b', 1);
    const [x, y] = ['x', 'y'].map((text, index) =>
      JSON.stringify({ topic: `chat/${'ab'[index]}`, text, epoch: true, offset: 1 }),
    );
    expect(await client.messages.take(2)).toEqual([x, y]);
    expect(await late.client.messages.next()).toBe(y);
  });

  it('is for those who may subscribe, and of topics that have one', async () => {
    const { opened, server } = await startWatched({
      history,
      accept: () => admit(0, { subscribe: ['chat/a', 'x'] }),
    });
    await wsJoin(server);
    const socket = await opened.next();
    await expect(socket.recover('chat/b', 0)).rejects.toMatchObject({ code: 'ERR_FORBIDDEN_TOPIC' });
    await expect(socket.recover('x', 0)).rejects.toThrow("The option 'history' says nothing of 'x'");
    for (const since of [
      -1,
      1.5,
      '1',
      null,
      {},
      { epoch: 'a' },
      { epoch: 'a', offset: -1 },
      { epoch: 1, offset: 1 },
    ]) {
      await expect(socket.recover('chat/a', since as never)).rejects.toThrow(TypeError);
    }
    await expect(socket.recover('chat/+', 0)).rejects.toThrow(TypeError);
    const client = await connect(server.url);
    await expect(client.recover('chat/a', 0)).rejects.toThrow(TypeError);
    client.terminate();
  });
});
