import type { MqttClient } from 'mqtt';
import { describePacket } from '../../../../src/decode/mqtt-description.js';
import { Store } from '../../../store.js';
import type { ConsoleModel } from '../parts/console-model.js';
import { Wire } from '../wire/wire.js';

export interface Publication {
  readonly topic: string;
  readonly body: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
}

/** Speaks MQTT 3.1.1 by `mqtt`. */
export class MqttConsole implements ConsoleModel {
  readonly wire = new Wire('mqtt');
  /** Topic filters that are subscribed to. */
  readonly subscriptions = new Store<readonly string[]>([]);
  #client: MqttClient | undefined;

  constructor() {
    this.wire.state.watch(({ phase }) => {
      if (phase === 'closed') this.subscriptions.set([]);
    });
  }

  connect(): void {
    this.wire.begin();
    import('mqtt').then(
      ({ default: mqtt }) => this.#start(mqtt.connect),
      () => this.wire.failed('The code of the MQTT client did not arrive: load the page again.'),
    );
  }

  disconnect(): void {
    this.wire.closing();
    this.#client?.end();
  }

  subscribe(filter: string): void {
    if (this.subscriptions.value.includes(filter)) return;
    this.#client?.subscribe(filter, { qos: 1 }, (error) => {
      if (error) this.wire.refused(`${filter} cannot be subscribed to: ${error.message}`);
      else this.subscriptions.set([...this.subscriptions.value, filter]);
    });
  }

  unsubscribe(filter: string): void {
    this.#client?.unsubscribe(filter);
    this.subscriptions.set(this.subscriptions.value.filter((one) => one !== filter));
  }

  publish({ topic, body, qos, retain }: Publication): void {
    this.#client?.publish(topic, body, { qos, retain });
  }

  dispose(): void {
    this.wire.dispose();
    this.#client?.end(true);
  }

  #start(connect: (typeof import('mqtt'))['connect']): void {
    if (!this.wire.isInUse) return;
    const client = connect(this.wire.url, {
      createWebsocket: (_url, protocols) => this.wire.open(protocols),
      protocolVersion: 4,
      reconnectPeriod: 0,
      connectTimeout: 15_000,
      keepalive: 30,
      // The other timers live in a worker made of a blob, which the policy of the pages forbids.
      timerVariant: 'native',
      manualConnect: true,
    });
    this.#client = client;
    client.on('packetsend', (packet) => this.wire.log.addFrame('client', describePacket(packet)));
    client.on('packetreceive', (packet) => this.wire.log.addFrame('server', describePacket(packet)));
    client.on('connect', () => this.wire.opened());
    client.on('error', (error) => this.wire.refused(error.message));
    // Not before, for CONNECT is sent at once.
    client.connect();
  }
}
