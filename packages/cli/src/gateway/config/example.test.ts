import { describe, expect, it } from 'vitest';
import { readExample } from './example.js';
import { parseConfig } from './load.js';
import { listKnownOptions, valuesOfOption } from './test-options.js';
import { readToml } from './toml.js';
import { valueOf } from './tree.js';

/** Options that are switched off begin right after the `#`, and what is said about them after a space. */
const complete = readExample().replaceAll(/^#(?=[^\s#])/gm, '');

describe('the example', () => {
  it('works as it is', () => {
    const config = parseConfig(readExample(), 'toml', 'gateway.toml');
    expect(config.routes.map(({ name }) => name)).toEqual(['stomp']);
    expect(config.listen).toMatchObject([{ address: { host: '127.0.0.1', port: 8080 } }]);
  });

  it('works with all that is switched off in it', () => {
    const config = parseConfig(complete, 'toml', 'gateway.toml');
    expect(config.routes).toHaveLength(4);
    expect(Object.keys(config.auth)).toEqual(['staff', 'partners', 'operators', 'devices', 'shop']);
  });

  it('has every option of the schema', () => {
    const options = listKnownOptions();
    expect(options.length).toBeGreaterThan(80);
    const written = valueOf(readToml(complete).tree!);
    expect(options.filter(({ path }) => valuesOfOption(written, path).length === 0)).toEqual([]);
  });

  it('shows the defaults where there are some', () => {
    const written = valueOf(readToml(complete).tree!);
    const others = listKnownOptions().filter(({ path, fallback, isTable }) => {
      return (
        fallback !== undefined &&
        !isTable &&
        !valuesOfOption(written, path).some((value) => isSame(value, fallback))
      );
    });
    // An empty list would show nothing there.
    expect(others.map(({ path }) => path)).toEqual(['routes.auth']);
  });
});

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
