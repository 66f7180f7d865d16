/** A Redis or NATS server of this machine, on loopback and a port that is free, with nothing on a disk. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LOOPBACK, freePort, startProgram } from '../program.mjs';

const COMMANDS = {
  redis(port, dir) {
    const options = { bind: LOOPBACK, port, dir, save: '', appendonly: 'no' };
    return ['redis-server', ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`])];
  },
  nats: (port) => ['nats-server', '-a', LOOPBACK, '-p', `${port}`],
};

/**
 * @param {'redis' | 'nats'} kind
 * @param {number | undefined} cpu the processor it is pinned to
 */
export async function startBroker(kind, cpu) {
  const folder = mkdtempSync(join(tmpdir(), 'bench-broker-'));
  const port = await freePort();
  const broker = await startProgram(COMMANDS[kind](port, folder), { port, cpu, folder });
  return { ...broker, url: `${kind}://${LOOPBACK}:${port}` };
}
