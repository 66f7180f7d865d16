import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import { reasonOf } from '../../failure.js';
import { isHttpUrl } from './checks.js';
import { valueAt } from './issues.js';
import type { Part, Parts } from './parts.js';
import type { Finding, Path } from './problem.js';
import type { GatewayConfig } from './schema.js';

/** Where parts name files. */
const OF_LISTENER: readonly Path[] = [
  ['tls', 'cert'],
  ['tls', 'key'],
  ['tls', 'client_ca'],
];
const OF_AUTH: readonly Path[] = [['jwks'], ['secret_file'], ['users_file']];
const OF_PROTOCOL: readonly Path[] = [['module']];
const OF_ROUTE: readonly Path[] = [
  ['upstream_tls', 'ca'],
  ['upstream_tls', 'cert'],
  ['upstream_tls', 'key'],
];
/** It need not be there yet. */
const RECORDINGS: Path = ['recording', 'directory'];

/** Names of files mean those beside the configuration, wherever the gateway is started. */
export function resolveFiles(config: GatewayConfig, folder: string): GatewayConfig {
  const resolved = structuredClone(config);
  const change = (part: object, paths: readonly Path[]): void => {
    for (const path of paths) {
      const owner = valueAt(part, path.slice(0, -1)) as Record<string, unknown> | undefined;
      const [file, key] = [valueAt(part, path), path.at(-1)!];
      if (owner !== undefined && typeof file === 'string' && !isHttpUrl(file))
        owner[key] = resolve(folder, file);
    }
  };
  for (const part of resolved.listen) change(part, OF_LISTENER);
  for (const part of Object.values(resolved.auth)) change(part, OF_AUTH);
  for (const part of Object.values(resolved.protocols)) change(part, OF_PROTOCOL);
  for (const part of resolved.routes) change(part, [...OF_ROUTE, RECORDINGS]);
  return resolved;
}

/** Looks at the files that are named, in so far as the gateway reads them by itself. */
export function checkFiles(parts: Parts, folder: string): Finding[] {
  return [
    ...parts.listen.flatMap((part) => [
      ...checkReadable(part, OF_LISTENER, folder),
      ...checkCertificate(part, 'tls', 'client_ca', folder),
    ]),
    ...[...parts.auth.values()].flatMap((part) => checkReadable(part, OF_AUTH, folder)),
    ...[...parts.protocols.values()].flatMap((part) => checkReadable(part, OF_PROTOCOL, folder)),
    ...parts.routes.flatMap((part) => [
      ...checkReadable(part, OF_ROUTE, folder),
      ...checkCertificate(part, 'upstream_tls', 'ca', folder),
      ...checkFolder(part, folder),
    ]),
  ];
}

function checkReadable(part: Part<object>, paths: readonly Path[], folder: string): Finding[] {
  return paths.flatMap((path) => {
    const name = valueAt(part.value, path);
    if (typeof name !== 'string' || isHttpUrl(name)) return [];
    const file = resolve(folder, name);
    const reason = whyUnreadable(file);
    if (reason === undefined) return [];
    return [
      { path: [...part.path, ...path], message: `names a file that cannot be read, ${file}: ${reason}` },
    ];
  });
}

function whyUnreadable(file: string): string | undefined {
  try {
    accessSync(file, constants.R_OK);
    return statSync(file).isDirectory() ? 'it is a folder' : undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

/** Whether a certificate, its key and authorities are what they should be, and fit together. */
function checkCertificate(part: Part<object>, table: string, authority: string, folder: string): Finding[] {
  const read = (key: string): Buffer | undefined => {
    const name = valueAt(part.value, [table, key]);
    return typeof name === 'string' ? readFileSync(resolve(folder, name)) : undefined;
  };
  let contents: readonly (Buffer | undefined)[];
  try {
    contents = [read('cert'), read('key'), read(authority)];
  } catch {
    // A file that cannot be read has been reported.
    return [];
  }
  const [cert, key, ca] = contents;
  const findings = [
    checkPem(part, [table, 'cert'], { cert }, 'has no certificate that can be read: it must be PEM'),
    checkPem(part, [table, 'key'], { key }, 'has no key that can be read: it must be PEM, and not encrypted'),
    // As authorities Node takes anything, and then trusts nobody.
    checkPem(
      part,
      [table, authority],
      { cert: ca },
      'has no certificates that can be read: they must be PEM',
    ),
  ].flat();
  if (findings.length > 0 || cert === undefined || key === undefined) return findings;
  return checkPem(part, [table, 'key'], { cert, key }, 'is not the key of the certificate "cert"');
}

function checkPem(
  part: Part<object>,
  path: Path,
  options: { [Name in 'cert' | 'key']?: Buffer | undefined },
  message: string,
): Finding[] {
  if (Object.values(options).every((content) => content === undefined)) return [];
  try {
    createSecureContext(options);
    return [];
  } catch (error) {
    return [{ path: [...part.path, ...path], message: `${message} (${reasonOf(error)})` }];
  }
}

/** The folder of recordings is made, but not those above it: a wrong path is a mistake, or a disk that is missing. */
function checkFolder(part: Part<object>, folder: string): Finding[] {
  const name = valueAt(part.value, RECORDINGS);
  if (typeof name !== 'string') return [];
  const above = dirname(resolve(folder, name));
  try {
    if (statSync(above).isDirectory()) return [];
    return [{ path: [...part.path, ...RECORDINGS], message: `cannot be made: ${above} is no folder` }];
  } catch (error) {
    return [
      { path: [...part.path, ...RECORDINGS], message: `cannot be made in ${above}: ${reasonOf(error)}` },
    ];
  }
}
