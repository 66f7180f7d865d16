import { hashSync } from 'bcryptjs';
import { expect, it, onTestFinished } from 'vitest';
import { PasswordChecks } from './password-checks.js';

function create(): PasswordChecks {
  const checks = new PasswordChecks();
  onTestFinished(() => checks.close());
  return checks;
}

async function compare(checks: PasswordChecks, password: string, hash: string): Promise<boolean | undefined> {
  return checks.compare(password, hash);
}

it('passwords are compared in the order in which they come', async () => {
  const checks = create();
  const hash = hashSync('secret', 4);
  const compared = ['secret', 'Secret', '', 'secret'].map((password) => compare(checks, password, hash));
  expect(await Promise.all(compared)).toEqual([true, false, false, true]);
});

it('a thread that fails takes the checks that wait with it, and another one begins', async () => {
  const checks = create();
  const hash = hashSync('secret', 4);
  const compared = [
    compare(checks, 'secret', undefined as unknown as string),
    compare(checks, 'secret', hash),
  ];
  const outcomes = await Promise.allSettled(compared);
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await checks.compare('secret', hash)).toBe(true);
});

it('a check after the end is made still', async () => {
  const checks = create();
  checks.close();
  expect(await checks.compare('secret', hashSync('secret', 4))).toBe(true);
});
