/** What stands between clients and a server. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LOOPBACK, freePort, startProgram } from '../program.mjs';

const GATEWAY = join(import.meta.dirname, '../../packages/cli/bin/bothways.js');

/**
 * @typedef {{ tcp: number, webSocket: number }} Ports of the server behind
 * @typedef {{ title: string, takesTokens?: boolean, start(ports: Ports, protocol: 'raw' | 'mqtt', options: { cpu?: number, profile?: string }): Promise<{ pid?: number, port: number, stop(): Promise<void> }> }} Contender
 * @type {Record<string, Contender>}
 */
export const CONTENDERS = {
  gateway: {
    title: 'bothways gateway',
    async start({ tcp }, protocol, { cpu, profile }) {
      const port = await freePort();
      const flags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
      const route = ['--listen', `${LOOPBACK}:${port}`, '--to', `tcp://${LOOPBACK}:${tcp}`];
      const command = [process.execPath, ...flags, GATEWAY, 'gateway', ...route, '--protocol', protocol];
      return { port, ...(await startProgram(command, { port, cpu })) };
    },
  },
  websockify: {
    title: 'websockify',
    // It knows the token `binary` and no other.
    takesTokens: false,
    async start({ tcp }, _protocol, { cpu }) {
      const port = await freePort();
      const command = ['websockify', `${LOOPBACK}:${port}`, `${LOOPBACK}:${tcp}`];
      return { port, ...(await startProgram(command, { port, cpu })) };
    },
  },
  nginx: {
    title: 'nginx, to the server’s WebSocket',
    async start({ webSocket }, _protocol, { cpu }) {
      const port = await freePort();
      const folder = mkdtempSync(join(tmpdir(), 'bench-nginx-'));
      const file = join(folder, 'nginx.conf');
      writeFileSync(file, nginxConfig(folder, port, webSocket));
      const command = ['nginx', '-e', join(folder, 'error.log'), '-c', file];
      return { port, ...(await startProgram(command, { port, cpu, folder })) };
    },
  },
  direct: {
    title: 'nothing: the server’s WebSocket',
    async start({ webSocket }) {
      return { port: webSocket, async stop() {} };
    },
  },
};

/** One process, as it needs only one processor; and nothing in a log. */
function nginxConfig(folder, port, webSocket) {
  const scratch = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `daemon off;
master_process off;
pid ${folder}/pid;
events { worker_connections 8192; }
http {
  access_log off;
  ${scratch.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
  server {
    listen ${LOOPBACK}:${port} backlog=2048;
    location / {
      proxy_pass http://${LOOPBACK}:${webSocket};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_read_timeout 1h;
    }
  }
}
`;
}

/** Mosquitto with a listener for TCP and one for WebSockets. */
export async function startMosquitto(cpu) {
  const [tcp, webSocket] = [await freePort(), await freePort()];
  const folder = mkdtempSync(join(tmpdir(), 'bench-mosquitto-'));
  const file = join(folder, 'mosquitto.conf');
  const listeners = `listener ${tcp} ${LOOPBACK}
listener ${webSocket} ${LOOPBACK}
protocol websockets
socket_domain ipv4
`;
  writeFileSync(file, `${listeners}allow_anonymous true\npersistence false\nset_tcp_nodelay true\n`);
  const broker = await startProgram(['mosquitto', '-c', file], { port: webSocket, cpu, folder });
  return { ...broker, ports: { tcp, webSocket } };
}
