import { describe, expect, it } from 'vitest';
import { VirtualTime } from '../session/test-time.js';
import { MemoryHistory } from './history.js';

const LIMITS = { messages: 5, age: 60_000 };

function historyOf() {
  const time = new VirtualTime();
  let epochs = 0;
  const history = new MemoryHistory(time, () => `epoch ${++epochs}`);
  const publish = (topic: string, ...texts: string[]): void => {
    for (const text of texts) history.append(topic, text, LIMITS);
  };
  const read = (topic: string, since: Parameters<MemoryHistory['read']>[1]) => {
    const { recovered, position, messages } = history.read(topic, since, LIMITS);
    return { recovered, position, texts: messages.map(({ data }) => data).join('') };
  };
  return { time, history, publish, read };
}

describe('The history of a topic', () => {
  it('numbers its messages, in an epoch of its own', () => {
    const { history } = historyOf();
    expect(history.append('a', 'x', LIMITS)).toEqual({ epoch: 'epoch 1', offset: 1 });
    expect(history.append('a', 'y', LIMITS)).toEqual({ epoch: 'epoch 1', offset: 2 });
    expect(history.append('b', 'z', LIMITS)).toEqual({ epoch: 'epoch 2', offset: 1 });
  });

  it('has what came behind a position', () => {
    const { publish, read } = historyOf();
    publish('a', '1', '2', '3');
    const position = { epoch: 'epoch 1', offset: 3 };
    for (const [offset, texts] of [
      [0, '123'],
      [1, '23'],
      [3, ''],
    ] as const) {
      expect(read('a', { epoch: 'epoch 1', offset })).toEqual({ recovered: true, position, texts });
    }
  });

  it('says when something is missing: too many, too old, of another epoch, or never published', () => {
    const { time, publish, read } = historyOf();
    publish('a', '1', '2', '3', '4', '5', '6');
    expect(read('a', { epoch: 'epoch 1', offset: 0 })).toMatchObject({ recovered: false, texts: '' });
    expect(read('a', { epoch: 'epoch 1', offset: 1 })).toMatchObject({ recovered: true, texts: '23456' });
    expect(read('a', { epoch: 'epoch 0', offset: 5 })).toMatchObject({ recovered: false, texts: '' });
    expect(read('a', { epoch: 'epoch 1', offset: 7 })).toMatchObject({ recovered: false, texts: '' });
    time.pass(50_000);
    publish('a', '7');
    time.pass(10_000);
    expect(read('a', { epoch: 'epoch 1', offset: 5 })).toMatchObject({ recovered: false, texts: '' });
    expect(read('a', { epoch: 'epoch 1', offset: 6 })).toMatchObject({ recovered: true, texts: '7' });
  });

  it('has the last so many', () => {
    const { publish, read } = historyOf();
    expect(read('a', 3)).toEqual({ recovered: true, position: { epoch: 'epoch 1', offset: 0 }, texts: '' });
    publish('a', '1', '2');
    expect(read('a', 3)).toMatchObject({ recovered: true, texts: '12' });
    publish('a', '3', '4', '5', '6');
    expect(read('a', 0)).toMatchObject({ recovered: true, texts: '' });
    expect(read('a', 3)).toMatchObject({ recovered: true, texts: '456' });
    expect(read('a', 9)).toMatchObject({ recovered: false, texts: '23456' });
  });

  it('is forgotten when nobody has used it for as long as it keeps messages, and begins a new epoch', () => {
    const { time, publish, read } = historyOf();
    publish('a', '1');
    time.pass(50_000);
    read('a', 0);
    time.pass(50_000);
    expect(read('a', 1)).toEqual({ recovered: false, position: { epoch: 'epoch 1', offset: 1 }, texts: '' });
    time.pass(75_000);
    expect(read('a', 1).position).toEqual({ epoch: 'epoch 2', offset: 0 });
  });

  it('sets no timer any more when it is closed', () => {
    let timers = 0;
    const history = new MemoryHistory(
      { now: () => 0, soon() {}, alarm: () => ({ set: () => timers++, clear: () => (timers = 0) }) },
      () => 'epoch',
    );
    history.append('a', 'x', LIMITS);
    expect(timers).toBe(1);
    history.close();
    history.append('a', 'x', LIMITS);
    expect(timers).toBe(0);
  });

  it('is kept of 100,000 topics, those that were used last', () => {
    const { history, publish, read } = historyOf();
    for (let topic = 0; topic < 100_000; topic++) publish(`${topic}`, 'x');
    read('0', 0);
    publish('one more', 'x');
    expect(read('0', 1).texts).toBe('x');
    expect(read('1', 1).texts).toBe('');
    history.close();
    expect(read('0', 1).texts).toBe('');
  });
});
