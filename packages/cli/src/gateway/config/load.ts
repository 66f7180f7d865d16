import { readFileSync, statSync } from 'node:fs';
import { dirname, extname, resolve } from 'node:path';
import { Failure, reasonOf } from '../../failure.js';
import { checkParts } from './checks.js';
import { checkFiles, resolveFiles } from './files.js';
import { explainIssues } from './issues.js';
import { partsOf, type Parts } from './parts.js';
import { ConfigError, describePath, type Finding, type Problem } from './problem.js';
import { gatewayConfig, type GatewayConfig } from './schema.js';
import { readToml } from './toml.js';
import { locate, valueOf } from './tree.js';
import { readYaml } from './yaml.js';

export { ConfigError, type Position, type Problem } from './problem.js';

export type ConfigFormat = 'toml' | 'yaml';

/** The largest file, bytes: a route takes a few hundred. */
const MAX_FILE_SIZE = 2 ** 20;

/**
 * Reads a configuration and looks at the files that it names, which are those beside it and are resolved.
 *
 * @param file `.toml`, `.yaml` or `.yml`.
 * @throws {ConfigError} with all that is wrong, and where.
 */
export function loadConfig(file: string): GatewayConfig {
  const format = formatOf(file);
  return settle(file, examine(readText(file), format), (parts) => checkFiles(parts, dirname(resolve(file))));
}

/**
 * The same for a text that is there already. No file is looked at.
 *
 * @param file what it is called in messages; names of files mean those beside it.
 * @throws {ConfigError} with all that is wrong, and where.
 */
export function parseConfig(text: string, format: ConfigFormat, file: string): GatewayConfig {
  return settle(file, examine(text, format), () => []);
}

/** What a text says, as far as it could be understood. */
interface Examined {
  readonly config: GatewayConfig | undefined;
  readonly problems: readonly Problem[];
  /** What can be looked at further. */
  readonly parts: Parts | undefined;
  readonly locate: (finding: Finding) => Problem;
}

function examine(text: string, format: ConfigFormat): Examined {
  const { tree, problems } = format === 'toml' ? readToml(text) : readYaml(text);
  const locateFinding = (finding: Finding): Problem => ({
    ...finding,
    position: tree && locate(tree, finding.path, isAboutKey(finding) ? 'key' : 'value'),
  });
  if (tree === undefined) return { config: undefined, problems, parts: undefined, locate: locateFinding };
  const value = valueOf(tree) as Record<string, unknown>;
  const { data: config, error } = gatewayConfig.safeParse(value);
  const parts = partsOf(value);
  // What could not be read is reported already, and is not missing.
  const unread = new Set(problems.map(({ path }) => describePath(path)));
  const findings = [...explainIssues(error?.issues ?? [], value), ...checkParts(parts)].filter(
    ({ path }) => !unread.has(describePath(path)),
  );
  return { config, problems: [...problems, ...findings.map(locateFinding)], parts, locate: locateFinding };
}

function isAboutKey({ message }: Finding): boolean {
  return message.startsWith('is no option');
}

function settle(file: string, examined: Examined, check: (parts: Parts) => Finding[]): GatewayConfig {
  const { config, parts } = examined;
  const findings = parts === undefined ? [] : check(parts);
  const problems = [...examined.problems, ...findings.map(examined.locate)].toSorted(compareProblems);
  if (config === undefined || problems.length > 0) throw new ConfigError(file, problems);
  return resolveFiles(config, dirname(resolve(file)));
}

function compareProblems({ position: one }: Problem, { position: other }: Problem): number {
  return (one?.line ?? 0) - (other?.line ?? 0) || (one?.column ?? 0) - (other?.column ?? 0);
}

function formatOf(file: string): ConfigFormat {
  const extension = extname(file).toLowerCase();
  if (extension === '.toml') return 'toml';
  if (extension === '.yaml' || extension === '.yml') return 'yaml';
  throw new ConfigError(file, [
    wholeFile('must be a file of TOML or YAML, whose name ends with .toml, .yaml or .yml'),
  ]);
}

function readText(file: string): string {
  let content: Buffer;
  try {
    const stats = statSync(file);
    if (stats.isDirectory()) throw new Failure('it is a folder');
    if (!stats.isFile()) throw new Failure('it is no ordinary file');
    if (stats.size > MAX_FILE_SIZE)
      throw new Failure(`it has ${stats.size} bytes, and may have ${MAX_FILE_SIZE}`);
    content = readFileSync(file);
  } catch (error) {
    throw new ConfigError(file, [wholeFile(`cannot be read: ${reasonOf(error)}`)]);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    throw new ConfigError(file, [wholeFile('is not encoded in UTF-8: save it so')]);
  }
}

function wholeFile(message: string): Problem {
  return { path: [], position: undefined, message };
}
