import cluster, { type Address } from 'node:cluster';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { startWorkers } from 'bothways/cluster';
import { Failure, reasonOf } from './failure.js';
import { untilSignal } from './http/listen.js';

/**
 * Runs this command again in each of several processes, until a signal comes.
 *
 * @param onListening is called with the address that they share, once all of them listen on it.
 */
export async function runWorkers(
  count: number | 'auto',
  onListening: (address: AddressInfo) => void,
): Promise<void> {
  const failures = new Set<string>();
  let isStarted = false;
  cluster.on('message', (_worker, { failure }: { failure?: string }) => {
    if (failure === undefined) return;
    failures.add(failure);
    if (isStarted) console.error(`bothways: ${failure}`);
  });
  const firstAddress = once(cluster, 'listening') as Promise<[unknown, Address]>;
  const workers = await startWorkers({ count }).catch((error: unknown) => {
    throw new Failure(failures.size > 0 ? [...failures].join('\n') : reasonOf(error));
  });
  isStarted = true;
  const [, { address, port, addressType }] = await firstAddress;
  const ended = untilSignal();
  onListening({ address, port, family: addressType === 6 ? 'IPv6' : 'IPv4' });
  console.log(`Workers: ${workers.count}`);
  await ended;
  await workers.close();
}

/** Does the work of a worker; it is the primary process that says what went wrong, once and not for each. */
export async function runWorker(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    await new Promise((resolve) => process.send!({ failure: error.message }, resolve));
    // A library may have left a socket open that nobody can close: it must not keep the process.
    process.exit(1);
  }
  // Nothing else keeps the process now.
  cluster.worker!.disconnect();
}
