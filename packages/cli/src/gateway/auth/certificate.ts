import type { ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import type { AuthConfig } from '../config/schema.js';
import { Refused } from '../refusal.js';
import {
  isUser,
  keyOf,
  type Authenticator,
  type Client,
  type ClientCertificate,
  type Identity,
} from './contract.js';

type CertificateConfig = Extract<AuthConfig, { type: 'certificate' }>;

/** Lets in who has shown a certificate of the listener's authorities by TLS, under one of the names if any are given. */
export function createCertificateAuthenticator(name: string, { names }: CertificateConfig): Authenticator {
  function refuse(why: string): Refused {
    return new Refused(403, 'The client certificate is not accepted.', `certificate ${name}: ${why}`);
  }

  function decide({ isTrusted, names: shown }: ClientCertificate): Identity | Refused {
    if (!isTrusted) return refuse('it is of no authority that is trusted, or not of today');
    const user =
      names === undefined ? shown.find(isUser) : shown.find((each) => names.includes(each) && isUser(each));
    if (user === undefined)
      return refuse(names === undefined ? 'it has no name' : 'it has none of the names');
    return { user, method: 'certificate', key: keyOf(name, user), expiresAt: undefined };
  }

  return {
    // What TLS asks for has no challenge of HTTP.
    challenge: undefined,
    authenticate(_request, client: Client) {
      const certificate = client.certificate();
      return certificate === undefined ? undefined : Promise.resolve(decide(certificate));
    },
    close() {},
  };
}

/**
 * The certificate that a client has shown.
 *
 * @param socket what the request came on: a socket, or a stream of HTTP/2.
 */
export function readCertificate(socket: Duplex): ClientCertificate | undefined {
  const stream = socket as Partial<ServerHttp2Stream>;
  const transport = (stream.session?.socket ?? socket) as Partial<TLSSocket>;
  // Without one it is an empty object, and null on a socket that is gone.
  const certificate = transport.getPeerCertificate?.() as Partial<PeerCertificate> | null | undefined;
  if (certificate?.subject === undefined) return undefined;
  // A subject may have several of a kind, which the types do not say.
  const common = certificate.subject.CN as string | readonly string[] | undefined;
  const names = [...[common ?? []].flat(), ...parseAlternativeNames(certificate.subjectaltname ?? '')];
  return { isTrusted: transport.authorized === true, names };
}

/** Of `DNS:a.example, email:b@c.example`, as Node writes it: a name with a comma is a string of JSON that has none. */
function parseAlternativeNames(text: string): string[] {
  return text.split(', ').flatMap((name) => {
    const [, value] = /^(?:DNS|email|URI):(.+)$/.exec(name) ?? [];
    if (value === undefined) return [];
    return value.startsWith('"') ? (JSON.parse(value) as string) : value;
  });
}
