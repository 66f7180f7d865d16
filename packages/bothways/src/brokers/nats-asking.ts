import { setTimeout as delay } from 'node:timers/promises';
import { BrokerError } from '../protocol/errors.js';
import type { NatsConnection } from './nats-connection.js';
import { isJetStreamAnswer } from './nats-jetstream.js';
import { within } from './within.js';

/** How long JetStream may take to answer, milliseconds. */
export const TIMEOUT = 5_000;
const RETRY_DELAY = 100;

/**
 * Asks JetStream until there is an answer: where a connection is lost, on the next one.
 *
 * @param patience for how long, milliseconds.
 * @throws {BrokerError} `ERR_BROKER_REFUSED`, whose cause is JetStream's answer; `ERR_BROKER_AWAY`
 */
export async function askJetStream<Answer>(
  connection: NatsConnection,
  ask: () => Promise<Answer>,
  patience = TIMEOUT,
): Promise<Answer> {
  const end = performance.now() + patience;
  let cause: unknown;
  for (;;) {
    try {
      const answer = await within(Math.min(TIMEOUT, end - performance.now()), ask());
      if (answer !== undefined) return answer;
    } catch (error) {
      cause = error;
    }
    if (isJetStreamAnswer(cause) || connection.isClosed() || performance.now() + RETRY_DELAY > end) break;
    await delay(RETRY_DELAY, undefined, { ref: false });
  }
  const code = isJetStreamAnswer(cause) ? 'ERR_BROKER_REFUSED' : 'ERR_BROKER_AWAY';
  const why = cause instanceof Error ? cause.message : 'not in time';
  throw new BrokerError(code, `JetStream has not answered: ${why}`, { cause });
}
