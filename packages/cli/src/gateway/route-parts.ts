import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import type { ConnectionOptions } from 'node:tls';
import { createOriginCheck, type OriginCheck } from 'bothways/protocol';
import { findSubprotocol, rawSubprotocol, type Subprotocol } from 'bothways/subprotocols';
import { Failure, reasonOf } from '../failure.js';
import { redactUrl, type Authenticator } from './authenticate.js';
import type { Codec, CodecEnds } from './codec.js';
import {
  nameRoute,
  type AuthConfig,
  type GatewayConfig,
  type RecordingConfig,
  type RouteConfig,
} from './config/schema.js';
import { parseUpstream } from './config/values.js';
import type { Expirations } from './expirations.js';
import { FinderCodec } from './finder-codec.js';
import { RouteLimiter } from './limits.js';
import type { Listener } from './listener.js';
import type { Log } from './log.js';
import type { GatewayMetrics } from './metrics.js';
import { Recorder, type Recording, type RecordingSubject } from './recording.js';
import { Refused } from './refusal.js';
import { ChosenUpstreams } from './upstream-choice.js';
import { readUpstreamTls } from './upstream-tls.js';
import type { UpstreamTarget } from './upstream.js';
import { XmppCodec } from './xmpp.js';

/** What all routes share. */
export interface GatewayContext {
  readonly log: Log;
  readonly metrics: GatewayMetrics;
  readonly expirations: Expirations;
  readonly handshakeTimeout: number;
  readonly hasAccessLog: boolean;
  /** Counts one connection more, or says why there may be none. */
  enter(): Refused | undefined;
  leave(): void;
  /** The listener that a socket came to. */
  listenerOf(socket: object): Listener | undefined;
}

/** A route's configuration, made into what does it. */
export class RouteParts {
  readonly config: RouteConfig;
  readonly name: string;
  readonly context: GatewayContext;
  readonly limiter: RouteLimiter;
  readonly subprotocol: Subprotocol;
  readonly auths: readonly AuthConfig[];
  readonly ways: readonly Authenticator[];
  readonly isWelcome: OriginCheck;
  readonly tls: ConnectionOptions;
  /** The connection to the server may become one of TLS. */
  readonly mayStartTls: boolean;
  readonly #targets: readonly UpstreamTarget[];
  readonly #chosen: ChosenUpstreams | undefined;
  /** What the recorder was made from. */
  readonly #recording: { readonly config: RecordingConfig | undefined; readonly secretParameters: string[] };
  readonly #recorder: Recorder | undefined;
  #turn = 0;

  /**
   * @param ways the authenticators of the file, by name.
   * @param own the protocols of the file, by name.
   * @param before the route as it was, if it was there: what counts and what records goes on.
   */
  constructor(
    config: RouteConfig,
    file: GatewayConfig,
    context: GatewayContext,
    ways: ReadonlyMap<string, Authenticator>,
    own: ReadonlyMap<string, Subprotocol>,
    before?: RouteParts,
  ) {
    this.config = config;
    this.name = nameRoute(config);
    this.context = context;
    this.limiter = before?.limiter ?? new RouteLimiter(config.limits);
    this.auths = config.auth.map((name) => file.auth[name]!);
    this.ways = config.auth.map((name) => ways.get(name)!);
    this.subprotocol = subprotocolOf(config, own);
    this.isWelcome = createOriginCheck(config.origins);
    this.tls = readUpstreamTls(config.upstream_tls);
    this.mayStartTls = config.protocol === 'xmpp' && config.starttls !== 'never';
    this.#targets = (config.upstream ?? []).map((url) => parseUpstream(url)!);
    if (config.choose_upstream !== undefined) this.#chosen = new ChosenUpstreams(config.choose_upstream);
    const secretParameters = this.auths.flatMap((auth) =>
      auth.type === 'jwt' ? queryNames(auth.token) : [],
    );
    this.#recording = { config: config.recording, secretParameters };
    if (config.recording === undefined) return;
    const goesOn = before !== undefined && isDeepStrictEqual(before.#recording, this.#recording);
    this.#recorder = goesOn
      ? before.#recorder
      : new Recorder(this.name, config.recording, { log: context.log, secretParameters });
  }

  /** The servers that may be tried for a request: those of the route take turns. */
  async findUpstreams(url: string): Promise<readonly UpstreamTarget[] | Refused> {
    if (this.#chosen !== undefined) {
      const chosen = await this.#chosen.choose(url);
      return 'status' in chosen ? new Refused(chosen.status, chosen.body, 'choose_upstream') : [chosen];
    }
    const first = this.#turn++ % this.#targets.length;
    return [...this.#targets.slice(first), ...this.#targets.slice(0, first)];
  }

  createCodec(ends: CodecEnds): Codec {
    const { max_message_size: maxMessageSize, protocol, starttls } = this.config;
    if (protocol === 'xmpp') return new XmppCodec({ maxMessageSize, starttls }, ends);
    return new FinderCodec(this.subprotocol, { maxMessageSize }, ends);
  }

  record(subject: Omit<RecordingSubject, 'protocol'>): Recording | undefined {
    return this.#recorder?.begin({ ...subject, protocol: this.config.protocol });
  }

  /** Resolves when what has been recorded is in its files. */
  async flush(): Promise<void> {
    await this.#recorder?.flush();
  }

  /** A request-target without what is secret in it. */
  redact(url: string): string {
    return redactUrl(url, this.auths);
  }
}

/** Loads the protocols of the file. @throws {Failure} for a module that cannot be loaded, or has none. */
export async function loadProtocols(config: GatewayConfig): Promise<Map<string, Subprotocol>> {
  const loaded = new Map<string, Subprotocol>();
  for (const [name, { module }] of Object.entries(config.protocols)) {
    const { default: subprotocol } = (await import(pathToFileURL(module).href).catch((error: unknown) => {
      throw new Failure(`Cannot load the protocol ${name} from ${module}: ${reasonOf(error)}`);
    })) as { default?: Partial<Subprotocol> };
    if (typeof subprotocol?.fromServer !== 'function' || typeof subprotocol.fromClient !== 'function') {
      throw new Failure(`${module} has no protocol: its default export has to be a Subprotocol.`);
    }
    loaded.set(name, subprotocol as Subprotocol);
  }
  return loaded;
}

function subprotocolOf(config: RouteConfig, own: ReadonlyMap<string, Subprotocol>): Subprotocol {
  const { protocol, subprotocols, messages } = config;
  if (protocol === 'raw') return rawSubprotocol(subprotocols, { text: messages === 'text' });
  const known = own.get(protocol) ?? (protocol === 'xmpp' ? XMPP : findSubprotocol(protocol)!);
  return subprotocols.length === 0 ? known : { ...known, protocols: [...known.protocols, ...subprotocols] };
}

/** Its messages are found by `XmppCodec`; a client that offers no token speaks another protocol (RFC 7395 section 3.1). */
const XMPP: Subprotocol = {
  ...rawSubprotocol(['xmpp'], { text: true }),
  name: 'xmpp',
  isTokenOptional: false,
};

function queryNames(sources: readonly string[]): string[] {
  return sources
    .filter((source) => source.startsWith('query:'))
    .map((source) => source.slice('query:'.length));
}
