import { z } from 'zod';
import type { Path } from './problem.js';
import { gatewayConfig } from './schema.js';

/** The part of JSON Schema that the configuration's has. */
export interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
}

/** What a file may have, as JSON Schema (2020-12): for editors, and to name the options of a table. */
export function configJsonSchema(): JsonSchema {
  known ??= z.toJSONSchema(gatewayConfig, { io: 'input' }) as JsonSchema;
  return known;
}

let known: JsonSchema | undefined;

/** The options of the table at `path` of the file's `value`, whose `type` may tell which they are. */
export function optionsAt(value: unknown, path: Path): string[] {
  let schemas = branchesOf(configJsonSchema());
  let at = value;
  for (const step of path) {
    schemas = schemas.flatMap((schema) => stepInto(schema, step)).flatMap(branchesOf);
    at = (at as Record<string | number, unknown> | undefined)?.[step];
  }
  const type = (at as { type?: unknown } | undefined)?.type;
  const tables = schemas.flatMap(({ properties }) => (properties === undefined ? [] : [properties]));
  const fitting = tables.filter((properties) => properties['type']?.const === type);
  return [...new Set((fitting.length > 0 ? fitting : tables).flatMap(Object.keys))];
}

/** One of which a value is. */
export function branchesOf(schema: JsonSchema): JsonSchema[] {
  const branches = schema.anyOf ?? schema.oneOf;
  return branches === undefined ? [schema] : branches.flatMap(branchesOf);
}

function stepInto(
  { items, properties, additionalProperties }: JsonSchema,
  step: string | number,
): JsonSchema[] {
  if (typeof step === 'number') return items === undefined ? [] : [items];
  const own = properties !== undefined && Object.hasOwn(properties, step) ? properties[step] : undefined;
  if (own !== undefined) return [own];
  return typeof additionalProperties === 'object' ? [additionalProperties] : [];
}
