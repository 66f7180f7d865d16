import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { publint } from 'publint';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const exec = promisify(execFile);
const bin = (name: string): string => join(root, 'node_modules/.bin', name);

/** An empty project that has installed the packages as npm would publish them. */
let project: string;
let tarballs: string[];

beforeAll(async () => {
  project = mkdtempSync(join(tmpdir(), 'bothways-package-'));
  for (const name of ['bothways', 'cli']) {
    await exec('npm', ['pack', '--silent', '--pack-destination', project], {
      cwd: join(root, 'packages', name),
    });
  }
  tarballs = readdirSync(project).filter((file) => file.endsWith('.tgz'));
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }');
  const install = [
    'install',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    ...tarballs.map((file) => `./${file}`),
  ];
  await exec('npm', install, { cwd: project });
}, 120_000);

afterAll(() => rmSync(project, { recursive: true, force: true }));

describe.each(['bothways', 'cli'])('the package in packages/%s', (name) => {
  test('is what publint calls well made', async () => {
    const { messages } = await publint({ pkgDir: join(root, 'packages', name), strict: true });
    expect(messages).toEqual([]);
  });
});

test('the types of the library are right for every way of importing it', async () => {
  const tarball = tarballs.find((file) => file.startsWith('bothways-0'))!;
  // It exits with an error, and says why on standard output, when it finds a problem.
  const check = exec(bin('attw'), [join(project, tarball), '--profile', 'esm-only', '--no-color']);
  await expect(check).resolves.toHaveProperty('stderr', '');
});

test('the packages contain what is needed to run and to debug, and nothing else', async () => {
  const { stdout } = await exec('tar', ['-tzf', tarballs.find((file) => file.startsWith('bothways-0'))!], {
    cwd: project,
  });
  const files = stdout.trim().split('\n');
  expect(files).toContain('package/dist/index.d.ts');
  expect(files).toContain('package/dist/protocol/connection.js.map');
  expect(files).toContain('package/src/protocol/connection.ts');
  expect(files).toContain('package/README.md');
  expect(files).toContain('package/LICENSE');
  expect(files.filter((file) => /\.test\.|\/test-|tsconfig|tsbuildinfo/.test(file))).toEqual([]);
});

const CONVERSATION = `
const server = await serve({ port: 0 }, { message(socket, data) { socket.send(data); } });
const socket = await connect(server.url);
socket.send('both ways');
for await (const message of socket) {
  console.log(message);
  break;
}
socket.close();
await socket.closed;
await server.close();
`;

test('plain JavaScript uses the installed package, as a module and by require', async () => {
  writeFileSync(join(project, 'use.mjs'), `import { connect, serve } from 'bothways';\n${CONVERSATION}`);
  const required = `const { connect, serve } = require('bothways');\n(async () => {${CONVERSATION}})();`;
  writeFileSync(join(project, 'use.cjs'), required);
  for (const file of ['use.mjs', 'use.cjs']) {
    const { stdout } = await exec(process.execPath, [file], { cwd: project });
    expect(stdout).toBe('both ways\n');
  }
});

test.each([
  ['NodeNext', ['ES2023']],
  ['Preserve', ['ES2023', 'DOM', 'DOM.AsyncIterable']],
])('TypeScript uses the installed package, with module %s and lib %j', async (module, lib) => {
  const source = `
    import { connect, reject, serve, WebSocket, type Connection } from 'bothways';
    import { clusterBroker, startWorkers } from 'bothways/cluster';
    import { matches, type Broker } from 'bothways/pubsub';
    import { isCloseCodeOnWire } from 'bothways/protocol';
    import { Session } from 'bothways/session';
    import { sessionWebSocket } from 'bothways/session/websocket';
    import { MessageSplitter, mqtt, type Subprotocol } from 'bothways/subprotocols';
    import { startFaultProxy } from 'bothways/testing';

    const server = await serve(
      { port: 0, accept: (request) => (request.url === '/no' ? reject(403) : { user: request.url }) },
      {
        message(socket, data) {
          const user: string = socket.state.user;
          const answer: string | Uint8Array = typeof data === 'string' ? user + data : data;
          const isBelow: boolean = socket.send(answer);
          console.log(isBelow);
        },
      },
    );
    const socket: Connection<undefined, Buffer> = await connect(server.url, { protocols: ['v1'] });
    const standard = new WebSocket(server.url);
    standard.addEventListener('close', (event) => console.log(isCloseCodeOnWire(event.code)));
    standard.onmessage = (event) => console.log(event.data);
    const broker: Broker = clusterBroker({ name: 'news' });
    await serve({ port: 0, broker }, {});
    console.log(matches('a/+', 'a/b'));
    console.log((await startWorkers({ count: 'auto' })).count);
    const session = new Session('http://127.0.0.1:1/', { carriers: ['long-polling'] });
    session.addEventListener('resume', ({ resumed, unacknowledged }) => console.log(resumed, unacknowledged.length));
    session.onclose = (event) => console.log(event.code, session.state, session.carrier);
    const carried: Subprotocol = mqtt;
    new MessageSplitter(carried.fromServer(), 1024).push(Buffer.of(0xd0, 0), (message) => console.log(message.length));
    const SessionWebSocket = sessionWebSocket(Session, { carriers: ['long-polling'] });
    const webSocket = new SessionWebSocket('ws://127.0.0.1:1/', ['mqtt']);
    webSocket.binaryType = 'arraybuffer';
    webSocket.onmessage = ({ data }) => console.log(data, webSocket.readyState === SessionWebSocket.OPEN);
    console.log((await startFaultProxy({ target: 1 })).port);
    // @ts-expect-error a message is a string or bytes
    socket.send(1);
    // @ts-expect-error there is no such option
    await serve({ prot: 1 }, {});
  `;
  writeFileSync(join(project, 'use.ts'), source);
  const options = {
    module,
    lib,
    target: 'ES2023',
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    typeRoots: [join(root, 'node_modules/@types')],
    types: ['node'],
  };
  writeFileSync(
    join(project, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: options, files: ['use.ts'] }),
  );
  await expect(exec(bin('tsc'), ['-p', project])).resolves.toBeTruthy();
});

test('the installed command runs', async () => {
  const { stdout } = await exec(join(project, 'node_modules/.bin/bothways'), ['--version']);
  expect(stdout).toMatch(/^\d+\.\d+\.\d+/);
});
