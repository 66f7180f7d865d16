/** What Web IDL, the language in which the web's interfaces are defined, asks of a class and of its arguments. */

interface Class {
  readonly prototype: object;
}

/**
 * Gives a class what the syntax of JavaScript cannot: its members can be enumerated, its objects are called by its
 * name, and its constants are on the class and on the prototype.
 */
export function defineInterface(
  type: Class,
  name: string,
  constants: Readonly<Record<string, number>> = {},
): void {
  const { prototype } = type;
  for (const member of Object.getOwnPropertyNames(prototype)) {
    if (member !== 'constructor') Object.defineProperty(prototype, member, { enumerable: true });
  }
  for (const [constant, value] of Object.entries(constants)) {
    const descriptor = { value, enumerable: true, writable: false, configurable: false };
    Object.defineProperty(type, constant, descriptor);
    Object.defineProperty(prototype, constant, descriptor);
  }
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
}

/** The conversion to a string: what has none, such as a symbol, throws. */
export function toText(value: unknown): string {
  return `${value as number}`;
}

/** A dictionary of options: an object, or nothing at all. */
export function toDictionary<Members extends object>(value: Members | null | undefined): Members {
  if (value === undefined || value === null) return {} as Members;
  if (typeof value === 'object' || typeof value === 'function') return value;
  throw new TypeError(`The options are an object, not ${toText(value)}`);
}

/** [Clamp]: a number between two integers becomes the nearest one, and of two the even one. */
export function clampToUint16(value: number): number {
  const clamped = Math.min(Math.max(value, 0), 65_535);
  const floor = Math.floor(clamped);
  const isTie = clamped - floor === 0.5;
  return (isTie ? floor + (floor % 2) : Math.round(clamped)) || 0;
}
