import { InvalidArgumentError } from 'commander';

/** Reads an option that is a whole number. @param others what it may be besides, for the message. */
export function wholeNumber(min: number, max: number, others = ''): (value: string) => number {
  return (value) => {
    const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
    if (number >= min && number <= max) return number;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}${others}.`);
  };
}

/** Reads the number of worker processes. */
export function workerCount(value: string): number | 'auto' {
  return value === 'auto' ? value : wholeNumber(1, 1024, ', or auto')(value);
}

export const portNumber = wholeNumber(0, 65535);

/** Collects an option that may be given several times. */
export function collect(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}
