import { readFileSync } from 'node:fs';
import { createSecureContext, type ConnectionOptions } from 'node:tls';
import type { UpstreamTls } from './config/schema.js';

/**
 * How the servers of a route are spoken to by TLS. Files are read once, and what is made of them serves all connections.
 *
 * @throws Node's error for files that cannot be read or do not fit together.
 */
export function readUpstreamTls({
  ca,
  cert,
  key,
  server_name: servername,
}: UpstreamTls = {}): ConnectionOptions {
  const secureContext = createSecureContext({
    ...(ca !== undefined && { ca: readFileSync(ca) }),
    ...(cert !== undefined && { cert: readFileSync(cert) }),
    ...(key !== undefined && { key: readFileSync(key) }),
  });
  return { secureContext, ...(servername !== undefined && { servername }) };
}
