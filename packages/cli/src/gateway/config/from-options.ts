import { Failure } from '../../failure.js';
import { checkParts } from './checks.js';
import { explainIssues } from './issues.js';
import { partsOf } from './parts.js';
import { describePath, type Finding } from './problem.js';
import { gatewayConfig, type GatewayConfig } from './schema.js';

/** What `bothways gateway --listen ... --to ...` says, in place of a file. */
export interface OneLineOptions {
  /** A port of 127.0.0.1, or an address and a port. */
  readonly listen: string;
  /** The server behind. */
  readonly to: string;
  /** `raw` by default. */
  readonly protocol?: string | undefined;
  /** Any path by default. */
  readonly path?: string | undefined;
  /** Origins besides those of the same host and port, or `*`. */
  readonly origin?: readonly string[] | undefined;
  readonly sessions?: boolean | undefined;
  readonly subprotocol?: readonly string[] | undefined;
}

/** @throws {Failure} which names the option that is wrong. */
export function configFromOptions(options: OneLineOptions): GatewayConfig {
  const { listen, to, protocol = 'raw', path = '/*', origin, sessions = false, subprotocol = [] } = options;
  const value = {
    listen: [{ address: /^\d+$/.test(listen) ? `127.0.0.1:${listen}` : listen }],
    routes: [
      {
        path,
        protocol,
        upstream: [to],
        subprotocols: subprotocol,
        sessions,
        ...(origin !== undefined && { origins: origin.includes('*') ? '*' : origin }),
      },
    ],
  };
  const { data, error } = gatewayConfig.safeParse(value);
  const findings = [...explainIssues(error?.issues ?? [], value), ...checkParts(partsOf(value))];
  if (data === undefined || findings.length > 0) throw new Failure(findings.map(describeFinding).join('; '));
  return data;
}

/** Which option a value came from. */
const OPTIONS: Readonly<Record<string, string>> = {
  'listen[0].address': '--listen',
  'routes[0].upstream': '--to',
  'routes[0].protocol': '--protocol',
  'routes[0].path': '--path',
  'routes[0].origins': '--origin',
  'routes[0].subprotocols': '--subprotocol',
};

function describeFinding({ path, message }: Finding): string {
  const whole = describePath(path);
  return `${OPTIONS[whole] ?? OPTIONS[describePath(path.slice(0, 3))] ?? whole} ${message}`;
}
