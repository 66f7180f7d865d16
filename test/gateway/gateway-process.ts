import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestCommand } from '../../packages/cli/src/test-command.js';

/** A line of the gateway's log. */
export interface LogLine {
  readonly event: string;
  readonly [name: string]: unknown;
}

/** What a process holds. */
export interface Held {
  readonly files: number;
  readonly timers: number;
  readonly sockets: number;
  /** Resident memory, MiB. */
  readonly memory: number;
}

/** `bothways gateway FILE` as a process of its own. */
export class GatewayProcess implements AsyncDisposable {
  readonly command: TestCommand;
  readonly #folder: string;
  #read = 0;

  private constructor(folder: string, env: Readonly<Record<string, string>>) {
    this.#folder = folder;
    this.command = new TestCommand(['gateway', join(folder, 'gateway.toml')], env);
  }

  /** @param toml without `listen` and `admin`: both get a free port. */
  static async start(toml: string, env: Readonly<Record<string, string>> = {}): Promise<GatewayProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'bothways-gateway-'));
    const gateway = new GatewayProcess(folder, writeConfig(folder, toml) ?? env);
    await gateway.command.says(/Health and metrics: \S+\n/);
    return gateway;
  }

  /** Where it listens: `127.0.0.1:8080`. */
  get host(): string {
    return /Listening: http:\/\/(\S+)\/\n/.exec(this.command.stdout)![1]!;
  }

  get #admin(): string {
    return /Health and metrics: (\S+)\/\n/.exec(this.command.stdout)![1]!;
  }

  /** Writes another configuration, and waits until it is read. */
  async reload(toml: string): Promise<LogLine> {
    writeConfig(this.#folder, toml);
    return this.logs(({ event }) => event === 'reloaded' || event === 'not reloaded');
  }

  /** The next line of the log that is of this kind; those before it are passed over. */
  async logs(isWanted: (line: LogLine) => boolean): Promise<LogLine> {
    for (;;) {
      const end = this.command.stderr.indexOf('\n', this.#read);
      if (end === -1) {
        await this.command.more();
        continue;
      }
      const line = JSON.parse(this.command.stderr.slice(this.#read, end)) as LogLine;
      this.#read = end + 1;
      if (isWanted(line)) return line;
    }
  }

  metrics(): Promise<string> {
    return read(`${this.#admin}/metrics`);
  }

  /** A metric without labels, or with these. */
  async metric(name: string): Promise<number> {
    const line = (await this.metrics()).split('\n').find((each) => each.startsWith(`${name} `));
    return Number(line?.slice(name.length + 1) ?? 0);
  }

  async held(): Promise<Held> {
    const pid = this.command.process.pid!;
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const metrics = await this.metrics();
    const active = (type: string): number =>
      Number(new RegExp(`nodejs_active_resources\\{type="${type}"\\} (\\d+)`).exec(metrics)?.[1] ?? 0);
    return {
      files: readdirSync(`/proc/${pid}/fd`).length,
      timers: active('Timeout') + active('Immediate'),
      sockets: active('TCPSocketWrap'),
      memory: Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.command[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true });
  }
}

function writeConfig(folder: string, toml: string): undefined {
  const listen = '[[listen]]\naddress = "127.0.0.1:0"\n[admin]\naddress = "127.0.0.1:0"\n';
  writeFileSync(join(folder, 'gateway.toml'), `${toml}\n${listen}`);
}

/** What is at a URL, by a connection that is not kept: it would count. */
async function read(url: string): Promise<string> {
  const request = get(url, { agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let body = '';
  for await (const piece of response.setEncoding('utf8')) body += piece as string;
  return body;
}
