import { describe, expect, it } from 'vitest';
import { branchesOf, configJsonSchema, optionsAt, type JsonSchema } from './json-schema.js';

describe('the JSON Schema of a configuration', () => {
  it('describes what a file has, not what becomes of it', () => {
    const { properties = {}, required, additionalProperties } = configJsonSchema();
    expect(required).toEqual(['routes']);
    expect(additionalProperties).toBe(false);
    expect(properties['handshake_timeout']).toMatchObject({ default: '10s' });
    expect(properties['routes']?.items?.properties?.['high_water_mark']).toMatchObject({ default: '64 KiB' });
  });

  it('says of every option what it does', () => {
    expect(silentOptions(configJsonSchema())).toEqual([]);
  });

  it('is plain JSON', () => {
    expect(JSON.parse(JSON.stringify(configJsonSchema()))).toEqual(configJsonSchema());
  });
});

describe('the options of a table', () => {
  const value = { listen: {}, routes: [{ limits: {} }], auth: { a: { type: 'basic' }, b: {} } };

  it.each<[path: (string | number)[], options: string[]]>([
    [['drain'], ['window', 'timeout']],
    [['listen'], ['address', 'tls', 'proxy_protocol', 'trusted_proxies']],
    [
      ['listen', 0],
      ['address', 'tls', 'proxy_protocol', 'trusted_proxies'],
    ],
    [['protocols', 'own'], ['module']],
    [
      ['auth', 'a'],
      ['type', 'realm', 'users_file'],
    ],
    [['nothing', 'there'], []],
  ])('%j are known', (path, options) => {
    expect(optionsAt(value, path)).toEqual(options);
  });

  it('whose kind is not known are those of every kind', () => {
    expect(optionsAt(value, ['auth', 'b'])).toEqual(
      expect.arrayContaining(['jwks', 'users_file', 'names', 'url']),
    );
  });
});

function silentOptions(schema: JsonSchema): string[] {
  return branchesOf(schema).flatMap(({ properties = {}, items = {}, additionalProperties: entries }) => [
    ...Object.entries(properties).flatMap(([name, child]) => [
      ...(child.description === undefined && name !== 'type' ? [name] : []),
      ...silentOptions(child),
    ]),
    ...(Object.keys(items).length > 0 ? silentOptions(items) : []),
    ...(typeof entries === 'object' ? silentOptions(entries) : []),
  ]);
}
