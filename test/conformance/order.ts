import type { Case, Role } from './case.js';
import { CASES } from './cases/index.js';

/** What a worker is asked for. */
export interface Order {
  readonly subject: string;
  readonly role: Role;
  /** The beginning of the numbers of the cases; empty for all. */
  readonly prefix: string;
  readonly isQuick: boolean;
}

/** The cases that are for this role. */
export function wantedCases({ role, prefix, isQuick }: Order): readonly Case[] {
  return CASES.filter(
    (each) =>
      (prefix === '' || each.id === prefix || each.id.startsWith(`${prefix}.`)) &&
      (each.role ?? role) === role &&
      !(isQuick && each.isSlow === true),
  );
}
