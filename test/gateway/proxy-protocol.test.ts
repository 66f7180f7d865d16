import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { Gateway } from '../../packages/cli/src/gateway/gateway.js';
import { gatewayConfig } from '../../packages/cli/src/gateway/config/schema.js';
import { join, startUpstream } from '../../packages/cli/src/gateway/test-gateway.js';
import { createCertificate } from '../../packages/bothways/src/node/test-certificate.js';
import { startTcpHaproxy } from '../peers/proxies.js';
import { temporaryDirectory } from '../peers/start.js';

// Client, HAProxy, gateway, HAProxy, server: what the first one says of the client is what the last one hears.
it.each([
  { sends: 1, version: 2, isSecure: false },
  { sends: 2, version: 1, isSecure: false },
  { sends: 2, version: 2, isSecure: true },
] as const)(
  'HAProxy is understood with version $sends, and understands version $version (TLS: $isSecure)',
  async ({ sends, version, isSecure }) => {
    const upstream = await startUpstream(createServer());
    await using behind = await startTcpHaproxy(upstream.port, { accepts: true, sends: 1 });
    await using directory = await temporaryDirectory();
    const { cert, key } = createCertificate('IP:127.0.0.1');
    const [certFile, keyFile] = [`${directory.path}/cert.pem`, `${directory.path}/key.pem`];
    await Promise.all([writeFile(certFile, cert), writeFile(keyFile, key)]);
    const config = gatewayConfig.parse({
      log: { level: 'silent' },
      listen: {
        address: '127.0.0.1:0',
        proxy_protocol: true,
        ...(isSecure && { tls: { cert: certFile, key: keyFile } }),
      },
      routes: [
        { path: '/', protocol: 'raw', upstream: `tcp://127.0.0.1:${behind.port}`, proxy_protocol: version },
      ],
    });
    const gateway = await Gateway.start(config);
    try {
      const port = Number(new URL(gateway.urls[0]!).port);
      await using before = await startTcpHaproxy(port, { sends });
      const url = `${isSecure ? 'wss' : 'ws'}://127.0.0.1:${before.port}/`;
      const { socket } = await join(url, isSecure ? { tls: { ca: cert } } : {});
      socket.send(Buffer.from('hello'));
      const peer = await upstream.peers.next();
      await peer.receives('hello');
      // The address that the client has connected to is the first HAProxy's.
      const [line = ''] = peer.text.split('\r\n');
      expect(line).toMatch(new RegExp(`^PROXY TCP4 127\\.0\\.0\\.1 127\\.0\\.0\\.1 \\d+ ${before.port}$`));
    } finally {
      await gateway.close(0, 0);
    }
  },
);
