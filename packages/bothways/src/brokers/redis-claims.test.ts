import { describe, expect, it } from 'vitest';
import { startRedis } from '../../../../test/peers/brokers.js';
import { until } from '../node/test-arrivals.js';
import { testClaims } from '../pubsub/test-claims.js';
import { CLIENTS, openNode } from './test-redis.js';

describe('Claims in Redis', () => {
  for (const [name, makeClient] of CLIENTS) {
    testClaims(`The client of ${name}`, async () => {
      const { url } = await startRedis();
      const [one, two] = [await openNode(makeClient(url)), await openNode(makeClient(url))];
      return [one.broker.claims!, two.broker.claims!];
    });

    it(`cannot be made while it does not answer, and can when it is back, with ${name}`, async () => {
      const redis = await startRedis();
      const { broker } = await openNode(makeClient(redis.url));
      redis.pause();
      await expect(broker.claims!.claim('key', 'a', 60_000)).rejects.toMatchObject({
        code: 'ERR_BROKER_AWAY',
      });
      await redis.kill();
      await until(() => broker.isAway);
      await expect(broker.claims!.claim('key', 'a', 60_000)).rejects.toMatchObject({
        code: 'ERR_BROKER_AWAY',
      });
      await redis.restart();
      await until(() => !broker.isAway);
      expect(await broker.claims!.claim('key', 'b', 60_000)).toBe('b');
    });
  }
});
