import { randomBytes } from 'node:crypto';
import { Failure } from './failure.js';

/** Where it is: other users of a machine see the arguments of a command, but not its environment. */
const NAME = 'BOTHWAYS_SECRET';
const SHORTEST = 32;

/** What the servers that share sessions sign their tokens with, if it is known. */
export function secret(): string | undefined {
  const value = process.env[NAME];
  return value === '' ? undefined : value;
}

/** @throws {Failure} which does not show it. */
export function checkSecret(): void {
  const value = secret();
  if (value === undefined || value.length >= SHORTEST) return;
  throw new Failure(
    `${NAME} is too short: give all servers the same one of ${SHORTEST} random characters or more.`,
  );
}

/** Makes one for the workers that this process is going to start, if there is none. */
export function shareSecret(): void {
  process.env[NAME] = secret() ?? randomBytes(32).toString('base64url');
}
