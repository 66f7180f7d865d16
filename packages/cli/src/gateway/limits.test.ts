import { describe, expect, it } from 'vitest';
import type { RouteLimits } from './config/schema.js';
import { RouteLimiter, type Place } from './limits.js';
import { Refused } from './refusal.js';

const clock = { now: 0 };

function create(limits: RouteLimits): RouteLimiter {
  clock.now = 0;
  return new RouteLimiter(limits, () => clock.now);
}

function entered(limiter: RouteLimiter, address = '192.0.2.1', user = ''): Place {
  const place = limiter.enter(address);
  if (place instanceof Refused) throw new Error(place.why);
  const refusal = place.assignUser(user);
  if (refusal !== undefined) throw new Error(refusal.why);
  return place;
}

describe('the connections of a route', () => {
  it('are as many as they may be, and more when one has left', () => {
    const limiter = create({ connections: 2 });
    const place = entered(limiter);
    entered(limiter);
    expect(limiter.enter('192.0.2.2')).toMatchObject({ status: 503, headers: { 'Retry-After': '10' } });
    place.leave();
    place.leave();
    expect(limiter.connections).toBe(1);
    entered(limiter);
    expect(limiter.enter('192.0.2.2')).toBeInstanceOf(Refused);
  });

  it('are as many from one address as they may be', () => {
    const limiter = create({ connections_per_address: 1 });
    const place = entered(limiter, '2001:db8::1');
    // The neighbour is in the same network of 64 bits.
    expect(limiter.enter('2001:db8::2')).toMatchObject({ status: 429, headers: { 'Retry-After': '10' } });
    entered(limiter, '2001:db8:0:1::1');
    place.leave();
    entered(limiter, '2001:db8::2');
  });

  it('are as many of one user as they may be; one that is refused counts nowhere', () => {
    const limiter = create({ connections_per_user: 1, connections: 2 });
    const place = entered(limiter, '192.0.2.1', 'ada');
    const second = limiter.enter('192.0.2.2') as Place;
    expect(second.assignUser('ada')).toMatchObject({ status: 429, why: 'limit: connections_per_user' });
    expect(limiter.connections).toBe(1);
    second.leave();
    expect(limiter.connections).toBe(1);
    entered(limiter, '192.0.2.2', 'bob');
    place.leave();
    entered(limiter, '192.0.2.1', 'ada');
  });

  it('of nobody in particular are not counted as those of one user', () => {
    const limiter = create({ connections_per_user: 1 });
    entered(limiter);
    entered(limiter);
    expect(limiter.connections).toBe(2);
  });

  it('leave nothing behind', () => {
    const limiter = create({});
    const places = Array.from({ length: 1_000 }, (_, index) =>
      entered(limiter, `10.0.0.${index % 256}`, `u${index}`),
    );
    expect(limiter.groups).toBe(1_256);
    for (const place of places) place.leave();
    expect([limiter.connections, limiter.groups]).toEqual([0, 0]);
  });

  it('stay when fewer may be there from now on', () => {
    const limiter = create({});
    const places = [entered(limiter), entered(limiter)];
    limiter.configure({ connections: 1 });
    expect(limiter.enter('192.0.2.1')).toBeInstanceOf(Refused);
    for (const place of places) place.leave();
    entered(limiter);
    expect(limiter.connections).toBe(1);
  });
});

describe('what a connection sends', () => {
  it('is not slowed where there is no limit', () => {
    const place = entered(create({}));
    expect(place.take(1e9, 1e12)).toBe(0);
  });

  it('may come at once for a second, and then evenly', () => {
    const place = entered(create({ messages_per_second: 10 }));
    expect(place.take(10, 0)).toBe(0);
    expect(place.take(1, 0)).toBe(100);
    expect(place.take(1, 0)).toBe(200);
    clock.now = 200;
    expect(place.take(1, 0)).toBe(100);
  });

  it('may not be saved up for more than a second', () => {
    const place = entered(create({ bytes_per_second: 1_000 }));
    clock.now = 3_600_000;
    expect(place.take(1, 1_000)).toBe(0);
    expect(place.take(1, 500)).toBe(500);
  });

  it('is slowed by whichever limit is the slowest', () => {
    const limits = { messages_per_second: 100, bytes_per_second: 1_000, bytes_per_second_per_address: 500 };
    const place = entered(create(limits));
    expect(place.take(1, 1_000)).toBe(1_000);
  });

  it('is counted together for an address, and for a user', () => {
    const limiter = create({ messages_per_second_per_address: 10, messages_per_second_per_user: 5 });
    const [one, two] = [entered(limiter, '192.0.2.1', 'ada'), entered(limiter, '192.0.2.1', 'bob')];
    const three = entered(limiter, '192.0.2.9', 'ada');
    expect(one.take(5, 0)).toBe(0);
    expect(two.take(5, 0)).toBe(0);
    // Of the user's five none is left, and of the address's ten.
    expect(three.take(1, 0)).toBe(200);
    expect(two.take(1, 0)).toBe(200);
    expect(entered(limiter, '192.0.2.1', 'eve').take(1, 0)).toBe(200);
  });

  it('is as much over an hour as the limit says, however it comes', () => {
    const place = entered(create({ bytes_per_second: 1_000 }));
    let sent = 0;
    for (let index = 0; clock.now < 3_600_000; index++) {
      const size = (index * 7_919) % 5_000;
      sent += size;
      clock.now += place.take(1, size) || 1;
    }
    expect(sent).toBeGreaterThan(3_590_000);
    expect(sent).toBeLessThan(3_600_000 + 1_000 + 5_000);
  });

  it('never waits for longer than a timer can', () => {
    const place = entered(create({ bytes_per_second: 1 }));
    expect(place.take(1, 1e15)).toBe(2 ** 31 - 1);
  });

  it('comes at another rate as soon as the limit is another', () => {
    const limiter = create({ messages_per_second: 1 });
    const place = entered(limiter);
    expect(place.take(2, 0)).toBe(1_000);
    clock.now = 1_000;
    limiter.configure({ messages_per_second: 100 });
    expect(place.take(1, 0)).toBe(10);
    limiter.configure({});
    expect(place.take(100, 0)).toBe(0);
  });
});
