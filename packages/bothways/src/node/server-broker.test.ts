import { createServer } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BrokerError } from '../protocol/errors.js';
import type { Broker, BrokerReceiver } from '../pubsub/broker.js';
import { serve } from './server.js';
import { until } from './test-arrivals.js';
import { startWatched, wsJoin } from './test-server.js';

/** A broker that tells what it was asked for. */
class Recorder implements Broker {
  readonly calls: unknown[][] = [];
  receive!: BrokerReceiver;
  failure: Error | undefined;

  async open(receive: BrokerReceiver): Promise<void> {
    this.calls.push(['open']);
    this.receive = receive;
    await Promise.resolve();
    this.#check();
  }

  subscribe(topic: string): void {
    this.calls.push(['subscribe', topic]);
  }

  unsubscribe(topic: string): void {
    this.calls.push(['unsubscribe', topic]);
  }

  publish(topic: string, data: string | Uint8Array): void {
    this.#check();
    this.calls.push(['publish', topic, typeof data === 'string' ? data : Buffer.from(data)]);
  }

  async close(): Promise<void> {
    await Promise.resolve();
    this.calls.push(['close']);
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
    broker.receive('a', 'from afar');
    broker.receive('a', new Uint8Array([9]));
    broker.receive('c', 'nobody any more');
    expect(await messages.take(4)).toEqual(['text', Buffer.from([2, 0]), 'from afar', Buffer.from([9])]);
    expect(broker.calls.slice(2)).toEqual([
      ['publish', 'a', 'text'],
      ['publish', 'a', Buffer.from([2, 0])],
      ['publish', 'b', 'for others'],
      ['publish', 'a', 'except'],
    ]);
  });

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
