// `npm run interop:gateway`: installs, builds and compiles what it needs, and runs the matrix. See README.md beside it.
import { build } from '../../scripts/build.mjs';
import { bin, must, root } from '../../scripts/run.mjs';
import { installPackages, installPeers } from '../../scripts/setup.mjs';

process.chdir(root);
await installPackages();
await installPeers();
await build();
await must(bin('tsc'), ['-p', 'test/gateway']);
await import('../../artifacts/gateway-interop/gateway/main.js');
