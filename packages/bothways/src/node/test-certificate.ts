import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate signed by itself, and its key, as PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** @param names what it is for, such as `DNS:localhost,IP:127.0.0.1`. */
export function createCertificate(names: string): Certificate {
  const directory = mkdtempSync(join(tmpdir(), 'bothways-certificate-'));
  try {
    const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
    const subject = ['-subj', '/CN=bothways test', '-addext', `subjectAltName=${names}`];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc', '-days', '1'];
    const options = ['req', '-x509', ...curve, ...subject, '-keyout', key, '-out', cert];
    execFileSync('openssl', options, { stdio: 'pipe' });
    return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
