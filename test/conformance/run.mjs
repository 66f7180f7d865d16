// `npm run conformance`: installs and compiles what it needs, and runs the suite. See README.md beside it.
import { bin, must, root } from '../../scripts/run.mjs';
import { installPackages } from '../../scripts/setup.mjs';

process.chdir(root);
await installPackages();
await must(bin('tsc'), ['-b', 'packages/bothways']);
await must(bin('tsc'), ['-p', 'test/conformance']);
await import('../../artifacts/conformance/main.js');
