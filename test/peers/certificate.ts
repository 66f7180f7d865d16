import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryDirectory } from './start.js';

const openssl = '/usr/bin/openssl';

/** A certificate for 127.0.0.1 and localhost, signed by itself and good for a day, and its key; both PEM. */
export async function createCertificate(): Promise<{ cert: string; key: string }> {
  if (!existsSync(openssl)) {
    throw new Error('openssl is missing. Install it: apt-get install -y --no-install-recommends openssl');
  }
  await using directory = await temporaryDirectory();
  const [cert, key] = [join(directory.path, 'cert.pem'), join(directory.path, 'key.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc', '-days', '1'];
  await promisify(execFile)(openssl, ['req', '-x509', ...curve, ...subject, '-keyout', key, '-out', cert]);
  return { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') };
}
