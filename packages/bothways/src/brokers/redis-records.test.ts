import { describe, expect, it } from 'vitest';
import { startRedis } from '../../../../test/peers/brokers.js';
import { until } from '../node/test-arrivals.js';
import { testRecords } from '../pubsub/test-records.js';
import { CLIENTS, openNode, startProxy } from './test-redis.js';

const WHOLE = { isWhole: true, fields: {}, entries: [], dropTo: 0, publishes: [] };
const LIMITS = { messages: 100, age: 60_000 };

describe('Records in Redis', () => {
  for (const [name, makeClient] of CLIENTS) {
    testRecords(`The client of ${name}`, async () => {
      const { url } = await startRedis();
      const [one, two] = [await openNode(makeClient(url)), await openNode(makeClient(url))];
      return [one.broker.records!, two.broker.records!];
    });

    it(`publish what a change brings, once, and only if it is made, with ${name}`, async () => {
      const { url } = await startRedis();
      const [one, two] = [await openNode(makeClient(url)), await openNode(makeClient(url))];
      two.subscribe('news');
      const { records, history } = one.broker;
      await history!.read('news', 0, LIMITS);
      await two.broker.history!.read('news', 0, LIMITS);
      const publishOf = (data: string) => [
        { topic: 'news', data, limits: LIMITS, number: records!.nextNumber() },
      ];
      await records!.save('key', 'a', 1, { ...WHOLE, publishes: publishOf('one') });
      await records!.save('key', 'a', 1, { ...WHOLE, publishes: publishOf('one again') });
      await records!.save('key', 'b', 2, { ...WHOLE, publishes: publishOf('of another one') });
      await records!.save('key', 'a', 2, { ...WHOLE, isWhole: false, publishes: publishOf('two') });
      const { messages } = await history!.read('news', 10, LIMITS);
      expect(messages.map(({ data }) => data)).toEqual(['one', 'two']);
      await until(() => two.story.length >= 2);
      expect(two.story).toEqual(['one', 'two']);
    });

    it(`are saved when Redis is back, and once where its answer was lost, with ${name}`, async () => {
      const redis = await startRedis();
      const proxy = await startProxy(redis.port);
      const { broker } = await openNode(makeClient(`redis://127.0.0.1:${proxy.port}`));
      const direct = await openNode(makeClient(redis.url));
      const { records } = broker;
      const { history } = direct.broker;
      const publishes = [{ topic: 'news', data: 'x', limits: LIMITS, number: records!.nextNumber() }];
      proxy.stall({ direction: 'down' });
      const saved = records!.save('key', 'a', 1, { ...WHOLE, publishes });
      const isThere = async () => (await history!.read('news', 10, LIMITS)).messages.length > 0;
      while (!(await isThere()));
      proxy.cut();
      proxy.heal();
      expect(await saved).toBe('saved');
      expect((await history!.read('news', 10, LIMITS)).messages).toHaveLength(1);
    });
  }
});
