import type { z } from 'zod';
import type { Path } from './problem.js';
import {
  admin,
  auth,
  listen,
  ownProtocol,
  route,
  type AuthConfig,
  type ListenConfig,
  type RouteConfig,
} from './schema.js';

/** A part of the configuration that the schema has nothing against. */
export interface Part<Value> {
  /** Where it is in the file. */
  readonly path: Path;
  readonly value: Value;
  /** As it stands in the file, without defaults. */
  readonly written: Readonly<Record<string, unknown>>;
}

/**
 * The parts that can be checked further. Those that the schema has refused are left out, so that one mistake is not
 * reported twice; but names count as known if what they name is wrong.
 */
export interface Parts {
  readonly listen: readonly Part<ListenConfig>[];
  /** Whether all of them can be checked. */
  readonly knowsAllListeners: boolean;
  readonly admin: Part<z.output<typeof admin>> | undefined;
  readonly auth: ReadonlyMap<string, Part<AuthConfig>>;
  readonly authNames: readonly string[];
  readonly protocols: ReadonlyMap<string, Part<z.output<typeof ownProtocol>>>;
  readonly protocolNames: readonly string[];
  readonly routes: readonly Part<RouteConfig>[];
}

/** @param value what the file says. */
export function partsOf(value: Readonly<Record<string, unknown>>): Parts {
  const listeners = Array.isArray(value['listen'])
    ? itemsOf(listen, value['listen'], 'listen')
    : [partOf(listen, value['listen'], ['listen'])];
  const known = listeners.filter((part) => part !== undefined);
  return {
    listen: known,
    knowsAllListeners: known.length === listeners.length || value['listen'] === undefined,
    admin: partOf(admin, value['admin'], ['admin']),
    auth: entriesOf(auth, value['auth'], 'auth'),
    authNames: keysOf(value['auth']),
    protocols: entriesOf(ownProtocol, value['protocols'], 'protocols'),
    protocolNames: keysOf(value['protocols']),
    routes: itemsOf(route, value['routes'], 'routes').filter((part) => part !== undefined),
  };
}

function itemsOf<Schema extends z.ZodType>(
  schema: Schema,
  list: unknown,
  name: string,
): (Part<z.output<Schema>> | undefined)[] {
  return Array.isArray(list) ? list.map((item, index) => partOf(schema, item, [name, index])) : [];
}

function entriesOf<Schema extends z.ZodType>(
  schema: Schema,
  table: unknown,
  name: string,
): Map<string, Part<z.output<Schema>>> {
  const parts = keysOf(table).map((key) => {
    return [key, partOf(schema, (table as Record<string, unknown>)[key], [name, key])] as const;
  });
  return new Map(parts.flatMap(([key, part]) => (part === undefined ? [] : [[key, part]])));
}

function partOf<Schema extends z.ZodType>(
  schema: Schema,
  written: unknown,
  path: Path,
): Part<z.output<Schema>> | undefined {
  const { success, data } = schema.safeParse(written);
  return success ? { path, value: data, written: written as Readonly<Record<string, unknown>> } : undefined;
}

function keysOf(table: unknown): string[] {
  return typeof table === 'object' && table !== null && !Array.isArray(table) ? Object.keys(table) : [];
}
