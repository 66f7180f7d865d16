import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCertificate } from '../../../../../test/peers/certificate.js';
import { loadConfig } from './load.js';
import { linesOf } from './test-config.js';

let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bothways-files-'));
  const [one, other] = await Promise.all([createCertificate(), createCertificate()]);
  const files = { 'cert.pem': one.cert, 'key.pem': one.key, 'other-key.pem': other.key, 'text.txt': 'hello' };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  mkdirSync(join(folder, 'folder'));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** What is said about a configuration of one route, with lines of its own before it (from line 3) and in it (from the end). */
function load(before: string, within = ''): string[] {
  const file = join(folder, 'gateway.toml');
  const route = '[[routes]]\npath = "/a"\nprotocol = "raw"\nupstream = "tcp://h:1"\n';
  writeFileSync(file, `[[listen]]\naddress = "127.0.0.1:8080"\n${before}\n${route}${within}\n`);
  return linesOf(() => loadConfig(file)).map((line) => line.replaceAll(folder, '').replace(/ \(.*\)$/, ''));
}

describe('the files that are named', () => {
  it('are read beside the configuration', () => {
    const tls = 'tls = { cert = "cert.pem", key = "folder/../key.pem", client_ca = "./cert.pem" }';
    const upstream = 'upstream_tls = { ca = "cert.pem", cert = "cert.pem", key = "key.pem" }';
    const auth =
      '[auth.a]\ntype = "basic"\nusers_file = "text.txt"\n[auth.b]\ntype = "jwt"\njwks = "https://h/jwks"';
    const recording = 'recording = { directory = "new" }';
    expect(load(`${tls}\n${auth}`, `${upstream}\n${recording}`)).toEqual([]);
  });

  it('have to be there', () => {
    const tls = 'tls = { cert = "nocert.pem", key = "folder", client_ca = "noca.pem" }';
    const auth =
      '[auth.a]\ntype = "basic"\nusers_file = "nousers"\n[auth.b]\ntype = "jwt"\nsecret_file = "nosecret"\n[auth.c]\ntype = "jwt"\njwks = "nojwks"';
    const own = '[protocols.own]\nmodule = "no.js"';
    const recording = 'recording = { directory = "nofolder/new" }\nupstream_tls = { ca = "noca.pem" }';
    const missing = 'there is no such file or folder';
    expect(load(`${tls}\n${auth}\n${own}`, recording)).toEqual([
      `/gateway.toml:3:16: listen[0].tls.cert names a file that cannot be read, /nocert.pem: ${missing}`,
      '/gateway.toml:3:36: listen[0].tls.key names a file that cannot be read, /folder: it is a folder',
      `/gateway.toml:3:58: listen[0].tls.client_ca names a file that cannot be read, /noca.pem: ${missing}`,
      `/gateway.toml:6:14: auth.a.users_file names a file that cannot be read, /nousers: ${missing}`,
      `/gateway.toml:9:15: auth.b.secret_file names a file that cannot be read, /nosecret: ${missing}`,
      `/gateway.toml:12:8: auth.c.jwks names a file that cannot be read, /nojwks: ${missing}`,
      `/gateway.toml:14:10: protocols.own.module names a file that cannot be read, /no.js: ${missing}`,
      `/gateway.toml:19:27: routes[0].recording.directory cannot be made in /nofolder: ${missing}`,
      `/gateway.toml:20:23: routes[0].upstream_tls.ca names a file that cannot be read, /noca.pem: ${missing}`,
    ]);
  });

  it.each<[tls: string, problems: string[]]>([
    [
      '{ cert = "cert.pem", key = "other-key.pem" }',
      ['/gateway.toml:3:34: listen[0].tls.key is not the key of the certificate "cert"'],
    ],
    [
      '{ cert = "text.txt", key = "key.pem" }',
      ['/gateway.toml:3:16: listen[0].tls.cert has no certificate that can be read: it must be PEM'],
    ],
    [
      '{ cert = "key.pem", key = "cert.pem", client_ca = "text.txt" }',
      [
        '/gateway.toml:3:16: listen[0].tls.cert has no certificate that can be read: it must be PEM',
        '/gateway.toml:3:33: listen[0].tls.key has no key that can be read: it must be PEM, and not encrypted',
        '/gateway.toml:3:57: listen[0].tls.client_ca has no certificates that can be read: they must be PEM',
      ],
    ],
  ])('have to be certificates and keys that fit together: tls = %s', (tls, problems) => {
    expect(load(`tls = ${tls}`)).toEqual(problems);
  });

  it('are looked at although something else is wrong', () => {
    expect(load('adress = "x"', 'recording = { directory = "text.txt/new" }')).toEqual([
      '/gateway.toml:3:1: listen[0].adress is no option: did you mean "address"?',
      '/gateway.toml:8:27: routes[0].recording.directory cannot be made: /text.txt is no folder',
    ]);
  });
});
