// What options of every part of the library are checked by.

/** What an option must be: a test, and how to say it. */
export type Rule = readonly [isAllowed: (value: never) => boolean, allowed: string];

export const SIZE: Rule = [
  (value: unknown) => Number.isSafeInteger(value) && (value as number) > 0,
  'a positive whole number of bytes',
];
/** The longest time a timer of the platform can be set to, milliseconds. */
export const MAX_TIMEOUT = 2 ** 31 - 1;

export const MILLISECONDS: Rule = [
  (value: unknown) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_TIMEOUT,
  'a whole number of milliseconds from 0 to 2147483647',
];
export const COUNT: Rule = [
  (value: unknown) => value === Infinity || (Number.isSafeInteger(value) && (value as number) > 0),
  'a positive whole number or Infinity',
];
export const BOOLEAN: Rule = [(value: unknown) => typeof value === 'boolean', 'true or false'];
export const FUNCTION: Rule = [(value: unknown) => typeof value === 'function', 'a function'];
export const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const OBJECT: Rule = [isObject, 'an object'];
export const STRING: Rule = [
  (value: unknown) => typeof value === 'string' && value !== '',
  'a string that is not empty',
];

export const wholeNumber = (from: number, to: number): Rule => [
  (value: unknown) => Number.isInteger(value) && (value as number) >= from && (value as number) <= to,
  `a whole number from ${from} to ${to}`,
];

/**
 * Refuses what is not an option or has no allowed value; `undefined` counts as left out.
 *
 * @throws {TypeError} naming the option, what was given and what is allowed.
 */
export function checkOptions(options: object, rules: Readonly<Record<string, Rule>>, where: string): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`${where} takes an object whose members may be ${Object.keys(rules).join(', ')}`);
  }
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    if (value === undefined) continue;
    if (!Object.hasOwn(rules, name)) {
      throw new TypeError(
        `${where} has no option '${name}'; its options are ${Object.keys(rules).join(', ')}`,
      );
    }
    const [isAllowed, allowed] = rules[name]!;
    if (!isAllowed(value as never)) {
      throw new TypeError(`The option '${name}' must be ${allowed}, and is ${describe(value)}`);
    }
  }
}

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 100));
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}
