import { execFile } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, start, temporaryDirectory, type Peer } from './start.js';

/** A Prosody of this machine, for the host `localhost`, with the accounts `alice` and `bob` and the password `secret`. */
export interface Prosody extends AsyncDisposable {
  /** XMPP by TCP. */
  readonly port: number;
  /** Its own XMPP over WebSocket. */
  readonly webSocketUrl: string;
}

const INSTALL = 'apt-get install -y --no-install-recommends prosody';

/**
 * Prosody 0.12.
 *
 * @param certificate with one (PEM) nobody logs in over TCP before STARTTLS; without one it has no TLS.
 */
export async function startProsody(certificate?: { cert: string; key: string }): Promise<Prosody> {
  const directory = await temporaryDirectory();
  let peer: Peer | undefined;
  const stop = async () => {
    await peer?.stop();
    await directory[Symbol.asyncDispose]();
  };
  try {
    const port = await freePort();
    let httpPort = await freePort();
    while (httpPort === port) httpPort = await freePort();
    const file = join(directory.path, 'prosody.cfg.lua');
    await writeFile(file, configure(directory.path, port, httpPort, certificate !== undefined));
    await writeCertificate(directory.path, certificate);
    peer = start({
      name: 'prosody',
      command: '/usr/bin/prosody',
      args: ['-F', '--config', file],
      install: INSTALL,
      env: { HOME: directory.path },
    });
    // It opens its ports one after the other, and says so of each service.
    for (const service of ['c2s', 'http']) {
      await peer.line(
        `its port of ${service}`,
        (line) => line.includes(`Activated service '${service}' on`) || undefined,
      );
    }
    for (const user of ['alice', 'bob']) await register(file, user);
    return { port, webSocketUrl: `ws://localhost:${httpPort}/xmpp-websocket`, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function register(file: string, user: string): Promise<void> {
  const command = ['--root', '--config', file, 'register', user, 'localhost', 'secret'];
  await promisify(execFile)('/usr/bin/prosodyctl', command, { timeout: 20_000 });
}

async function writeCertificate(
  directory: string,
  certificate: { cert: string; key: string } | undefined,
): Promise<void> {
  await mkdir(join(directory, 'certs'));
  if (certificate === undefined) return;
  await writeFile(join(directory, 'certs/localhost.crt'), certificate.cert);
  await writeFile(join(directory, 'certs/localhost.key'), certificate.key);
  await chmod(join(directory, 'certs/localhost.key'), 0o600);
}

function configure(directory: string, port: number, httpPort: number, hasTls: boolean): string {
  const disabled = hasTls ? '"s2s", "offline"' : '"s2s", "offline", "tls"';
  return `
pidfile = "${directory}/prosody.pid"
data_path = "${directory}/data"
certificates = "${directory}/certs"
${process.getuid?.() === 0 ? 'run_as_root = true' : ''}
log = { info = "*console" }
interfaces = { "127.0.0.1" }
c2s_ports = { ${port} }
c2s_direct_tls_ports = {}
s2s_ports = {}
http_ports = { ${httpPort} }
http_interfaces = { "127.0.0.1" }
https_ports = {}
c2s_require_encryption = ${hasTls}
allow_unencrypted_plain_auth = ${!hasTls}
consider_websocket_secure = true
authentication = "internal_plain"
storage = "internal"
modules_enabled = { "roster", "saslauth", "disco", "ping", "smacks", "websocket" ${hasTls ? ', "tls"' : ''} }
modules_disabled = { ${disabled} }
VirtualHost "localhost"
`;
}
