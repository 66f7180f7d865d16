import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { wantedCases, type Order } from './order.js';
import type { Result, Role } from './case.js';

/** What one subject did in one role. */
export interface Run {
  readonly subject: string;
  readonly role: Role;
  readonly results: readonly Result[];
}

/** Runs the suite in a process of its own, whose end is noticed. */
export async function runInChild(order: Order, tell: (words: string) => void): Promise<Run> {
  const { subject, role } = order;
  const wanted = wantedCases(order);
  const results = new Map<string, Result>();
  const child = fork(join(import.meta.dirname, 'worker.js'));
  child.on('message', (message) => {
    const result = message as Result;
    results.set(result.id, result);
    tell(`${subject}, ${role}: ${results.size} of ${wanted.length}`);
  });
  child.send(order);
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  const missing = wanted.find(({ id }) => !results.has(id));
  if (code !== 0 || missing !== undefined) {
    throw new Error(
      `The process of ${subject}, ${role}, ended with ${signal ?? code}, before case ${missing?.id ?? 'none'}`,
    );
  }
  return { subject, role, results: wanted.map(({ id }) => results.get(id)!) };
}
