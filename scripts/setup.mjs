// What every other script needs first: the npm packages of the lockfile, and for the tests Debian's packages.
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { must, root, run } from './run.mjs';

/** Peers and browsers that the tests talk to, and a file that shows that each is there. */
const DEBIAN_PACKAGES = {
  chromium: '/usr/bin/chromium',
  'python3-websockets': '/usr/lib/python3/dist-packages/websockets/__init__.py',
  'python3-autobahn': '/usr/lib/python3/dist-packages/autobahn/__init__.py',
  'python3-twisted': '/usr/lib/python3/dist-packages/twisted/__init__.py',
  'libwebsockets-test-server': '/usr/bin/libwebsockets-test-server',
  haproxy: '/usr/sbin/haproxy',
  mosquitto: '/usr/sbin/mosquitto',
  'nats-server': '/usr/sbin/nats-server',
  'nginx-light': '/usr/sbin/nginx',
  openssl: '/usr/bin/openssl',
  prosody: '/usr/bin/prosody',
  'rabbitmq-server': '/usr/lib/rabbitmq/bin/rabbitmq-server',
  'redis-server': '/usr/bin/redis-server',
};

/** Installs what the workspace's lockfile names, unless it is there already. */
export async function installPackages() {
  await installLocked(root);
}

/** Installs the peers of the tests: other runtimes from npm, and Debian's packages. */
export async function installPeers() {
  await installLocked(join(root, 'test/peers'));
  const missing = Object.keys(DEBIAN_PACKAGES).filter((name) => !existsSync(DEBIAN_PACKAGES[name]));
  if (missing.length === 0) return;
  if (process.getuid() !== 0) {
    console.error(`The tests need: sudo apt-get install --no-install-recommends ${missing.join(' ')}`);
    process.exit(1);
  }
  console.log(`Installing ${missing.join(', ')} ...`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = ['install', '-y', '--no-install-recommends', '-qq', ...missing];
  const quiet = { env, stdio: ['ignore', 'ignore', 'inherit'] };
  await run('apt-get', ['update', '-qq'], quiet);
  await must('apt-get', install, quiet);
}

async function installLocked(folder) {
  if (isInstalled(folder)) return;
  console.log(`Installing the npm packages of ${relative(root, folder) || 'the workspace'} ...`);
  await must('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder });
}

/** npm writes what it installed beside it; the lockfile has the same entries and a few more. */
function isInstalled(folder) {
  const installed = join(folder, 'node_modules/.package-lock.json');
  if (!existsSync(installed)) return false;
  const wanted = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')).packages;
  const present = JSON.parse(readFileSync(installed, 'utf8')).packages;
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.startsWith('node_modules/') || entry.link || entry.optional || entry.peer) return true;
    return present[path]?.version === entry.version;
  });
}
