import { randomBytes } from 'node:crypto';
import type { BrokerClaims } from '../pubsub/broker.js';
import type { NatsStream } from './nats-stream.js';

interface Claim {
  readonly holder: string;
  /** Milliseconds since 1970. */
  readonly until: number;
}

/** How often it is tried again when somebody else was quicker. */
const ATTEMPTS = 5;

/** Claims as messages of a stream: of a key, the last one counts. */
export class NatsClaims implements BrokerClaims {
  readonly #stream: NatsStream;
  /** Until what was given up is. */
  #released: Promise<void> = Promise.resolve();

  constructor(stream: NatsStream) {
    this.#stream = stream;
  }

  async claim(key: string, holder: string, milliseconds: number): Promise<string> {
    await this.#released;
    let expected = 0;
    let first = holder;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const claim = { holder, until: Date.now() + milliseconds };
      if (await this.#put(key, claim, expected)) return holder;
      const last = await this.#last(key);
      if (last !== undefined && last.until > Date.now() && last.holder !== '') return last.holder;
      expected = last?.seq ?? 0;
      first = last?.holder ?? holder;
    }
    return first;
  }

  release(key: string, holder: string): void {
    // It is over some time, all the same.
    this.#released = this.#released.then(() => this.#release(key, holder)).catch(() => {});
  }

  async #release(key: string, holder: string): Promise<void> {
    const last = await this.#last(key);
    if (last?.holder === holder) await this.#put(key, { holder: '', until: 0 }, last.seq);
  }

  async #put(key: string, claim: Claim, expected: number): Promise<boolean> {
    const id = randomBytes(12).toString('base64url');
    const data = Buffer.from(JSON.stringify(claim));
    return (await this.#stream.add(key, data, expected, id, false)) !== undefined;
  }

  async #last(key: string): Promise<(Claim & { readonly seq: number }) | undefined> {
    const last = await this.#stream.last(key);
    return last && { ...(JSON.parse(last.data.toString()) as Claim), seq: last.seq };
  }
}
