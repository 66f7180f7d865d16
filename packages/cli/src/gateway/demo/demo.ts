import type { RequestListener } from 'node:http';
import { servePages } from '../../http/pages.js';
import { gatewayConfig, type GatewayConfig } from '../config/schema.js';
import { startEchoServer } from './echo-server.js';
import { startMqttServer } from './mqtt-server.js';
import { startStompServer } from './stomp-server.js';

/** What `bothways gateway --demo` shows. */
export interface Demo {
  /** Routes to the servers: `/stomp`, `/mqtt` and `/echo`. */
  readonly config: GatewayConfig;
  /** Serves the page that talks to them. */
  readonly onRequest: RequestListener;
  /** Ends the servers. */
  close(): Promise<void>;
}

/**
 * Starts small servers of STOMP, MQTT and plain TCP in this process, on free ports that only this machine reaches.
 *
 * @param listen where the gateway listens: a port of 127.0.0.1, or an address and a port. 127.0.0.1:8080.
 * @throws {Failure} when the pages are not built.
 */
export async function startDemo(listen = '8080'): Promise<Demo> {
  const onRequest = servePages(['gateway']);
  const servers = await Promise.all([startStompServer(), startMqttServer(), startEchoServer()]);
  const [stomp, mqtt, echo] = servers;
  const config = gatewayConfig.parse({
    listen: { address: /^\d+$/.test(listen) ? `127.0.0.1:${listen}` : listen },
    routes: [
      { path: '/stomp', protocol: 'stomp', upstream: stomp.url, sessions: true },
      { path: '/mqtt', protocol: 'mqtt', upstream: mqtt.url, sessions: true },
      { path: '/echo', protocol: 'raw', upstream: echo.url, sessions: true },
    ],
  });
  return {
    config,
    onRequest,
    close: async () => {
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}
