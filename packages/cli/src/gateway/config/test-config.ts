import { ConfigError, parseConfig, type ConfigFormat } from './load.js';
import { gatewayConfig, type GatewayConfig } from './schema.js';

/** The lines of what is wrong with a text, without the sum above them; none if nothing is. */
export function problemsOf(text: string, format: ConfigFormat = 'toml'): string[] {
  return linesOf(() => parseConfig(text, format, `gateway.${format}`));
}

export function linesOf(load: () => unknown): string[] {
  try {
    load();
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const lines = error.message.split('\n');
    return lines.length === 1 ? lines : lines.slice(1);
  }
}

/** A configuration of one route, to which things can be added. */
export function configWith(
  route: Readonly<Record<string, unknown>> = {},
  others: Readonly<Record<string, unknown>> = {},
): GatewayConfig {
  return gatewayConfig.parse({
    listen: { address: '127.0.0.1:8080' },
    routes: [{ path: '/mqtt', protocol: 'mqtt', upstream: 'tcp://127.0.0.1:1883', ...route }],
    ...others,
  });
}
