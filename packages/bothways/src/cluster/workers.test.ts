import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Connection } from '../protocol/contract.js';
import { connect } from '../node/connect.js';
import { until } from '../node/test-arrivals.js';
import { compileSources, removeSources } from '../node/test-child.js';
import { TestCluster } from './test-cluster.js';

let directory: string;

beforeAll(() => {
  directory = compileSources();
});

afterAll(() => {
  removeSources(directory);
});

function start(program: string, environment?: Readonly<Record<string, string>>): TestCluster {
  const cluster = new TestCluster(directory, program, environment);
  onTestFinished(() => cluster.end());
  return cluster;
}

/** The primary process of users' servers, with `await workers.close()` when the test says so. */
const PRIMARY = `
  cluster.on('listening', (worker, { port }) => tell({ port }));
  const workers = await startWorkers({ count: Number(process.env.COUNT ?? 4) });
  onCommand(async ({ close }) => {
    await workers.close(close);
    tell({ closed: true });
  });
  tell({ started: workers.count });
`;

/** A worker: a client sends commands as JSON, and gets what is published to its topics. */
const WORKER = `
  const publishIfTaken = (topic, data) => {
    try { server.publish(topic, data); } catch (error) { if (error.code !== 'ERR_BROKER_FULL') throw error; }
  };
  const server = await serve({ port: 0, host: '127.0.0.1', broker: clusterBroker() }, {
    open: (connection) => connection.send(String(process.pid)),
    message: (connection, text) => {
      const { subscribe, unsubscribe, publish, data, bytes, except, flood, id } = JSON.parse(text);
      if (flood) setInterval(() => publishIfTaken(flood, 'x'.repeat(1_000_000)), 1);
      if (subscribe) connection.subscribe(subscribe);
      if (unsubscribe) connection.unsubscribe(unsubscribe);
      if (publish) server.publish(publish, bytes ? Buffer.from(bytes) : data, { except: except && connection });
      connection.send('done ' + id);
    },
  });
  process.once('SIGTERM', async () => {
    await server.close();
    process.exit();
  });
`;

const SERVERS = `if (cluster.isPrimary) { ${PRIMARY} } else { ${WORKER} }`;

/** Starts servers in workers, and waits until they listen. */
async function startServers(count = 4, program = SERVERS): Promise<{ cluster: TestCluster; port: number }> {
  const cluster = start(program, { COUNT: `${count}` });
  const { port } = (await cluster.next('port')) as unknown as { port: number };
  await cluster.next('started');
  return { cluster, port };
}

let probes = 0;
let commands = 0;

/** A client of one of the workers. */
class Client {
  readonly socket: Connection<unknown, Buffer>;
  /** The process that it is connected to. */
  readonly pid: number;
  readonly #messages: AsyncIterator<string | Buffer>;

  private constructor(
    socket: Connection<unknown, Buffer>,
    messages: AsyncIterator<string | Buffer>,
    pid: number,
  ) {
    this.socket = socket;
    this.#messages = messages;
    this.pid = pid;
  }

  static async open(port: number): Promise<Client> {
    const socket = await connect(`ws://127.0.0.1:${port}/`);
    onTestFinished(() => socket.terminate());
    const messages = socket[Symbol.asyncIterator]();
    const { value } = await messages.next();
    return new Client(socket, messages, Number(value));
  }

  /** The next message that is no answer to a command. */
  async next(): Promise<string | Buffer | undefined> {
    for (;;) {
      const message = await this.#next();
      if (!isAnswer(message)) return message;
    }
  }

  /** Sends a command, and returns the id of its answer. */
  send(command: object): number {
    const id = commands++;
    this.socket.send(JSON.stringify({ ...command, id }));
    return id;
  }

  /** What comes before the answer to a command. */
  async ask(command: object): Promise<(string | Buffer | undefined)[]> {
    const before: (string | Buffer | undefined)[] = [];
    const id = this.send(command);
    for (;;) {
      const message = await this.#next();
      if (message === `done ${id}` || message === undefined) return before;
      if (!isAnswer(message)) before.push(message);
    }
  }

  async subscribe(topic: string, by: Client): Promise<void> {
    await this.ask({ subscribe: topic });
    const probe = `probe ${probes++}`;
    await this.ask({ subscribe: probe });
    const probing = setInterval(() => by.send({ publish: probe, data: 'probe' }), 5);
    while ((await this.next()) !== 'probe');
    clearInterval(probing);
    // What the others published before it comes before the last one, which all wait for.
    await by.ask({ publish: probe, data: 'last' });
    while ((await this.next()) !== 'last');
    await this.ask({ unsubscribe: probe });
  }

  async #next(): Promise<string | Buffer | undefined> {
    const { value, done } = await this.#messages.next();
    return done === true ? undefined : value;
  }
}

function isAnswer(message: unknown): boolean {
  return typeof message === 'string' && message.startsWith('done ');
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('Servers in workers', () => {
  it('get the connections in turn', async () => {
    const { port } = await startServers(4);
    const counts = new Map<number, number>();
    for (let i = 0; i < 400; i++) {
      const { pid } = await Client.open(port);
      counts.set(pid, (counts.get(pid) ?? 0) + 1);
    }
    expect([...counts.values()]).toEqual([100, 100, 100, 100]);
  });

  it('publish to the subscribers of all, text and bytes, each once, and not to the one left out', async () => {
    const { port } = await startServers(3);
    const clients: Client[] = [];
    for (let i = 0; i < 6; i++) clients.push(await Client.open(port));
    expect(new Set(clients.map(({ pid }) => pid)).size).toBe(3);
    const [one, ...others] = clients as [Client, ...Client[]];
    for (const client of clients) await client.subscribe('news', one.pid === client.pid ? others[0]! : one);
    one.send({ publish: 'news', data: 'text 👋' });
    one.send({ publish: 'news', bytes: [0, 255] });
    one.send({ publish: 'news', data: 'left out', except: true });
    one.send({ publish: 'news', data: 'last' });
    const expected = ['text 👋', Buffer.from([0, 255]), 'left out', 'last'];
    for (const client of others) {
      for (const message of expected) expect(await client.next()).toEqual(message);
    }
    const own = await one.ask({ publish: 'other', data: '' });
    expect(own).toEqual(['text 👋', Buffer.from([0, 255]), 'last']);
  });

  it('are replaced when one ends, and the others go on', async () => {
    const { cluster, port } = await startServers(2);
    const clients = [await Client.open(port), await Client.open(port)] as const;
    const [one, two] = clients;
    await two.subscribe('news', one);
    process.kill(one.pid, 'SIGKILL');
    expect((await one.socket.closed).code).toBe(1006);
    expect((await cluster.next('warning'))['warning']).toBe(
      `Worker ${one.pid} ended with SIGKILL; another starts in 100 ms`,
    );
    await cluster.next('port');
    const later = [await Client.open(port), await Client.open(port)];
    expect(new Set(later.map(({ pid }) => pid)).size).toBe(2);
    const replacement = later.find(({ pid }) => pid !== two.pid)!;
    await replacement.ask({ publish: 'news', data: 'from the new one' });
    expect(await two.next()).toBe('from the new one');
  });

  it('end with SIGTERM when they are closed, each as its program says, and leave nothing', async () => {
    const { cluster, port } = await startServers(3);
    const clients: Client[] = [];
    for (let i = 0; i < 3; i++) clients.push(await Client.open(port));
    cluster.command(0, { close: {} });
    for (const { socket } of clients) expect((await socket.closed).code).toBe(1001);
    await cluster.next('closed');
    for (const { pid } of clients) expect(isRunning(pid)).toBe(false);
    expect(await cluster.ended).toEqual([0, null]);
    expect(cluster.stderr).toBe('');
  });

  it('are killed when they have not ended in time', async () => {
    const { cluster, port } = await startServers(
      1,
      `if (cluster.isPrimary) { ${PRIMARY} } else { ${WORKER} process.removeAllListeners('SIGTERM').on('SIGTERM', () => tell({ stubborn: true })); }`,
    );
    const { pid } = await Client.open(port);
    cluster.command(0, { close: { timeout: 200 } });
    await cluster.next('stubborn');
    await cluster.next('closed');
    expect(isRunning(pid)).toBe(false);
  });

  it('are replaced later and later when they keep failing, and not after they were closed', async () => {
    const cluster = start(
      `if (cluster.isPrimary) { ${PRIMARY} } else { if (cluster.worker.id > 1) process.exit(3); ${WORKER} }`,
      { COUNT: '1' },
    );
    const { port } = (await cluster.next('port')) as unknown as { port: number };
    await cluster.next('started');
    process.kill((await Client.open(port)).pid, 'SIGKILL');
    const delays: unknown[] = [];
    for (let i = 0; i < 4; i++) {
      const { warning } = (await cluster.next('warning')) as unknown as { warning: string };
      delays.push(/ended with (.+); another starts in (\d+) ms/.exec(warning)!.slice(1).join(' '));
    }
    expect(delays).toEqual(['SIGKILL 100', '3 200', '3 400', '3 800']);
    cluster.command(0, { close: {} });
    await cluster.next('closed');
    expect(await cluster.ended).toEqual([0, null]);
  });

  it('are replaced when one ends that has listened, while others have not', async () => {
    const cluster = start(
      `
        if (cluster.isPrimary) { ${PRIMARY} } else {
          if (cluster.worker.id === 2) await new Promise(onCommand);
          ${WORKER}
          if (cluster.worker.id === 1) process.exit(4);
        }
      `,
      { COUNT: '2' },
    );
    expect((await cluster.next('warning'))['warning']).toMatch(/ended with 4; another starts in 100 ms$/);
    cluster.command(2, {});
    expect(await cluster.next('started')).toMatchObject({ started: 2 });
  });

  it('are not started when one ends before it listens', async () => {
    const cluster = start(`
      if (cluster.isPrimary) {
        const error = await startWorkers({ count: 3 }).catch((error) => error);
        tell({ code: error.code, message: error.message, left: Object.keys(cluster.workers).length });
      } else if (cluster.worker.id === 2) {
        process.exit(7);
      } else {
        await serve({ port: 0, host: '127.0.0.1', broker: clusterBroker() }, {});
      }
    `);
    expect(await cluster.next('code')).toEqual({
      from: 0,
      code: 'ERR_WORKER',
      message: 'A worker ended with exit code 7 before it listened: what it wrote says why',
      left: 0,
    });
    expect(await cluster.ended).toEqual([0, null]);
  });

  it('are ended when they take nothing, and replaced', async () => {
    const { cluster, port } = await startServers(2);
    const clients = [await Client.open(port), await Client.open(port)] as const;
    const [one, two] = clients;
    await two.subscribe('news', one);
    process.kill(two.pid, 'SIGSTOP');
    one.send({ flood: 'news' });
    const warnings = [await cluster.next('warning'), await cluster.next('warning')];
    expect(warnings.map(({ warning }) => warning)).toEqual([
      `Worker ${two.pid} was ended: it did not take the messages of topics that it subscribed to`,
      `Worker ${two.pid} ended with SIGKILL; another starts in 100 ms`,
    ]);
    await until(() => !isRunning(two.pid));
    await cluster.next('port');
  });
});

describe('The channel between worker and primary process', () => {
  it('takes so much at a time, throws ERR_BROKER_FULL for more, and takes more later', async () => {
    const cluster = start(`
      if (cluster.isPrimary) {
        await startWorkers({ count: 1 });
      } else {
        const server = await serve({ port: 0, host: '127.0.0.1', broker: clusterBroker() }, {});
        const data = 'x'.repeat(1024 * 1024);
        let taken = 0;
        try {
          for (;;) { server.publish('news', data); taken++; }
        } catch ({ name, code, message }) {
          tell({ taken, name, code, message });
        }
        const later = setInterval(() => {
          try { server.publish('news', data); } catch ({ code }) { return tell({ still: code }); }
          clearInterval(later);
          tell({ later: true });
        }, 5);
      }
    `);
    expect(await cluster.next('taken')).toMatchObject({
      taken: 31,
      name: 'BrokerError',
      code: 'ERR_BROKER_FULL',
      message: expect.stringContaining('no more than 33554432 may: publish less, or later') as string,
    });
    await cluster.next('later');
  });

  it('leaves the messages of the application alone, whatever they are', async () => {
    const cluster = start(`
      const others = [null, 1, 'text', {}, { bothways: 'of the application' }, [[]], { test: undefined }];
      if (cluster.isPrimary) {
        cluster.on('message', (worker, message) => {
          if (message?.bothways instanceof Array) return;
          if (message?.test === undefined) tell({ heard: JSON.stringify(message) });
        });
        cluster.on('fork', (worker) => worker.once('listening', () => others.forEach((other) => worker.send(other))));
        const workers = await startWorkers({ count: 1 });
      } else {
        const heard = [];
        process.on('message', (message) => {
          if (message?.bothways instanceof Array) return;
          heard.push(JSON.stringify(message));
          if (heard.length === others.length) tell({ all: heard });
        });
        await serve({ port: 0, host: '127.0.0.1', broker: clusterBroker() }, {});
        for (const other of others) process.send(other);
      }
    `);
    const others = ['null', '1', '"text"', '{}', '{"bothways":"of the application"}', '[[]]', '{}'];
    const heard: unknown[] = [];
    let all: unknown;
    while (heard.length < others.length || all === undefined) {
      const report = await cluster.reports.next();
      if ('heard' in report) heard.push(report['heard']);
      if ('all' in report) all = report['all'];
    }
    expect(heard).toEqual(others);
    expect(all).toEqual(others);
  });

  it('is missed in time where the primary process relays nothing', async () => {
    const cluster = start(`
      import { mock } from 'node:test';
      if (cluster.isPrimary) {
        cluster.fork();
      } else {
        mock.timers.enable({ apis: ['setTimeout'] });
        const opening = serve({ port: 0, host: '127.0.0.1', broker: clusterBroker() }, {});
        mock.timers.tick(5_000);
        const { name, code, message } = await opening.catch((error) => error);
        tell({ name, code, message });
      }
    `);
    expect(await cluster.next('code')).toMatchObject({
      name: 'BrokerError',
      code: 'ERR_BROKER_AWAY',
      message: expect.stringContaining('call startWorkers() or relayTopics() there') as string,
    });
  });

  it('throws ERR_BROKER_AWAY once the primary process has let the worker go', async () => {
    const cluster = start(`
      import { appendFileSync } from 'node:fs';
      if (cluster.isPrimary) {
        await startWorkers({ count: 1 });
      } else {
        const server = await serve({ port: 0, host: '127.0.0.1', broker: clusterBroker() }, {});
        cluster.worker.exitedAfterDisconnect = true;
        process.once('disconnect', () => {
          try { server.publish('news', 'text'); } catch ({ code }) { appendFileSync(2, code); }
          process.exit();
        });
        process.disconnect();
      }
    `);
    await cluster.next('warning');
    expect(cluster.stderr).toBe('ERR_BROKER_AWAY');
  });
});

describe('What belongs to the other kind of process', () => {
  it('throws a TypeError that says where it belongs', async () => {
    const cluster = start(`
      const messageOf = (call) => { try { call(); } catch (error) { return error.name + ': ' + error.message; } };
      if (cluster.isPrimary) {
        tell({ broker: messageOf(() => clusterBroker()) });
        await startWorkers({ count: 1 });
      } else {
        await serve({ port: 0, host: '127.0.0.1', broker: clusterBroker() }, {});
        tell({
          relay: messageOf(relayTopics),
          start: await startWorkers().catch((error) => error.message),
          second: await serve({ port: 0, broker: clusterBroker() }, {}).catch((error) => error.message),
          other: await serve({ port: 0, host: '127.0.0.1', broker: clusterBroker({ name: 'b' }) }, {}).then(() => 'fine'),
        });
      }
    `);
    expect(await cluster.next('broker')).toMatchObject({
      broker: 'TypeError: clusterBroker() is for the workers of node:cluster',
    });
    expect(await cluster.next('relay')).toMatchObject({
      relay: 'TypeError: relayTopics() is for the primary process of node:cluster',
      start: 'startWorkers() is for the primary process: see cluster.isPrimary',
      second:
        "Another server of this process has a clusterBroker named 'default': give each a name of its own",
      other: 'fine',
    });
  });

  it.each([
    [`startWorkers({ count: 0 })`, '"auto" or a positive whole number'],
    [`startWorkers({ count: 1.5 })`, '"auto" or a positive whole number'],
    [`startWorkers({ count: '2' })`, '"auto" or a positive whole number'],
    [`startWorkers({ counts: 2 })`, 'counts'],
    [`clusterBroker({ name: '' })`, 'a string of one line that is not empty'],
    [`clusterBroker({ name: 'a\\nb' })`, 'a string of one line that is not empty'],
  ])('throws a TypeError for %s', async (call, what) => {
    const cluster = start(`
      const { name, message } = await (async () => ${call})().catch((error) => error);
      tell({ name, message });
    `);
    const report = await cluster.next('message');
    expect(report['name']).toMatch(/TypeError|RangeError/);
    expect(report['message']).toContain(what);
  });
});
