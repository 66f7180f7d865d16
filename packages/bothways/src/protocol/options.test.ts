import { describe, expect, it } from 'vitest';
import {
  BOOLEAN,
  COUNT,
  FUNCTION,
  MILLISECONDS,
  OBJECT,
  SIZE,
  STRING,
  checkOptions,
  wholeNumber,
  type Rule,
} from './options.js';

const check = (value: unknown, rule: Rule) => () => checkOptions({ it: value }, { it: rule }, 'call()');

describe('Options', () => {
  it.each<[string, Rule, unknown[], unknown[]]>([
    ['a size', SIZE, [1, 2 ** 40], [0, -1, 1.5, Infinity, '1']],
    ['a time', MILLISECONDS, [0, 2 ** 31 - 1], [-1, 0.5, 2 ** 31, '1', NaN]],
    ['a count', COUNT, [1, Infinity], [0, 1.5, null]],
    ['a whole number', wholeNumber(2, 3), [2, 3], [1, 4, 2.5]],
    ['a string', STRING, ['a'], ['', 1, null]],
    ['true or false', BOOLEAN, [true, false], [0, 'true']],
    ['a function', FUNCTION, [() => {}], [{}, 'f']],
    ['an object', OBJECT, [{}], [[], null, () => {}]],
  ])('that are %s have no other value', (_, rule, allowed, refused) => {
    for (const value of [undefined, ...allowed]) expect(check(value, rule)).not.toThrow();
    for (const value of refused) expect(check(value, rule)).toThrow(TypeError);
  });

  it('are an object, and none but those that there are', () => {
    expect(() => checkOptions(null as never, { it: SIZE }, 'call()')).toThrow(/may be it$/);
    expect(() => checkOptions({ that: 1 }, { it: SIZE }, 'call()')).toThrow("call() has no option 'that'");
  });

  it.each([
    ['x'.repeat(200), `"${'x'.repeat(100)}"`],
    [[], 'a list'],
    [{}, 'an object'],
    [() => {}, 'a function'],
    [null, 'null'],
    [-1, '-1'],
  ])('of a wrong value say which: %s', (value, said) => {
    expect(check(value, SIZE)).toThrow(`must be a positive whole number of bytes, and is ${said}`);
  });
});
