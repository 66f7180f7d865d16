import type { Client } from '@stomp/stompjs';
import { MessageSplitter, stomp } from 'bothways/subprotocols';
import { malformed, type Side } from '../../../../src/decode/decoded.js';
import { decodeStomp } from '../../../../src/decode/stomp.js';
import { Store } from '../../../store.js';
import type { ConsoleModel } from '../parts/console-model.js';
import { Wire, type Decode } from '../wire/wire.js';

/** The largest frame that is decoded, bytes. */
const MAX_FRAME = 2 ** 20;

/** Speaks STOMP by `@stomp/stompjs`. */
export class StompConsole implements ConsoleModel {
  readonly wire = new Wire('stomp');
  /** Destinations that are subscribed to. */
  readonly subscriptions = new Store<readonly string[]>([]);
  #client: Client | undefined;

  constructor() {
    this.wire.state.watch(({ phase }) => {
      if (phase === 'closed') this.subscriptions.set([]);
    });
  }

  connect(): void {
    this.wire.begin();
    import('@stomp/stompjs').then(
      ({ Client: StompClient }) => this.#start(new StompClient()),
      () => this.wire.failed('The code of the STOMP client did not arrive: load the page again.'),
    );
  }

  disconnect(): void {
    this.wire.closing();
    void this.#client?.deactivate();
  }

  subscribe(destination: string): void {
    if (this.subscriptions.value.includes(destination)) return;
    // The frames are shown as they go by: there is nothing else to do with them.
    this.#client?.subscribe(destination, () => {}, { id: destination });
    this.subscriptions.set([...this.subscriptions.value, destination]);
  }

  unsubscribe(destination: string): void {
    this.#client?.unsubscribe(destination);
    this.subscriptions.set(this.subscriptions.value.filter((one) => one !== destination));
  }

  publish(destination: string, body: string): void {
    this.#client?.publish({ destination, body, headers: { 'content-type': 'text/plain' } });
  }

  dispose(): void {
    this.wire.dispose();
    void this.#client?.deactivate({ force: true });
  }

  #start(client: Client): void {
    if (!this.wire.isInUse) return;
    this.#client = client;
    client.configure({
      webSocketFactory: () => this.wire.open(['v12.stomp'], createDecode()),
      reconnectDelay: 0,
      heartbeatIncoming: 10_000,
      heartbeatOutgoing: 10_000,
      onConnect: () => this.wire.opened(),
      onStompError: ({ headers }) => this.wire.refused(headers['message'] ?? 'ERROR without a message'),
      onWebSocketClose: () => {
        // What has ended is not begun again by itself.
        void client.deactivate({ force: true });
      },
    });
    client.activate();
  }
}

/** A frame may be cut anywhere on its way. */
function createDecode(): Decode {
  const splitters: Readonly<Record<Side, MessageSplitter>> = {
    client: new MessageSplitter(stomp.fromClient(), MAX_FRAME),
    server: new MessageSplitter(stomp.fromServer(), MAX_FRAME),
  };
  const encoder = new TextEncoder();
  return (from, message) => {
    const bytes = typeof message === 'string' ? encoder.encode(message) : message;
    const frames: ReturnType<typeof decodeStomp>[] = [];
    try {
      splitters[from].push(bytes, (frame) => frames.push(decodeStomp(frame)));
    } catch (error) {
      frames.push(malformed((error as Error).message, bytes));
    }
    return frames;
  };
}
