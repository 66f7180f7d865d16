import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** What a route has carried, as it counts itself. */
export interface Traffic {
  readonly route: string;
  readonly connections: number;
  readonly bytesFromClients: number;
  readonly bytesFromServers: number;
  readonly messagesFromClients: number;
  readonly messagesFromServers: number;
}

/** What the gateway counts, for Prometheus. Names and labels are stable. */
export class GatewayMetrics {
  readonly registry = new Registry();
  readonly accepted = this.#counter('connections_accepted_total', 'Connections that were accepted', 'route');
  readonly refused = this.#counter(
    'connections_refused_total',
    'Handshakes that were refused, by HTTP status',
    'route',
    'status',
  );
  readonly closed = this.#counter(
    'connections_closed_total',
    'Connections that have ended, by the close code of the client and by who ended it',
    'route',
    'code',
    'by',
  );
  readonly upstreamErrors = this.#counter(
    'upstream_errors_total',
    'Connections to servers that could not be had or were lost, by what has failed',
    'route',
    'kind',
  );
  readonly paused = this.#counter(
    'backpressure_total',
    'How often one side was not read from because the other took nothing, or because it was too fast',
    'route',
    'side',
  );
  readonly upstreamConnect = new Histogram({
    name: `${PREFIX}upstream_connect_seconds`,
    help: 'How long it took until a server was connected',
    labelNames: ['route'],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
    registers: [this.registry],
  });
  readonly reloads = this.#counter(
    'config_reloads_total',
    'Times the configuration was read again',
    'result',
  );
  readonly draining = this.#gauge('draining', '1 while the gateway is leaving');

  /** @param traffic what all routes have carried, asked when somebody looks. */
  constructor(traffic: () => readonly Traffic[]) {
    collectDefaultMetrics({ register: this.registry });
    const connections = this.#gauge('connections', 'Connections that are open', 'route');
    const bytes = this.#counter('bytes_total', 'Bytes of messages, by whom they came from', 'route', 'from');
    const messages = this.#counter(
      'messages_total',
      'Messages of the protocol, by whom they came from',
      'route',
      'from',
    );
    // One look for all of them.
    Object.assign(connections, {
      collect: () => {
        for (const metric of [connections, bytes, messages]) metric.reset();
        for (const each of traffic()) {
          const { route } = each;
          // One that has been taken out of the file, and still has some, may have the name of another.
          connections.inc({ route }, each.connections);
          bytes.inc({ route, from: 'client' }, each.bytesFromClients);
          bytes.inc({ route, from: 'server' }, each.bytesFromServers);
          messages.inc({ route, from: 'client' }, each.messagesFromClients);
          messages.inc({ route, from: 'server' }, each.messagesFromServers);
        }
      },
    });
  }

  #counter<Label extends string>(name: string, help: string, ...labelNames: Label[]): Counter<Label> {
    return new Counter({ name: PREFIX + name, help, labelNames, registers: [this.registry] });
  }

  #gauge<Label extends string>(name: string, help: string, ...labelNames: Label[]): Gauge<Label> {
    return new Gauge({ name: PREFIX + name, help, labelNames, registers: [this.registry] });
  }
}

const PREFIX = 'bothways_gateway_';
