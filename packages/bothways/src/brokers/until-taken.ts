import { setTimeout as delay } from 'node:timers/promises';
import { BrokerError } from '../protocol/errors.js';

/** When what a broker has refused is tried again, milliseconds. */
const RETRY_DELAY = 1_000;

/**
 * Asks again as long as the broker refuses, such as for want of memory.
 *
 * @param onRefused is told each time.
 * @throws what else there is, such as {BrokerError} `ERR_BROKER_AWAY`.
 */
export async function untilTaken<Answer>(
  ask: () => Promise<Answer>,
  onRefused: (error: BrokerError) => void,
): Promise<Answer> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof BrokerError) || error.code !== 'ERR_BROKER_REFUSED') throw error;
      onRefused(error);
    }
    await delay(RETRY_DELAY);
  }
}
