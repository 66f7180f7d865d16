import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { startRedis, type BrokerServer } from '../../../../test/peers/brokers.js';
import { until } from '../node/test-arrivals.js';
import { KEPT } from '../pubsub/test-broker-history.js';
import { CLIENTS, command, numbers, openNode, settle, startOwnRedis } from './test-redis.js';

describe.each(CLIENTS)('With a client of %s', (_, makeClient) => {
  let redis: BrokerServer;
  let users = 0;

  beforeAll(async () => {
    redis = await startRedis();
  });

  afterAll(() => redis[Symbol.asyncDispose]());

  /** A node that may do what `rules` say, and one that may do all. */
  async function openWith(rules: string) {
    const user = `user${users++}`;
    const allow = (more: string) => command(redis.url, ['ACL', 'SETUSER', user, ...more.split(' ')]);
    await allow(`on >secret ${rules}`);
    const options = { prefix: `${user}:` };
    const url = new URL(redis.url);
    url.username = user;
    url.password = 'secret';
    const node = await openNode(makeClient(url.href), options);
    return { node, other: await openNode(makeClient(redis.url), options), allow };
  }

  it('a broker needs no more rights than the guide says', async () => {
    const { node, other } = await openWith(
      'allchannels +publish +subscribe +unsubscribe +psubscribe +punsubscribe +ping +hello +auth +info',
    );
    node.subscribe('a/+');
    node.subscribe('b');
    other.subscribe('#');
    await settle(node, other);
    await settle(other, node);
    node.publish('c', 'from it');
    for (const topic of ['a/b', 'b']) other.publish(topic, topic);
    await until(() => node.story.length + other.story.length === 3);
    node.unsubscribe('a/+');
    await settle(node, other);
    expect([node.story, other.story]).toEqual([['a/b', 'b'], ['from it']]);
  });

  it('a history needs no more rights than the guide says', async () => {
    const { node, other } = await openWith(
      [
        'allchannels +publish +subscribe +unsubscribe +psubscribe +punsubscribe +ping +hello +auth +info',
        `~user${users}:$bothways/*`,
        '+eval +evalsha +time +hget +hmget +hset +hincrby +del +get +set +exists',
        '+zadd +zrem +zscore +zrange +zrangebyscore +xadd +xrange +xrevrange +pexpire',
      ].join(' '),
    );
    node.subscribe('a');
    const { position } = await node.history.changes(undefined);
    for (const data of numbers(0, 3)) node.history.publish('a', data, KEPT);
    await until(() => node.story.length === 3);
    expect((await node.history.read('a', position, KEPT)).messages).toHaveLength(3);
    expect((await node.history.read('a', 2, KEPT)).messages).toHaveLength(2);
    expect((await other.history.changes(position)).topics).toEqual(['a']);
    expect(node.failures.items).toEqual([]);
  });

  it('a history that Redis does not allow is told, and what is published otherwise goes on', async () => {
    const { node, other } = await openWith('allchannels allcommands -xadd allkeys');
    other.subscribe('a');
    await settle(other, node);
    node.history.publish('a', 'lost', KEPT);
    node.publish('a', 'taken');
    expect(await node.failures.next()).toMatchObject({ code: 'ERR_BROKER_REFUSED' });
    await until(() => other.story.length > 0);
    expect(other.story).toEqual(['taken']);
    const without = await openWith('allchannels allcommands -eval -evalsha');
    await expect(without.node.history.read('a', 1, KEPT)).rejects.toMatchObject({
      code: 'ERR_BROKER_REFUSED',
    });
    await expect(without.node.history.changes(undefined)).rejects.toMatchObject({
      code: 'ERR_BROKER_REFUSED',
    });
  });

  it('what Redis does not allow to publish is told, and the next goes on', async () => {
    const { node, other, allow } = await openWith('allchannels allcommands -publish');
    other.subscribe('news');
    node.publish('news', 'lost');
    const failure = await node.failures.next();
    expect(failure).toMatchObject({ code: 'ERR_BROKER_REFUSED', cause: { message: /^NOPERM/ } });
    expect(failure.message).toContain("'news'");
    await allow('+publish');
    await settle(other, node);
    node.publish('news', 'taken');
    await until(() => other.story.length > 0);
    expect(other.story).toEqual(['taken']);
    expect(node.failures.items).toEqual([]);
  });

  it('a subscription that Redis does not allow is tried again, hinders no other, and is told when it holds', async () => {
    const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    onTestFinished(() => warnings.mockRestore());
    const { node, other, allow } = await openWith('resetchannels &*:open &*:probe* allcommands');
    for (const topic of ['closed', 'open', 'closed too']) node.subscribe(topic);
    await settle(node, other);
    other.publish('closed', 'lost');
    other.publish('open', 'open');
    await until(() => node.story.length > 0);
    await until(() => warnings.mock.calls.length > 0);
    expect(node.story).toEqual(['open']);
    await allow('allchannels');
    await until(() => node.story.includes('missed'));
    await settle(node, other);
    other.publish('closed', 'closed');
    other.publish('closed too', 'closed too');
    await until(() => node.story.length > 3);
    expect(node.story.filter((each) => each !== 'missed')).toEqual(['open', 'closed', 'closed too']);
    expect(warnings).toHaveBeenCalledOnce();
    expect(warnings).toHaveBeenCalledWith(expect.stringContaining('NOPERM'));
  });

  it('what Redis is too busy to take is sent later, in its order', async () => {
    const own = await startOwnRedis();
    await command(own.url, ['CONFIG', 'SET', 'busy-reply-threshold', '1']);
    const [publisher, subscriber] = [
      await openNode(makeClient(own.url)),
      await openNode(makeClient(own.url)),
    ];
    subscriber.subscribe('news');
    await settle(subscriber, publisher);
    publisher.publish('news', '0');
    const script = command(own.url, ['EVAL', 'while true do end', '0']);
    const ended = script.catch((error: Error) => error.message);
    const busy = () =>
      command(own.url, ['GET', 'a']).then(
        () => false,
        (error: Error) => error.message.startsWith('BUSY'),
      );
    while (!(await busy()));
    for (const data of numbers(1, 50)) publisher.publish('news', data);
    // One connection after another is told that it is busy.
    const refused = async () => String(await command(own.url, ['INFO', 'errorstats']));
    await busy();
    await command(own.url, ['SCRIPT', 'KILL']);
    expect(await ended).toContain('SCRIPT KILL');
    expect(await refused()).toContain('errorstat_BUSY');
    for (const data of numbers(50, 100)) publisher.publish('news', data);
    await until(() => subscriber.story.length >= 100);
    await settle(subscriber, publisher);
    expect(subscriber.story).toEqual(numbers(0, 100));
    expect([publisher.failures.items, publisher.story]).toEqual([[], []]);
  });
});
