import { isDeepStrictEqual } from 'node:util';
import { nameRoute, type GatewayConfig, type ListenConfig } from './schema.js';
import { formatAddress } from './warnings.js';

/** What is new, gone and different, by name. */
export interface Difference {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
}

/** What is different in a configuration that is loaded again. What the files say that it names is not looked at. */
export interface ConfigDifference {
  /** By address. */
  readonly listeners: Difference;
  readonly routes: Difference;
  readonly auth: Difference;
  readonly protocols: Difference;
  /** Other settings that are different, such as `drain`. */
  readonly settings: readonly string[];
  /** What of all that is as it was until the gateway is started again. */
  readonly needsRestart: readonly string[];
}

/** Read once, when the gateway starts. */
const AT_START = ['admin', 'handshake_timeout'] as const;
const SETTINGS = [...AT_START, 'log', 'drain', 'max_connections'] as const;

export function compareConfigs(before: GatewayConfig, after: GatewayConfig): ConfigDifference {
  const settings = SETTINGS.filter((name) => !isDeepStrictEqual(before[name], after[name]));
  const listeners = compareNamed(byAddress(before), byAddress(after));
  const routes = compareNamed(byName(before), byName(after));
  const auth = compareEntries(before.auth, after.auth);
  const protocols = compareEntries(before.protocols, after.protocols);
  const reopened = listeners.changed.filter(
    (address) =>
      !isDeepStrictEqual(socketOf(byAddress(before).get(address)), socketOf(byAddress(after).get(address))),
  );
  const needsRestart = [
    ...settings.filter((name) => (AT_START as readonly string[]).includes(name)),
    ...reopened.map((address) => `listen ${address}`),
  ];
  return { listeners, routes, auth, protocols, settings, needsRestart };
}

function byAddress({ listen }: GatewayConfig): Map<string, ListenConfig> {
  return new Map(listen.map((each) => [formatAddress(each.address), each]));
}

function byName({ routes }: GatewayConfig): Map<string, unknown> {
  return new Map(routes.map((each) => [nameRoute(each), each]));
}

/** What a listener cannot change while it listens: it would have to listen twice. */
function socketOf(listener: ListenConfig | undefined): unknown {
  const { tls, proxy_protocol: isProxied } = listener ?? {};
  return [isProxied, tls !== undefined, tls?.client_ca, tls?.require_client_cert];
}

function compareEntries(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): Difference {
  return compareNamed(new Map(Object.entries(before)), new Map(Object.entries(after)));
}

function compareNamed(before: ReadonlyMap<string, unknown>, after: ReadonlyMap<string, unknown>): Difference {
  const names = [...after.keys()];
  return {
    added: names.filter((name) => !before.has(name)),
    removed: [...before.keys()].filter((name) => !after.has(name)),
    changed: names.filter(
      (name) => before.has(name) && !isDeepStrictEqual(before.get(name), after.get(name)),
    ),
  };
}
