import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { connect, serve } from 'bothways';
import { describe, expect, test } from 'vitest';
import { GatewayMetrics } from '../../packages/cli/src/gateway/metrics.js';
import { root } from './markdown.js';

const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** What a guide lists: the names that stand alone in the first column of its tables. */
function listedIn(path: string): string[] {
  return [...read(path).matchAll(/^\| `([\w.]+)` +\|/gm)].map(([, name = '']) => name);
}

/** The packages in the first column of a decision's table. */
function namedIn(path: string): string[] {
  const rows = read(path).matchAll(/^\| (`[^|]+`) +\|/gm);
  return [...rows].flatMap(([, cell = '']) => cell.split(', ').map((name) => name.trim().slice(1, -1)));
}

/** Name, type and labels of the metrics in a guide's table. */
function listedMetrics(path: string): string[] {
  const rows = read(path).matchAll(/^\| `(bothways_\w+)` +\| (\w+) +\| (.*?) +\|/gm);
  return [...rows].map(([, name, type, labels = '']) => `${name} ${type} ${labels.replaceAll('`', '')}`);
}

/** The same of one that is there. */
function describeMetric(metric: object): string {
  const { constructor, name, labelNames } = metric as { name: string; labelNames: readonly string[] };
  return `${name} ${constructor.name.toLowerCase()} ${labelNames.join(', ')}`;
}

function dependenciesOf(path: string): string[] {
  const manifest = JSON.parse(read(path)) as Record<string, Record<string, string> | undefined>;
  return Object.keys({ ...manifest['dependencies'], ...manifest['devDependencies'] });
}

/** The refusal of an option that does not exist names those that do. */
async function optionsOf(call: () => Promise<unknown>): Promise<string[]> {
  const error = await call().catch((thrown: unknown) => thrown);
  const [, names = ''] = /its options are (.*)$/.exec((error as Error).message) ?? [];
  return names.split(', ');
}

/** An option that does not exist. */
const none = { nothing: 0 } as object;

test('the guide lists every error code of the sources, and no other', () => {
  const folder = join(root, 'packages/bothways/src');
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !/\.test\.ts$|(^|\/)test-/.test(file),
  );
  const codes = new Set(
    sources.flatMap(
      (file) => readFileSync(join(folder, file), 'utf8').match(/(?<=')ERR_[A-Z0-9_]+(?=')/g) ?? [],
    ),
  );
  expect(codes.size).toBeGreaterThan(20);
  const listed = listedIn('docs/guide/errors.md').filter((name) => name.startsWith('ERR_'));
  expect(listed.toSorted()).toEqual([...codes].toSorted());
});

describe('the decisions name every dependency, and no other,', () => {
  test('of the toolchain', () => {
    const named = namedIn('docs/decisions/0004-toolchain.md');
    const needed = [...dependenciesOf('package.json'), ...dependenciesOf('test/peers/package.json')];
    expect(named.toSorted()).toEqual(needed.toSorted());
  });

  test('of the command', () => {
    const named = namedIn('docs/decisions/0012-libraries-of-the-command.md');
    const needed = [...dependenciesOf('packages/cli/package.json'), 'vite'];
    expect(named.toSorted()).toEqual(needed.filter((name) => name !== 'bothways').toSorted());
  });
});

test('the guide lists every metric of the gateway with its type and its labels, and no other', () => {
  const { registry } = new GatewayMetrics(() => []);
  const ours = registry.getMetricsAsArray().filter(({ name }) => name.startsWith('bothways_'));
  const listed = listedMetrics('docs/guide/gateway.md');
  expect(listed.length).toBeGreaterThan(10);
  expect(new Set(listed)).toEqual(new Set(ours.map((metric) => describeMetric(metric))));
});

describe('the guide lists every option, and no other,', () => {
  test('of serve()', async () => {
    const options = await optionsOf(() => serve(none, {}));
    expect(options).toContain('maxMessageSize');
    expect(listedIn('docs/guide/server.md')).toEqual(expect.arrayContaining(options));
    const unknown = listedIn('docs/guide/server.md').filter((name) => !options.includes(name));
    expect(unknown).toEqual(OTHERS_OF_THE_SERVER_GUIDE);
  });

  test('of connect()', async () => {
    const options = await optionsOf(() => connect('ws://127.0.0.1/', none));
    expect(options).toContain('maxRedirects');
    expect(listedIn('docs/guide/client.md').toSorted()).toEqual(options.toSorted());
  });

  test('of a handler object', async () => {
    const handlers = await optionsOf(() => serve({}, none));
    expect(handlers).toContain('drain');
    expect(OTHERS_OF_THE_SERVER_GUIDE).toEqual(expect.arrayContaining(handlers));
  });
});

/** What the server's guide lists beside the options: handlers, and what `close` and `metrics` know. */
const OTHERS_OF_THE_SERVER_GUIDE = [
  'open',
  'message',
  'drain',
  'ping',
  'pong',
  'missed',
  'takeover',
  'join',
  'leave',
  'close',
  'error',
  'code',
  'reason',
  'timeout',
  'stagger',
  'connections',
  'pendingHandshakes',
  'acceptedHandshakes',
  'closedConnections',
  'compressionMemory',
  'degradedCompressions',
];
