import { branchesOf, configJsonSchema, type JsonSchema } from './json-schema.js';

/** One of the options that the schema has. */
export interface KnownOption {
  /** Such as `routes.limits.connections`, `auth.jwt.issuer` and `protocols.*.module`. */
  readonly path: string;
  readonly isRequired: boolean;
  /** As the file would have it. */
  readonly fallback: unknown;
  /** Whether it holds options itself. */
  readonly isTable: boolean;
}

export function listKnownOptions(): KnownOption[] {
  const options = optionsIn(configJsonSchema(), '');
  return [...new Map(options.map((option) => [option.path, option])).values()];
}

function optionsIn(schema: JsonSchema, prefix: string): KnownOption[] {
  return branchesOf(schema).flatMap((branch) => [
    ...(branch.items === undefined ? [] : optionsIn(branch.items, prefix)),
    ...entriesOf(branch).flatMap((entry) => optionsIn(entry, `${prefix}${typeOf(entry) ?? '*'}.`)),
    ...Object.entries(branch.properties ?? {}).flatMap(([name, child]) => {
      const below = optionsIn(child, `${prefix}${name}.`);
      const isRequired = branch.required?.includes(name) === true;
      const option = {
        path: `${prefix}${name}`,
        isRequired,
        fallback: child.default,
        isTable: below.length > 0,
      };
      return name === 'type' ? [] : [option, ...below];
    }),
  ]);
}

function entriesOf({ additionalProperties: entries }: JsonSchema): JsonSchema[] {
  return typeof entries === 'object' ? branchesOf(entries) : [];
}

function typeOf(schema: JsonSchema): string | undefined {
  return schema.properties?.['type']?.const as string | undefined;
}

/** The values that a configuration has for an option, in whichever tables. */
export function valuesOfOption(value: unknown, path: string): unknown[] {
  return valuesAt(value, path.split('.'));
}

function valuesAt(value: unknown, [step, ...rest]: readonly string[]): unknown[] {
  if (step === undefined) return [value];
  if (Array.isArray(value)) return value.flatMap((item) => valuesAt(item, [step, ...rest]));
  if (typeof value !== 'object' || value === null) return [];
  if (Object.hasOwn(value, step)) return valuesAt((value as Record<string, unknown>)[step], rest);
  const entries = Object.values(value) as { readonly type?: unknown }[];
  return entries
    .filter((entry) => step === '*' || entry.type === step)
    .flatMap((entry) => valuesAt(entry, rest));
}
