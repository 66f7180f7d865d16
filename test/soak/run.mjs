/**
 * The soak for as long as one likes: `npm run soak -- [--minutes 10] [--clients 1000]`. See README.md beside it.
 */
import { parseArgs } from 'node:util';
import { bin, must } from '../../scripts/run.mjs';
import { installPackages } from '../../scripts/setup.mjs';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    clients: { type: 'string', default: '1000' },
  },
});
await installPackages();
await must(bin('tsc'), ['-b', 'packages/bothways']);
Object.assign(process.env, {
  BOTHWAYS_SOAK_SECONDS: String(Number(values.minutes) * 60),
  BOTHWAYS_SOAK_CLIENTS: values.clients,
  // Two processors are enough for a thousand.
  BOTHWAYS_SOAK_EVERY: '5000',
  BOTHWAYS_SOAK_PAUSED: '30',
});
await must(bin('vitest'), ['run', 'test/soak', '--project', 'all', '--disable-console-intercept']);
