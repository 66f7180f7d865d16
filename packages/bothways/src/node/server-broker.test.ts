import { createServer } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BrokerError } from '../protocol/errors.js';
import type { Broker, BrokerNode } from '../pubsub/broker.js';
import { serve } from './server.js';
import { until } from './test-arrivals.js';
import { startWatched, wsJoin } from './test-server.js';
import { openByRequest } from './test-session.js';

/** A broker that tells what it was asked for. */
class Recorder implements Broker {
  readonly calls: unknown[][] = [];
  node!: BrokerNode;
  failure: Error | undefined;
  readonly isAway = false;

  async open(node: BrokerNode): Promise<void> {
    this.calls.push(['open']);
    this.node = node;
    await Promise.resolve();
    this.#check();
  }

  subscribe(topic: string): void {
    this.#note('subscribe', topic);
  }

  unsubscribe(topic: string): void {
    this.#note('unsubscribe', topic);
  }

  publish(topic: string, data: string | Uint8Array): void {
    this.#check();
    this.#note('publish', topic, typeof data === 'string' ? data : Buffer.from(data));
  }

  async close(): Promise<void> {
    await Promise.resolve();
    this.calls.push(['close']);
  }

  /** What servers say among themselves is not the application's. */
  #note(call: string, topic: string, ...others: unknown[]): void {
    if (!topic.startsWith('$bothways/')) this.calls.push([call, topic, ...others]);
  }

  #check(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}

async function startBrokered() {
  const broker = new Recorder();
  const { server, opened } = await startWatched({ broker });
  const enter = async () => {
    const { socket, messages } = await wsJoin(server);
    return { socket, messages, atServer: await opened.next() };
  };
  return { broker, server, enter };
}

describe('A server with a broker', () => {
  it('opens it before it listens, and closes it last', async () => {
    const { broker, server } = await startBrokered();
    expect(broker.calls).toEqual([['open']]);
    await server.close();
    expect(broker.calls).toEqual([['open'], ['close']]);
    server.publish('a', 'nobody is there any more');
    await server.close();
    expect(broker.calls).toHaveLength(2);
  });

  it('tells it of the first subscriber of a topic and of the last, however it leaves', async () => {
    const { broker, enter } = await startBrokered();
    const [one, two] = [await enter(), await enter()];
    one.atServer.subscribe('a');
    two.atServer.subscribe('a');
    two.atServer.subscribe('b');
    one.atServer.unsubscribe('a');
    one.atServer.unsubscribe('a');
    two.socket.terminate();
    await until(() => broker.calls.length >= 5);
    expect(broker.calls.slice(1)).toEqual([
      ['subscribe', 'a'],
      ['subscribe', 'b'],
      ['unsubscribe', 'a'],
      ['unsubscribe', 'b'],
    ]);
  });

  it('hands it what is published, and delivers what comes from it without handing it back', async () => {
    const { broker, server, enter } = await startBrokered();
    const { messages, atServer } = await enter();
    atServer.subscribe('a');
    server.publish('a', 'text');
    server.publish('a', new Uint16Array([1, 2, 3]).subarray(1, 2));
    server.publish('b', 'for others');
    server.publish('a', 'except', { except: atServer });
    broker.node.receive('a', 'from afar');
    broker.node.receive('a', new Uint8Array([9]));
    broker.node.receive('c', 'nobody any more');
    expect(await messages.take(4)).toEqual(['text', Buffer.from([2, 0]), 'from afar', Buffer.from([9])]);
    expect(broker.calls.slice(2)).toEqual([
      ['publish', 'a', 'text'],
      ['publish', 'a', Buffer.from([2, 0])],
      ['publish', 'b', 'for others'],
      ['publish', 'a', 'except'],
    ]);
  });

  it('tells of filters with wildcards, and delivers once to whoever has several', async () => {
    const { broker, server, enter } = await startBrokered();
    const { messages, atServer } = await enter();
    for (const filter of ['a/+', 'a/#', 'a/b', 'a/+']) atServer.subscribe(filter);
    server.publish('a/b', 'here');
    broker.node.receive('a/c', 'from afar');
    broker.node.receive('b', 'for nobody');
    atServer.unsubscribe('a/#');
    server.publish('a', 'nobody any more');
    broker.node.receive('a/d', 'last');
    expect(await messages.take(3)).toEqual(['here', 'from afar', 'last']);
    expect(broker.calls.slice(1).filter(([name]) => name !== 'publish')).toEqual([
      ['subscribe', 'a/+'],
      ['subscribe', 'a/#'],
      ['subscribe', 'a/b'],
      ['unsubscribe', 'a/#'],
    ]);
  });

  it('tells each subscriber when messages may be lost, and of which filters', async () => {
    const told: unknown[][] = [];
    const broker = new Recorder();
    const { server, opened } = await startWatched(
      { broker, sessions: true },
      { missed: (socket, filters) => void told.push([socket, filters]) },
    );
    await wsJoin(server);
    const plain = await opened.next();
    await openByRequest(server);
    const session = await opened.next();
    await wsJoin(server);
    await opened.next();
    plain.subscribe('a/+');
    plain.subscribe('b');
    session.subscribe('a/#');
    broker.node.missed();
    expect(told).toEqual([
      [plain, ['a/+', 'b']],
      [session, ['a/#']],
    ]);
  });

  it('closes a connection with 1011 whose handler missed throws, and goes on', async () => {
    const failure = new Error('of the handler');
    const broker = new Recorder();
    const errors: unknown[] = [];
    const { server, opened } = await startWatched(
      { broker },
      {
        missed() {
          throw failure;
        },
        error: (error, socket) => void errors.push([error, socket]),
      },
    );
    const { closed } = await wsJoin(server);
    const socket = await opened.next();
    socket.subscribe('a');
    broker.node.missed();
    expect((await closed)[0]).toBe(1011);
    expect(errors).toEqual([[failure, socket]]);
  });

  it('reports what the broker took and did not send', async () => {
    const errors: unknown[] = [];
    const broker = new Recorder();
    await startWatched({ broker }, { error: (error, socket) => void errors.push([error, socket]) });
    const failure = new BrokerError('ERR_BROKER_REFUSED', 'no');
    broker.node.failed(failure);
    expect(errors).toEqual([[failure, undefined]]);
  });

  it.each([['a+'], ['#/a'], [''], [5], ['$bothways/x']])('is not asked for the filter %j', async (filter) => {
    const { broker, enter } = await startBrokered();
    const { atServer } = await enter();
    expect(() => atServer.subscribe(filter as string)).toThrow(TypeError);
    expect(broker.calls).toEqual([['open']]);
  });

  it.each([['a/+'], ['#'], [''], [5], ['$bothways/x']])(
    'is not given what is published to %j',
    async (topic) => {
      const { broker, server } = await startBrokered();
      expect(() => server.publish(topic as string, 'data')).toThrow(TypeError);
      expect(broker.calls).toEqual([['open']]);
    },
  );

  it('sends to nobody what the broker does not take', async () => {
    const { broker, server, enter } = await startBrokered();
    const { messages, atServer } = await enter();
    atServer.subscribe('a');
    broker.failure = new BrokerError('ERR_BROKER_FULL', 'too much');
    expect(() => server.publish('a', 'lost')).toThrow(broker.failure);
    broker.failure = undefined;
    server.publish('a', 'taken');
    expect(await messages.next()).toBe('taken');
  });

  it('is not started when the broker cannot be opened', async () => {
    const broker = new Recorder();
    broker.failure = new BrokerError('ERR_BROKER_AWAY', 'away');
    await expect(serve({ port: 0, broker }, {})).rejects.toBe(broker.failure);
    expect(broker.calls).toEqual([['open']]);
  });

  it('lets go of the broker when it cannot listen', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void taken.close());
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const broker = new Recorder();
    await expect(serve({ port, host: '127.0.0.1', broker }, {})).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
    expect(broker.calls).toEqual([['open'], ['close']]);
  });
});
